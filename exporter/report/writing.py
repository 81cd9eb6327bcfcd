"""From figures to a report: findings by what they cost, tables, and what is missing."""

from __future__ import annotations

from collections.abc import Iterator

from exporter.insight.baselines.baseline import Status
from exporter.insight.performance.findings import (
    DEAD_SHARE,
    LARGE_BYTES,
    OLD_DAYS,
    Finding,
    of_delays,
    of_memory,
    of_parallelism,
    of_regressions,
    of_waits,
    of_waste,
)
from exporter.insight.performance.kind import Kind
from exporter.insight.performance.occupancy import thinned
from exporter.insight.performance.saturation import of_active_tasks, of_saturation, of_scheduling
from exporter.quantities import decimal, size
from exporter.report.document import Report
from exporter.report.figures import Figures
from exporter.report.sections import sections

POINTS = 336
"""Of the picture of what runs: half an hour each in a week."""


def report(figures: Figures, most: int) -> Report:
    """Put everything in its place; at most so many rows in each table."""
    tally = figures.tally
    ordered = sorted(
        findings(figures), key=lambda each: (-each.seconds, each.kind.value, each.text)
    )
    totals = {
        "tries": tally.tries,
        "seconds": tally.seconds,
        "tries_before": tally.tries_before,
        "tasks": len(tally.tasks),
    }
    running = thinned(tally.running.minutes(), POINTS)
    return Report(
        figures.extent, totals, ordered, sections(figures, most), figures.missing, running,
    )  # fmt: skip


def findings(figures: Figures) -> Iterator[Finding]:
    """Yield everything that is worth doing something about."""
    tally, limits = figures.tally, figures.limits
    yield from _of_baselines(figures)
    yield from of_regressions(figures.regressions)
    yield from of_waste(tally)
    yield from of_waits(tally)
    yield from of_delays(tally, limits)
    yield from of_parallelism(tally)
    yield from of_saturation(tally, limits)
    yield from of_active_tasks(figures.active)
    yield from of_scheduling(tally, figures.active, limits)
    yield from of_memory(figures.metrics.memory)
    yield from figures.settings
    yield from _of_database(figures)


def _of_baselines(figures: Figures) -> Iterator[Finding]:
    for each in figures.metrics.judgements:
        if each.status is Status.BREACH and each.actual is not None:
            baseline = each.baseline
            yield Finding(
                Kind.BASELINE,
                f"{baseline.key} misses its baseline",
                "Look for what became slower or larger in it, or correct the baselines file.",
                detail=f"{decimal(each.actual)} {baseline.unit}, the limit is "
                f"{decimal(baseline.limit)} {baseline.unit}",
            )


def _of_database(figures: Figures) -> Iterator[Finding]:
    for each in figures.tables:
        rows = each.live_rows + each.dead_rows
        if each.size_bytes >= LARGE_BYTES and each.dead_rows > DEAD_SHARE * rows:
            yield Finding(
                Kind.DATABASE,
                f"{each.dead_rows / rows:.0%} of the rows of {each.name} are dead",
                "Let autovacuum run more often on it (autovacuum_vacuum_scale_factor), and look "
                "for long open transactions.",
                detail=f"it takes {size(each.size_bytes)}",
            )
    large = any(each.size_bytes >= LARGE_BYTES for each in figures.tables)
    extent = figures.extent
    if extent.first is not None and large:
        days = (extent.end - extent.first).total_seconds() / 86400
        if days > OLD_DAYS:
            total = size(sum(each.size_bytes for each in figures.tables))
            yield Finding(
                Kind.DATABASE,
                f"The metadata database keeps {days:,.0f} days of history",
                "Purge old rows off-peak: airflow db clean --clean-before-timestamp ... "
                "(--dry-run first).",
                detail=f"its tables take {total}",
            )
