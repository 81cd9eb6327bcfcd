"""A report in its three forms: as kept in the golden files, and with names that mean harm."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.history.extent import extent
from exporter.insight.performance.findings import Finding
from exporter.insight.performance.kind import Kind
from exporter.report.document import Column, Missing, Report, Section, Unit, shown
from exporter.report.html import html
from exporter.report.json import as_json
from exporter.report.text import text
from exporter.report.writing import report
from tests.support.inert import InertPage
from tests.unit.report.seeded import NOW, figures

GOLDEN = Path(__file__).parent / "golden"
FORMS = {"report.txt": text, "report.json": as_json, "report.html": html}
HOSTILE = "\x1b[2J\x07<script>alert(1)</script>\"'&\u202e\r\n"


@pytest.fixture(scope="module")
def known() -> Report:
    """Return the report of a known month."""
    return report(figures(), 15)


@pytest.mark.parametrize("name", FORMS)
def test_the_report_of_a_known_month_is_as_it_was(name: str, pytestconfig: pytest.Config) -> None:
    made = FORMS[name](report(figures(), 15))
    path = GOLDEN / name
    if pytestconfig.getoption("--update-golden"):
        path.write_text(made, encoding="utf-8")
    assert made == path.read_text(encoding="utf-8")


def hostile() -> Any:
    found = report(figures(), 15)
    section = Section("odd", "Odd", [Column("dag_id", "DAG")], [(HOSTILE,)], 1)
    return replace(
        found,
        findings=[Finding(Kind.WASTE, HOSTILE, HOSTILE, detail=HOSTILE), *found.findings],
        sections=[section, *found.sections],
        missing=[Missing(HOSTILE, HOSTILE)],
    )


def test_no_name_reaches_the_terminal_with_its_controls() -> None:
    lines = text(hostile()).split("\n")
    assert len(lines) == len(text(report(figures(), 15)).split("\n")) + 2 + 4
    assert all(line.isprintable() for line in lines)


def test_no_name_becomes_a_tag_and_nothing_is_fetched_or_run() -> None:
    page = InertPage(html(hostile()))
    page.require_inert()
    assert page.text.count("<script>alert(1)</script>") == 7
    policy = dict(each[1:] for each in page.attributes if each[0] == "meta")["content"]
    assert policy == "default-src 'none'; style-src 'unsafe-inline'"


def test_json_names_its_schema_and_holds_every_name_as_it_is() -> None:
    found = json.loads(as_json(hostile()))
    assert found["schema"] == "airflow-perf-exporter.report/1"
    assert found["findings"][0]["text"] == found["findings"][0]["detail"] == HOSTILE
    assert found["sections"]["odd"]["rows"] == [{"dag_id": HOSTILE}]


def test_what_is_not_finite_is_null_in_json() -> None:
    section = Section("odd", "Odd", [Column("ratio", "r", Unit.RATIO)], [(float("inf"),)], 1)
    found = json.loads(as_json(replace(report(figures(), 15), sections=[section])))
    assert found["sections"]["odd"]["rows"] == [{"ratio": None}]


def test_a_table_says_how_much_it_leaves_out() -> None:
    found = report(figures(), 1)
    assert "(the first 1 of 4)" in text(found)
    assert "The first 1 of 4." in html(found)


def test_hundreds_of_findings_of_one_kind_hide_none_of_another(known: Report) -> None:
    many = [Finding(Kind.REGRESSION, f"task {n} is slower", "", 999.0 - n) for n in range(300)]
    found = replace(known, findings=[*many, Finding(Kind.MEMORY, "b is near its limit", "")])
    for form in (text, html):
        made = form(found)
        assert "task 9 is slower" in made
        assert "task 10 is slower" not in made
        assert "b is near its limit" in made
        assert "290 more of regression: in the tables, and in --format json." in made
    assert len(json.loads(as_json(found))["findings"]) == 301


@pytest.mark.parametrize(
    ("findings", "verdict"),
    [
        ([], "Nothing stands out."),
        (
            [Finding(Kind.WASTE, "a lost 2.0 min", "", 120.0)],
            "1 finding (2.0 min): a lost 2.0 min.",
        ),
        (
            [Finding(Kind.WAIT, "tasks wait", "", 7200.0), Finding(Kind.MEMORY, "b", "")],
            "2 findings; the costliest (2.0 h): tasks wait.",
        ),
        (
            [Finding(Kind.MEMORY, "b is near its limit", "")],
            "1 finding, none with a cost in time: b is near its limit.",
        ),
    ],
)
def test_the_verdict_names_the_costliest_finding(
    known: Report, findings: list[Finding], verdict: str
) -> None:
    found = replace(known, findings=findings)
    assert found.verdict == f"239 tries took 6.8 h of task time. {verdict}"


def test_without_a_try_there_may_still_be_a_finding(known: Report) -> None:
    nothing = replace(known, totals={**known.totals, "tries": 0, "seconds": 0.0}, findings=[])
    assert nothing.verdict == "No try has ended in this period."
    memory = replace(nothing, findings=[Finding(Kind.DATABASE, "rows are dead", "")])
    assert memory.verdict.startswith("No try has ended in this period. 1 finding, none with")


def test_the_head_has_both_ends_of_both_times(known: Report) -> None:
    period = "2026-03-22 00:00 to 2026-03-29 00:00 UTC (7.0 d)"
    before = "2026-02-22 00:00 to 2026-03-22 00:00 UTC (28.0 d)"
    assert text(known).splitlines()[1:3] == [
        f"Period:        {period}", f"Compared with: {before}",
    ]  # fmt: skip
    assert f"{period}, compared with {before}" in html(known)


def test_where_nothing_came_before_nothing_is_compared(known: Report) -> None:
    young = extent(NOW, timedelta(days=28), timedelta(days=7), NOW - timedelta(minutes=12))
    found = replace(known, extent=young)
    assert text(found).splitlines()[1:3] == [
        "Period:        2026-03-28 23:48 to 2026-03-29 00:00 UTC (12.0 min)",
        "Compared with: nothing, the database begins at 2026-03-28 23:48 UTC",
    ]
    told = json.loads(as_json(found))
    assert told["since"] == told["compared_since"] == told["database_begins"]
    assert (told["asked_seconds"], told["asked_compare_seconds"]) == (7 * 86400, 28 * 86400)


@given(st.sampled_from(Unit), st.floats() | st.integers())
def test_no_figure_is_wider_than_a_column(unit: Unit, value: float) -> None:
    if unit is not Unit.TEXT:
        assert len(shown(value, unit)) <= 16
