"""The page `/tasks` as HTML: nothing in it runs, nothing is fetched, names do nothing."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timezone
from functools import partial
from html import escape
from typing import Final

from exporter.quantities import amount, clock, decimal, plain, size, whole
from exporter.running.tries import RunningTries, RunningTry
from exporter.telemetry import recent
from exporter.web.tasks.curve import Curve, figure

REFRESH_SECONDS: Final = 10

STYLE: Final = """
:root { color-scheme: light dark; --line: #d0d4da; --curve: #1f5fa8 }
@media (prefers-color-scheme: dark) { :root { --line: #454b54; --curve: #7fb2ee } }
body { font: 1rem/1.5 system-ui, sans-serif; max-width: 64rem; margin: 1rem auto; padding: 0 1rem }
h1 { font-size: 1.4rem }
small { font-weight: normal; opacity: .8 }
.curves { display: grid; gap: .75rem;
  grid-template-columns: repeat(auto-fill, minmax(min(18rem, 45%), 1fr)) }
figure { margin: 0; padding: .5rem .75rem; border: 1px solid var(--line); border-radius: .3rem }
figcaption small { display: block }
svg { display: block; width: 100%; height: 3rem }
polyline { fill: none; stroke: var(--curve); stroke-width: 1.5; stroke-linecap: round;
  vector-effect: non-scaling-stroke }
.wide { overflow-x: auto }
table { border-collapse: collapse; width: 100% }
th, td { text-align: right; padding: .35rem 0 .35rem .9rem; border-bottom: 1px solid var(--line) }
td { font-variant-numeric: tabular-nums; white-space: nowrap }
th { font-weight: normal }
th:first-child { text-align: left; padding-left: 0; min-width: 9rem; overflow-wrap: anywhere }
th a { color: inherit }
th[aria-sort] { font-weight: bold }
@media print { nav { display: none } }
"""

_PAGE: Final = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="refresh" content="{refresh}">
<title>Running tasks</title>
<style>{style}</style>
</head>
<body>
<nav><a href="./">airflow-perf-exporter</a></nav>
<h1>Running tasks <small>{summary}</small></h1>
<div class="curves">
{curves}
</div>
<h2>Tries on this host</h2>
{table}
</body>
</html>
"""

_TABLE: Final = """<div class="wide">
<table>
<thead>
<tr>{heading}</tr>
</thead>
<tbody>
{rows}
</tbody>
</table>
</div>
{rest}"""

_CURVES: Final[Sequence[tuple[str, str, Callable[[float], str]]]] = (
    (recent.QUEUED, "Queued", whole),
    (recent.RUNNING, "Running", whole),
    (recent.TRIES, "Tries a minute", decimal),
    (recent.CPU, "CPU cores here", partial(decimal, digits=2)),
    (recent.MEMORY, "Memory here", size),
    (recent.ROWS, "Rows a minute", amount),
)
_COLUMNS: Final = (
    ("dag", "DAG and task"),
    ("", "Try"),
    ("cpu", "CPU"),
    ("memory", "Memory"),
    ("peak", "Peak"),
    ("age", "Age"),
    ("rows", "Rows/s"),
)
"""What each column is sorted by, if at all, and its title."""


def page(found: RunningTries | None, curves: Mapping[str, Sequence[float]], order: str) -> bytes:
    """Return the page: the tries in their order, and the last hour."""
    figures = (figure(Curve(title, curves[name], shown)) for name, title, shown in _CURVES)
    return _PAGE.format(
        refresh=REFRESH_SECONDS,
        style=STYLE,
        summary=""
        if found is None
        else f"{datetime.fromtimestamp(found.at, timezone.utc):%H:%M:%S} UTC",
        curves="\n".join(figures),
        table=_table(found, order),
    ).encode("utf-8", "replace")


def _table(found: RunningTries | None, order: str) -> str:
    if found is None:
        return "<p>None have been read: see <code>--collector.tasks</code>.</p>"
    nameless = f" {whole(found.nameless)} task processes have no name." if found.nameless else ""
    if not found.tries:
        return f"<p>None runs at the moment.{nameless}</p>"
    left = found.total - len(found.tries)
    rest = f"{whole(found.total)} in all" + (f", {whole(left)} of them not shown." if left else ".")
    heading = "".join(_heading(sort, title, order) for sort, title in _COLUMNS)
    rows = "\n".join(map(_row, found.tries))
    return _TABLE.format(heading=heading, rows=rows, rest=f"<p>{rest}{nameless}</p>")


def _heading(sort: str, title: str, order: str) -> str:
    if not sort:
        return f'<th scope="col">{title}</th>'
    direction = "ascending" if sort == "dag" else "descending"
    mark = f' aria-sort="{direction}"' if sort == order else ""
    return f'<th scope="col"{mark}><a href="?sort={sort}">{title}</a></th>'


def _row(each: RunningTry) -> str:
    rows = each.rows_per_second
    cells = (
        "-" if each.try_number is None else whole(each.try_number),
        f"{decimal(each.cpu_percent)} %",
        size(each.memory_bytes),
        size(each.peak_bytes),
        clock(each.age_seconds),
        "-" if rows is None else amount(rows),
    )
    name = f"{_name(each.task)}<br><small>{_name(each.dag_id)}</small>"
    return f'<tr><th scope="row">{name}</th>{"".join(f"<td>{cell}</td>" for cell in cells)}</tr>'


def _name(text: str) -> str:
    return escape(plain(text))
