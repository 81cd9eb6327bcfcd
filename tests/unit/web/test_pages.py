"""The landing page."""

from __future__ import annotations

from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.web.pages import CollectorStatus, FamilyStatus, Status, landing

_VOID = {"meta", "!doctype", "wbr"}
_MARK = "<script>alert('&\"')</script>"


class Page(HTMLParser):
    """Check that tags nest, and collect links and cells."""

    def __init__(self, html: bytes) -> None:
        """Read the page."""
        super().__init__()
        self.open: list[str] = []
        self.tags: set[str] = set()
        self.links: list[str | None] = []
        self.cells: list[str] = []
        self.feed(html.decode())
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Remember a tag until it ends."""
        self.tags.add(tag)
        self.links += [value for name, value in attrs if name == "href"]
        if tag in ("td", "th"):
            self.cells.append("")
        if tag not in _VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        """Close the innermost tag."""
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        """Collect what stands in a cell."""
        if self.open and self.open[-1] in ("td", "th", "meter"):
            self.cells[-1] += data


def _cells(status: CollectorStatus) -> list[str]:
    return Page(landing("1", "/metrics", Status([status]))).cells[5:]


@pytest.mark.parametrize(
    ("status", "cells"),
    [
        (CollectorStatus("airflow", True, 2.4, 0.0123, None), ["ok", "2 s ago", "0.012 s", "none"]),
        (
            CollectorStatus("tasks", False, 600, 1, "timeout"),
            ["failing", "10 min ago", "1.000 s", "timeout"],
        ),
        (
            CollectorStatus("tasks", False, 7200, 1, "timeout"),
            ["failing", "2 h ago", "1.000 s", "timeout"],
        ),
        (CollectorStatus("tasks", False, 200_000, 1, "x"), ["failing", "2 d ago", "1.000 s", "x"]),
        (
            CollectorStatus("containers", False, None, None, "docker"),
            ["failing", "never", "none", "docker"],
        ),
        (
            CollectorStatus("containers", False, None, None, None),
            ["waiting", "never", "none", "none"],
        ),
    ],
)
def test_a_collector_is_one_row(status: CollectorStatus, cells: list[str]) -> None:
    assert _cells(status) == [status.name, *cells]


def test_everything_that_comes_in_is_escaped() -> None:
    html = landing(
        _MARK,
        f"/{_MARK}",
        Status([CollectorStatus(_MARK, False, 1, 1, _MARK)], [FamilyStatus(_MARK, 1, 2, 3)], _MARK),
    )
    page = Page(html)
    assert b"<script" not in html
    assert "script" not in page.tags
    assert page.cells[5] == page.cells[9] == _MARK


def test_links_are_relative_so_that_a_path_prefix_works() -> None:
    page = Page(landing("1", "/a:b", Status()))
    assert page.links == ["./a%3Ab", "./-/healthy", "./-/ready"]


def test_without_collectors_the_page_says_so() -> None:
    html = landing("1", "/metrics", Status())
    assert b"No collector is on." in html
    assert "table" not in Page(html).tags


def test_a_reason_that_is_no_category_is_cut() -> None:
    assert len(_cells(CollectorStatus("x", False, 1, 1, "r" * 5000))[4]) == 80


def test_the_page_fits_phones_and_both_colour_schemes() -> None:
    html = landing("1", "/metrics", Status())
    assert b"width=device-width" in html
    assert b"prefers-color-scheme: dark" in html
    assert b"http://" not in html
    assert b"https://" not in html


@given(st.text(), st.text(), st.text())
def test_no_text_breaks_the_page(version: str, name: str, reason: str) -> None:
    collectors = [CollectorStatus(name, False, 1, 1, reason)]
    status = Status(collectors, [FamilyStatus(name, 1, 1, 1)], reason, reason)
    Page(landing(version, "/metrics", status))


def test_families_come_fullest_first_and_unused_ones_not_at_all() -> None:
    families = [
        FamilyStatus("empty", 0, 50_000, 0),
        FamilyStatus("half", 25_000, 50_000, 0),
        FamilyStatus("full", 10_000, 10_000, 1_234),
        FamilyStatus("closed", 0, 0, 7),
    ]
    html = landing("1", "/metrics", Status((), families))
    assert Page(html).cells == [
        "Family", "Series", "Cap", "Used", "Refused",
        "closed", "0", "0", "100 %", "7",
        "full", "10,000", "10,000", "100 %", "1,234",
        "half", "25,000", "50,000", "50 %", "0",
    ]  # fmt: skip
    assert b"35,000 series in 3 families" in html


@pytest.mark.parametrize(
    ("status", "said"),
    [
        (Status(), b"It is healthy and ready."),
        (Status(unready="it waits"), b"It is not well: it waits."),
        (Status(unready="it waits", unhealthy="it hangs"), b"It is not well: it hangs."),
    ],
)
def test_the_page_says_how_it_is(status: Status, said: bytes) -> None:
    assert said in landing("1", "/metrics", status)
