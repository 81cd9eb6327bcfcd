"""The report, /tasks and the landing page in headless Chromium, on a desk, a phone and paper."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest

from tests.pages.browser import installed, opened
from tests.pages.looks import SCREENS, faults, looked
from tests.support.exporter import ExporterProcess
from tests.support.require import require

REPORT = Path(__file__).parents[1] / "unit/report/golden/report.html"
ADDRESSES = {"report": REPORT.as_uri(), "tasks": "{}/tasks", "landing": "{}"}
EVERY_LOOK = [*itertools.product(SCREENS, (False, True))]


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    program = installed()
    require(program, "there is no Chromium")
    with opened(program, tmp_path_factory.mktemp("profile")) as browser:
        yield browser


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    with ExporterProcess(tmp_path_factory.mktemp("demo"), command="demo") as demo:
        demo.wait_ready(60)
        yield demo


@pytest.mark.parametrize("page", ADDRESSES)
@pytest.mark.parametrize(("screen", "dark"), EVERY_LOOK)
def test_a_page_is_quiet_asks_for_itself_alone_and_fits_the_screen(
    browser, demo, page, screen, dark
):
    url = ADDRESSES[page].format(demo.url)

    visit = looked(browser, url, screen, dark=dark)

    assert [each.rstrip("/") for each in visit.requests] == [url.rstrip("/")]
    assert [*faults(url, visit)] == []


@pytest.mark.parametrize("page", ADDRESSES)
def test_a_page_can_be_printed(browser, demo, page):
    looked(browser, ADDRESSES[page].format(demo.url), "desk", dark=False)

    assert browser.printed().startswith(b"%PDF")


@pytest.mark.parametrize(
    ("body", "fault"),
    [
        ("<script>throw new Error('broken')</script>", "complains: Uncaught"),
        ("<script>console.error('broken')</script>", "complains: broken"),
        ('<img src="http://127.0.0.1:1/pixel.png">', "asks for http://127.0.0.1:1/pixel.png"),
        ('<div style="width: 5000px">wide</div>', "pixels wider than the screen"),
    ],
)
def test_what_is_wrong_with_a_page_is_seen(browser, tmp_path, body, fault):
    page = tmp_path / "page.html"
    page.write_text(f'<!doctype html><meta name="viewport" content="width=device-width">{body}')

    visit = looked(browser, page.as_uri(), "phone", dark=False)

    assert any(fault in each for each in faults(page.as_uri(), visit))
