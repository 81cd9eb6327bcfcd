"""The landing page: what this is, where to go, how the collectors are, what fills up."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from html import escape
from urllib.parse import quote

_MOST_REASON_CHARACTERS = 80
_MOST_WRONG_CHARACTERS = 200
_MINUTE, _HOUR, _DAY = 60, 3600, 86400

STYLE = """
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
tbody th { font-weight: normal }
.number { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap }
meter { width: 5rem; max-width: 20vw }
@media (max-width: 40rem) {
  table { font-size: .8rem }
  th, td { padding-right: .5rem }
  meter { width: 2.5rem }
}
.ok { color: var(--good) }
.failing, .full { color: var(--bad); font-weight: bold }
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
<p>This exporter samples an Airflow platform and serves what it saw to Prometheus. {state}</p>
<nav>
<a href="{metrics}">Metrics</a>
<a href="./-/healthy">Healthy</a>
<a href="./-/ready">Ready</a>{tasks}
</nav>
<h2>Collectors</h2>
{collectors}
<h2>Series</h2>
{families}
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


_FAMILIES = """<p>{count} series in {used} families, the fullest first. \
Above its cap a family takes no more.</p>
<div class="wide">
<table>
<thead>
<tr><th scope="col">Family</th><th scope="col" class="number">Series</th>\
<th scope="col" class="number">Cap</th><th scope="col">Used</th>\
<th scope="col" class="number">Refused</th></tr>
</thead>
<tbody>
{rows}
</tbody>
</table>
</div>"""


@dataclass(frozen=True)
class FamilyStatus:
    """Say how full a family is: its label sets, their cap, and the samples refused above it."""

    name: str
    series: int
    cap: int
    refused: int

    @property
    def used(self) -> float:
        """Return the part of the cap that is taken; a cap of nothing is full."""
        return self.series / self.cap if self.cap else 1.0


@dataclass(frozen=True)
class Status:
    """Say how the exporter is; `unready` and `unhealthy` are None or what is wrong."""

    collectors: Iterable[CollectorStatus] = ()
    families: Iterable[FamilyStatus] = ()
    unready: str | None = None
    unhealthy: str | None = None


@dataclass(frozen=True)
class CollectorStatus:
    """Say how a collector is; `reason` is the category of its last error, never its text."""

    name: str
    success: bool
    last_success_age_seconds: float | None
    duration_seconds: float | None
    reason: str | None


def landing(
    version: str, telemetry_path: str, status: Status, *, with_tasks: bool = False
) -> bytes:
    """Return the page as HTML; its links are relative, so it works behind a path prefix."""
    rows = "\n".join(map(_row, status.collectors))
    page = _PAGE.format(
        style=STYLE,
        version=escape(version),
        metrics=escape("." + quote(telemetry_path)),
        tasks='\n<a href="./tasks">Running tasks</a>' if with_tasks else "",
        state=_overall(status),
        collectors=_TABLE.format(rows=rows) if rows else "<p>No collector is on.</p>",
        families=_families([each for each in status.families if each.series or each.refused]),
    )
    return page.encode()


def _overall(status: Status) -> str:
    if (wrong := status.unhealthy or status.unready) is None:
        return '<span class="ok">It is healthy and ready.</span>'
    return f'<span class="failing">It is not well: {escape(wrong[:_MOST_WRONG_CHARACTERS])}.</span>'


def _families(families: list[FamilyStatus]) -> str:
    if not families:
        return "<p>There are none yet.</p>"
    families.sort(key=lambda each: (-each.used, each.name))
    count = sum(each.series for each in families)
    rows = "\n".join(map(_family_row, families))
    return _FAMILIES.format(count=f"{count:,}", used=len(families), rows=rows)


def _family_row(status: FamilyStatus) -> str:
    percent = f"{100 * status.used:.0f} %"
    kind = "number full" if status.refused else "number"
    cells = (
        f'<td class="number">{status.series:,}</td>',
        f'<td class="number">{status.cap:,}</td>',
        f'<td><meter min="0" max="1" high="0.8" value="{min(1.0, status.used):.3f}">{percent}'
        f"</meter></td>",
        f'<td class="{kind}">{status.refused:,}</td>',
    )
    # A long name may be broken, on a phone.
    name = escape(status.name).replace("_", "_<wbr>")
    return f'<tr><th scope="row">{name}</th>{"".join(cells)}</tr>'


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
