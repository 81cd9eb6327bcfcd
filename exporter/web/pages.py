"""The landing page: what this is, where to go, how the collectors are."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from html import escape
from urllib.parse import quote

_MOST_REASON_CHARACTERS = 80
_MINUTE, _HOUR, _DAY = 60, 3600, 86400

_STYLE = """
:root { color-scheme: light dark; --line: #d0d4da; --good: #17692f; --bad: #b3261e }
@media (prefers-color-scheme: dark) {
  :root { --line: #454b54; --good: #7fd69a; --bad: #ff9d94 }
}
body { font: 1rem/1.5 system-ui, sans-serif; max-width: 46rem; margin: 2rem auto; padding: 0 1rem }
h1 { font-size: 1.4rem; overflow-wrap: anywhere }
small { font-weight: normal; opacity: .8 }
nav a { display: inline-block; padding: .5rem 1rem .5rem 0 }
.wide { overflow-x: auto }
table { border-collapse: collapse; width: 100% }
th, td { text-align: left; padding: .35rem .9rem .35rem 0; border-bottom: 1px solid var(--line) }
.ok { color: var(--good) }
.failing { color: var(--bad); font-weight: bold }
"""

_PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>airflow-perf-exporter</title>
<style>{style}</style>
</head>
<body>
<h1>airflow-perf-exporter <small>{version}</small></h1>
<p>This exporter samples an Airflow platform and serves what it saw to Prometheus.</p>
<nav>
<a href="{metrics}">Metrics</a>
<a href="./-/healthy">Healthy</a>
<a href="./-/ready">Ready</a>
</nav>
<h2>Collectors</h2>
{collectors}
</body>
</html>
"""

_TABLE = """<div class="wide">
<table>
<thead>
<tr><th scope="col">Collector</th><th scope="col">State</th><th scope="col">Last success</th>\
<th scope="col">Duration</th><th scope="col">Last error</th></tr>
</thead>
<tbody>
{rows}
</tbody>
</table>
</div>"""


@dataclass(frozen=True)
class CollectorStatus:
    """Say how a collector is; `reason` is the category of its last error, never its text."""

    name: str
    success: bool
    last_success_age_seconds: float | None
    duration_seconds: float | None
    reason: str | None


def landing(version: str, telemetry_path: str, collectors: Iterable[CollectorStatus]) -> bytes:
    """Return the page as HTML; its links are relative, so it works behind a path prefix."""
    rows = "\n".join(map(_row, collectors))
    page = _PAGE.format(
        style=_STYLE,
        version=escape(version),
        metrics=escape("." + quote(telemetry_path)),
        collectors=_TABLE.format(rows=rows) if rows else "<p>No collector is on.</p>",
    )
    return page.encode()


def _row(status: CollectorStatus) -> str:
    state = _state(status)
    duration, reason = status.duration_seconds, status.reason
    cells = (
        f'<td class="{state}">{state}</td>',
        f"<td>{_age(status.last_success_age_seconds)}</td>",
        f"<td>{'none' if duration is None else f'{duration:.3f} s'}</td>",
        f"<td>{escape(reason[:_MOST_REASON_CHARACTERS]) if reason else 'none'}</td>",
    )
    return f'<tr><th scope="row">{escape(status.name)}</th>{"".join(cells)}</tr>'


def _state(status: CollectorStatus) -> str:
    if status.success:
        return "ok"
    never = status.last_success_age_seconds is None and status.reason is None
    return "waiting" if never else "failing"


def _age(seconds: float | None) -> str:
    if seconds is None:
        return "never"
    for unit, name in ((_DAY, "d"), (_HOUR, "h"), (_MINUTE, "min")):
        if seconds >= 2 * unit:
            return f"{seconds // unit:.0f} {name} ago"
    return f"{seconds:.0f} s ago"
