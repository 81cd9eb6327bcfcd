"""A report for a terminal or a log: plain text that no name in it can break out of."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from exporter.insight.performance.occupancy import thinned
from exporter.quantities import plain
from exporter.report.document import TOP_FINDINGS, Column, Report, Section, Unit, shown

_WIDEST = 44
_BARS = " ▁▂▃▄▅▆▇█"
_LINE = 72


def text(report: Report) -> str:
    """Return the whole report; lines end with a newline."""
    return "\n".join(_lines(report)) + "\n"


def _lines(report: Report) -> Iterator[str]:
    yield "Airflow performance"
    yield f"Period:        {report.period}"
    yield f"Compared with: {report.comparison}"
    yield ""
    yield plain(report.verdict)
    if max(report.running, default=0.0) > 0:
        yield f"Running tasks, peak {max(report.running):,.0f}:"
        yield _sparkline(report.running)
    for number, each in enumerate(report.listed, 1):
        if number == 1:
            yield from ("", "Findings, the costliest first")
        if number == TOP_FINDINGS + 1:
            yield from ("", "And also")
        yield f"{number:>3}. {plain(each.sentence)}"
        yield f"     > {plain(each.recommendation)}"
    if report.unlisted:
        yield f"     {report.unlisted}"
    for section in report.sections:
        yield from _section(section)
    if report.missing:
        yield from ("", "Data gaps")
        for gap in report.missing:
            yield f"  {plain(gap.what)}: {plain(gap.why)}"


def _section(section: Section) -> Iterator[str]:
    left = section.total - len(section.rows)
    more = f" (the first {len(section.rows)} of {section.total})" if left else ""
    yield from ("", f"{section.title}{more}")
    if section.note:
        yield f"  {section.note}"
    cells = [
        [
            _cut(shown(value, column.unit))
            for value, column in zip(row, section.columns, strict=True)
        ]
        for row in section.rows
    ]
    titles = [column.title for column in section.columns]
    widths = [max(map(len, column)) for column in zip(titles, *cells, strict=True)]
    for row in (titles, *cells):
        yield "  " + _aligned(row, section.columns, widths)


def _aligned(row: Sequence[str], columns: Sequence[Column], widths: Sequence[int]) -> str:
    parts = (
        cell.ljust(width) if column.unit is Unit.TEXT else cell.rjust(width)
        for cell, column, width in zip(row, columns, widths, strict=True)
    )
    return "  ".join(parts).rstrip()


def _cut(cell: str) -> str:
    return cell if len(cell) <= _WIDEST else f"{cell[: _WIDEST - 3]}..."


def _sparkline(values: Sequence[float]) -> str:
    peaks = thinned(values, _LINE)
    highest = max(peaks)
    return "".join(_BARS[math.ceil(each / highest * (len(_BARS) - 1))] for each in peaks)
