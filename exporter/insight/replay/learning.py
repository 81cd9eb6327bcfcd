"""What the weeks before the replayed time have taught, and nothing of that time itself."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timezone

from exporter.insight.concurrency import Span, peak
from exporter.insight.experience import DURATION_WEIGHT, WIDTH_WEIGHT, smoothed
from exporter.insight.performance.past import PastTry
from exporter.insight.replay.fleet import Arrival
from exporter.insight.replay.policies import Due

MAX_ARRIVALS = 2_000_000
"""Tries that are replayed; more would not fit in memory."""


@dataclass(frozen=True, slots=True)
class ScheduledRun:
    """A run as the schedule tells of it, and when it began; Unix seconds."""

    dag_id: str
    run_id: str
    due: float | None
    begun: float


@dataclass(slots=True)
class QueueLoad:
    """The load of one queue."""

    arrivals: list[Arrival] = field(default_factory=list)
    """Of the replayed time."""
    duration_seconds: float | None = None
    """Mean of the tries that ended before it, the last ones most."""
    widths: dict[str, float] = field(default_factory=dict)
    """Mean first wave by DAG, of those that were over before it."""


class Learning:
    """Takes in pages of runs and their tries, the oldest runs first."""

    def __init__(self, split: float, end: float, wave_seconds: float) -> None:
        """Learn from what is before `split`, and replay what was queued from then to `end`."""
        self._split = split
        self._end = end
        self._wave_seconds = wave_seconds
        self.queues: dict[str, QueueLoad] = defaultdict(QueueLoad)
        self._runs: list[ScheduledRun] = []
        self.too_many = False

    def add(self, runs: Iterable[ScheduledRun], tries: Iterable[PastTry]) -> None:
        """Take in a page."""
        by_name = {(run.dag_id, run.run_id): run for run in runs}
        waves: dict[tuple[str, str, str], list[Span]] = defaultdict(list)
        ended: list[tuple[float, str, float]] = []
        for each in tries:
            if each.queued is None:
                continue
            queue = each.queue or ""
            load = self.queues[queue]
            if each.queued >= self._split:
                self._replay(load, each)
                continue
            if each.end < self._split:
                ended.append((each.end, queue, each.seconds))
            run = by_name.get((each.dag_id, each.run_id))
            if run is not None and each.queued <= run.begun + self._wave_seconds:
                span = Span(_moment(each.queued), _moment(each.end), 1.0)
                waves[each.dag_id, each.run_id, queue].append(span)
        for _, queue, seconds in sorted(ended):
            load = self.queues[queue]
            load.duration_seconds = smoothed(load.duration_seconds, seconds, DURATION_WEIGHT)
        self._add_runs(by_name.values(), waves)

    def due(self, queue: str) -> list[Due]:
        """Return the runs that the schedule promised for the replayed time, by when."""
        widths = self.queues[queue].widths
        found = [
            Due(run.due, run.begun, widths[run.dag_id])
            for run in self._runs
            if run.due is not None and run.dag_id in widths
        ]
        return sorted(found)

    def _replay(self, load: QueueLoad, each: PastTry) -> None:
        if len(load.arrivals) >= MAX_ARRIVALS:
            self.too_many = True
        elif each.queued is not None and each.queued < self._end:
            load.arrivals.append(Arrival(each.queued, each.seconds))

    def _add_runs(
        self, runs: Iterable[ScheduledRun], waves: Mapping[tuple[str, str, str], Sequence[Span]]
    ) -> None:
        for run in runs:
            if run.due is None:
                continue
            if run.due >= self._split:
                self._runs.append(run)
            elif run.begun + self._wave_seconds <= self._split:
                self._learn_wave(run, waves)

    def _learn_wave(
        self, run: ScheduledRun, waves: Mapping[tuple[str, str, str], Sequence[Span]]
    ) -> None:
        for queue, load in self.queues.items():
            width = peak(waves.get((run.dag_id, run.run_id, queue), ()))
            if width or run.dag_id in load.widths:
                load.widths[run.dag_id] = smoothed(load.widths.get(run.dag_id), width, WIDTH_WEIGHT)


def _moment(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, timezone.utc)
