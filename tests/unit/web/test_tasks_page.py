"""The page /tasks and what `top` reads there."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from math import inf, isfinite, nan

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.running.message import MAX_TRIES, loaded
from exporter.running.tries import ORDERS, RunningTries
from exporter.telemetry.recent import CURVES, POINTS
from exporter.web.messages import Request, Response
from exporter.web.tasks.answers import MAX_ROWS, TasksPage
from exporter.web.tasks.curve import Curve, figure
from tests.support.inert import InertPage
from tests.unit.running.tries import TRIES, one, several

NOTHING = {name: [nan] * POINTS for name in CURVES}


def answered(found: RunningTries | None, path: str = "/tasks", query: str = "") -> Response:
    """Ask for the page of what runs."""
    page = TasksPage(lambda: found, lambda: NOTHING, lambda dag_id, task_id: None)
    return page(Request("GET", path, query, {}))


def html(found: RunningTries | None, query: str = "") -> str:
    """Return the page."""
    return b"".join(answered(found, query=query).body).decode()


@given(TRIES, st.sampled_from([*ORDERS]))
def test_no_name_adds_anything_to_the_page(tries: RunningTries, order: str) -> None:
    tame = several(*(one(map_index=each.map_index) for each in tries.tries))
    shown, expected = InertPage(html(tries, f"sort={order}")), InertPage(html(tame))
    shown.require_inert()
    assert shown.tags["td"] == expected.tags["td"]
    assert shown.tags.keys() == expected.tags.keys()


def test_hostile_names_stand_there_as_text() -> None:
    name = '</th><script>alert("1")</script><img src=x onerror=y>\x1b&amp;'
    page = InertPage(html(several(one(name, name))))
    page.require_inert()
    assert name.replace("\x1b", "\N{REPLACEMENT CHARACTER}") in page.text


def test_nothing_may_run_or_be_fetched() -> None:
    headers = dict(answered(several(one())).headers)
    policy = headers["Content-Security-Policy"]
    assert policy.startswith("default-src 'none'; ")
    assert "script-src" not in policy
    assert headers["Cache-Control"] == "no-store"


def test_a_page_is_bounded_and_counts_the_rest() -> None:
    tries = [one(task_id=f"t{number}", cpu_percent=number) for number in range(MAX_ROWS + 50)]
    page = InertPage(html(several(*tries)))
    assert page.tags["tr"] == 1 + MAX_ROWS
    assert f"{MAX_ROWS + 50} in all, 50 of them not shown." in page.text
    assert f"t{MAX_ROWS + 49}" in page.text
    assert "t49" not in re.findall(r"t\d+", page.text)


@pytest.mark.parametrize(("query", "first"), [("", "b"), ("sort=dag", "a"), ("sort=%3Cb", "b")])
def test_a_heading_sorts(query: str, first: str) -> None:
    page = html(several(one("a", cpu_percent=1.0), one("b", cpu_percent=2.0)), query)
    assert re.findall(r"<small>(a|b)</small>", page)[0] == first


def test_it_is_said_that_nothing_was_read_or_nothing_runs() -> None:
    assert "None have been read" in html(None)
    assert "None runs at the moment. 2 task processes have no name." in html(several(nameless=2))
    assert answered(None, "/tasks.json").status == 503


def test_top_is_told_the_most_and_the_rows_of_stages() -> None:
    tries = [one(task_id=f"t{number}", cpu_percent=number) for number in range(MAX_TRIES + 1)]
    page = TasksPage(lambda: several(*tries), lambda: NOTHING, lambda dag_id, task_id: 7.5)
    answer = page(Request("GET", "/tasks.json", "", {}))
    found = loaded(b"".join(answer.body))
    assert (len(found.tries), found.total) == (MAX_TRIES, MAX_TRIES + 1)
    assert (found.tries[0].cpu_percent, found.tries[0].rows_per_second) == (MAX_TRIES, 7.5)


def test_a_sort_by_rows_looks_at_all_tries() -> None:
    tries = [one(task_id=f"t{number}", cpu_percent=number) for number in range(MAX_ROWS + 1)]
    rates = {"t0": 100.0}
    page = TasksPage(lambda: several(*tries), lambda: NOTHING, lambda _, task: rates.get(task))
    body = b"".join(page(Request("GET", "/tasks", "sort=rows", {})).body).decode()
    assert '<th scope="row">t0<' in body


class Lines(HTMLParser):
    """Collect the points of lines."""

    def __init__(self, text: str) -> None:
        """Read an SVG picture."""
        super().__init__()
        self.lines: list[list[tuple[float, float]]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Take the points of a line."""
        if tag == "polyline":
            pairs = (dict(attrs)["points"] or "").split()
            self.lines.append(
                [(float(x), float(y)) for x, y in (each.split(",") for each in pairs)]
            )


@given(st.lists(st.floats(0, 1e300) | st.sampled_from([nan, inf]), min_size=1, max_size=POINTS))
def test_a_curve_stays_in_its_picture_and_breaks_where_nothing_is_known(
    values: list[float],
) -> None:
    drawn = Lines(figure(Curve("t", values, "{:.0f}".format))).lines
    stretches = "".join("." if isfinite(each) else " " for each in values).split()
    assert [len(each) for each in drawn] == [max(2, len(each)) for each in stretches]
    assert all(0 <= x <= 180 and 0 <= y <= 40 for line in drawn for x, y in line)


def test_absurd_figures_take_a_few_characters() -> None:
    hostile = one(
        cpu_percent=1e300, memory_bytes=int(1e300), peak_bytes=-int(1e300), age_seconds=-1e300,
        rows_per_second=1e300,
    )  # fmt: skip
    curves = {name: [1e300] for name in CURVES}
    page = TasksPage(lambda: several(hostile), lambda: curves, lambda *_: inf)
    text = InertPage(b"".join(page(Request("GET", "/tasks", "", {})).body).decode()).text
    assert "> 999 P" in text
    assert max(map(len, re.findall(r"[\d,.]+", text))) <= len("1,800,000,000")


def test_the_highest_value_is_at_the_top_and_nothing_at_the_bottom() -> None:
    ((low, high),) = Lines(figure(Curve("t", [0.0, 8.0], "{:g}".format))).lines
    assert (low, high) == ((0.0, 38.0), (180.0, 2.0))


def test_a_value_without_end_does_not_flatten_the_others() -> None:
    ((low, high),) = Lines(figure(Curve("t", [0.0, 8.0, inf], "{:g}".format))).lines
    assert (low[1], high[1]) == (38.0, 2.0)
