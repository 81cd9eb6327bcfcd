"""What a replay came to: one row for every way to scale."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from exporter.history.extent import Extent
from exporter.insight.autoscale import Policy as Settings
from exporter.insight.performance.quantiles import quantile
from exporter.insight.replay.fleet import Outcome, Terms, replayed
from exporter.insight.replay.learning import Learning
from exporter.insight.replay.policies import policies
from exporter.quantities import clock

SCHEMA: Final = "airflow-perf-exporter.replay/1"


@dataclass(frozen=True, slots=True)
class Row:
    """One way to scale, over all queues."""

    name: str
    worker_hours: float
    mean_wait_seconds: float
    p95_wait_seconds: float
    workers: Sequence[int]
    """Each time that it was asked."""


@dataclass(frozen=True, slots=True)
class Result:
    """The rows, and what they are of."""

    extent: Extent
    """What was learned from, and what was replayed."""
    tries: Mapping[str, int]
    """By queue."""
    runs_due: int
    """Runs of the schedule whose first wave was known before."""
    settings: Settings
    every_seconds: float
    rows: Sequence[Row]

    @property
    def notes(self) -> Iterator[str]:
        """Sentences on what the figures lack."""
        extent = self.extent
        begins = f"The database begins at {extent.begin:%Y-%m-%d %H:%M} UTC"
        if extent.is_later_cut:
            yield (
                f"{begins}: {clock(extent.later.total_seconds())} replayed, asked for "
                f"{clock(extent.asked_later.total_seconds())}; no time before it to learn from."
            )
        elif extent.is_earlier_cut:
            yield (
                f"{begins}: looking ahead learned from {clock(extent.earlier.total_seconds())}, "
                f"asked for {clock(extent.asked_earlier.total_seconds())}."
            )
        if self.rows and not self.runs_due:
            yield (
                "Of no run of the schedule was the first wave known before: looking ahead had "
                "nothing to expect."
            )


def result(
    learning: Learning,
    extent: Extent,
    settings: Settings,
    schedulers: int,
) -> Result:
    """Replay every queue under every policy."""
    begin, end = extent.split.timestamp(), extent.end.timestamp()
    outcomes: dict[str, list[Outcome]] = {}
    terms = Terms(settings.concurrency, settings.boot_seconds)
    loads = {queue: load for queue, load in learning.queues.items() if load.arrivals}
    for queue, load in sorted(loads.items()):
        known = load.duration_seconds or terms.duration_seconds
        of_queue = Terms(terms.concurrency, terms.boot_seconds, known)
        arrivals = sorted(load.arrivals)
        for name, policy in policies(settings, schedulers, learning.due(queue)).items():
            outcome = replayed(arrivals, begin, end, policy, of_queue)
            outcomes.setdefault(name, []).append(outcome)
    tries = {queue: len(load.arrivals) for queue, load in sorted(loads.items())}
    due = sum(len(learning.due(queue)) for queue in loads)
    rows = [_row(name, found) for name, found in outcomes.items()]
    return Result(extent, tries, due, settings, terms.every_seconds, rows)


def _row(name: str, found: Sequence[Outcome]) -> Row:
    waits = sorted(wait for each in found for wait in each.waits)
    return Row(
        name,
        sum(each.worker_seconds for each in found) / 3600,
        sum(waits) / len(waits),
        quantile(waits, 0.95),
        [sum(counts) for counts in zip(*[each.workers for each in found], strict=True)],
    )
