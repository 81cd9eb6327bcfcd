"""A replay as a table, as JSON, and as a picture."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict
from xml.sax.saxutils import escape

from exporter.history.extent import told
from exporter.insight.performance.occupancy import thinned
from exporter.quantities import clock, decimal, plain
from exporter.replay.result import SCHEMA, Result, Row

WIDTH, HEIGHT, LEGEND = 900, 260, 24
_POINTS = 450
_WIDEST = 80
_COLOURS = ("#868e96", "#e8590c", "#1971c2", "#9c36b5", "#2f9e44")
_STYLE = (
    "text{font:13px system-ui,sans-serif;fill:#333}.ground{fill:#fff}.axis{stroke:#8888}"
    "polyline{fill:none;stroke-width:1.5}"
    "@media(prefers-color-scheme:dark){text{fill:#ddd}.ground{fill:#111}}"
)


def text(found: Result) -> str:
    """Return a table for people."""
    return "\n".join(_lines(found)) + "\n"


def as_json(found: Result) -> str:
    """Return one JSON object; keys name their units."""
    extent = found.extent
    fields = {
        "schema": SCHEMA,
        "since": extent.split.isoformat(),
        "until": extent.end.isoformat(),
        "learned_since": extent.begin.isoformat(),
        "asked_seconds": extent.asked_later.total_seconds(),
        "asked_learn_seconds": extent.asked_earlier.total_seconds(),
        "database_begins": None if extent.first is None else extent.first.isoformat(),
        "notes": [*found.notes],
        "tries": dict(found.tries),
        "runs_due": found.runs_due,
        "settings": asdict(found.settings),
        "every_seconds": found.every_seconds,
        "policies": [asdict(each) for each in found.rows],
    }
    return json.dumps(fields, indent=2) + "\n"


def svg(found: Result) -> str:
    """Return a picture of the workers of each way to scale over the replayed time."""
    highest = max((max(each.workers, default=0) for each in found.rows), default=0) or 1
    extent, notes = found.extent, [*found.notes]
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} '
        f'{HEIGHT + LEGEND * (len(found.rows) + len(notes) + 2)}" role="img">',
        f"<style>{_STYLE}</style>",
        '<rect class="ground" width="100%" height="100%"/>',
        f'<text x="4" y="16">Workers, peak {highest:,}, {told(extent.split, extent.end)}</text>',
        f'<line class="axis" x1="0" y1="{HEIGHT}" x2="{WIDTH}" y2="{HEIGHT}"/>',
    ]
    for number, (row, colour) in enumerate(zip(found.rows, _COLOURS, strict=False), 1):
        y = HEIGHT + LEGEND * number
        points = _points(row, highest)
        parts += [
            f'<polyline stroke="{colour}" points="{points}"/>',
            f'<line stroke="{colour}" stroke-width="3" x1="4" x2="28" y1="{y - 4}" y2="{y - 4}"/>',
            f'<text x="36" y="{y}">{escape(_told(row))}</text>',
        ]
    for number, note in enumerate(notes, len(found.rows) + 1):
        parts.append(f'<text x="4" y="{HEIGHT + LEGEND * number}">{escape(note)}</text>')
    return "\n".join([*parts, "</svg>"]) + "\n"


def _lines(found: Result) -> Iterator[str]:
    extent = found.extent
    yield f"Replayed: {told(extent.split, extent.end)}"
    yield f"Learned from: {told(extent.begin, extent.split) if extent.earlier else 'nothing'}"
    yield from found.notes
    if not found.rows:
        yield "No try was queued for workers in this time."
        return
    queues = ", ".join(
        f"{plain(queue)[:_WIDEST] or '(none)'} {count:,}" for queue, count in found.tries.items()
    )
    yield (
        f"Tries by queue: {queues}; {found.runs_due:,} scheduled runs whose first wave was known "
        f"before. {found.settings.concurrency} slots a worker, which boots in "
        f"{clock(found.settings.boot_seconds)}."
    )
    yield ""
    yield f"{'':<22}{'worker-hours':>14}{'mean wait':>12}{'p95 wait':>12}{'peak':>10}"
    for row in found.rows:
        yield (
            f"{row.name:<22}{_hours(row):>14}{clock(row.mean_wait_seconds):>12}"
            f"{clock(row.p95_wait_seconds):>12}{max(row.workers, default=0):>10,}"
        )


def _points(row: Row, highest: int) -> str:
    levels = thinned([float(each) for each in row.workers], _POINTS)
    step = WIDTH / max(1, len(levels))
    return " ".join(
        f"{place * step:.1f},{HEIGHT - level / highest * (HEIGHT - 30):.1f}"
        for place, level in enumerate(levels)
    )


def _told(row: Row) -> str:
    return (
        f"{row.name}: {_hours(row)} worker-hours, waits {clock(row.mean_wait_seconds)} "
        f"on average, {clock(row.p95_wait_seconds)} p95"
    )


def _hours(row: Row) -> str:
    return decimal(row.worker_hours, 1 if row.worker_hours >= 10 else 2)  # noqa: PLR2004 - digits
