"""The tasks collector: readings of this host's tries to batches."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass

from exporter import catalogue
from exporter.catalogue import Family
from exporter.clock import Clock
from exporter.collectors.base import Collector
from exporter.collectors.loop import Loop
from exporter.collectors.tasks.follower import Follower
from exporter.collectors.tasks.reading import Ended, Reading, Running, TaskName
from exporter.errors import SourceUnavailableError
from exporter.filters import DagFilter
from exporter.kernel.exits import ExitWatch
from exporter.running.tries import RunningTries
from exporter.samples import Batch, Checkpoint, EntryKey, Labels, Sample

GLANCE_SECONDS = 0.25
"""How often is looked for tries that are shorter than a tick."""
TELL_SECONDS = 5.0
"""How often counters grow: each growth is a write to the disk where there is a ledger."""
LINGER_SECONDS = 60.0
"""How long the last values of a task that runs no more stay, for a scrape to see them."""
TREE = "tree"
FIRST_LOOK: EntryKey = ("tasks", "first_look")
_COUNTED = (catalogue.TASK_CPU, catalogue.TASK_READ, catalogue.TASK_WRITTEN)
_NOBODY = Running()


@dataclass(frozen=True, slots=True)
class _Last:
    """A task's last values, and until when they stay (monotonic seconds)."""

    values: Running
    until: float


class TasksCollector(Collector):
    """Counts what the tries on this host use; tells each amount once, restarts included."""

    name = "tasks"

    def __init__(
        self,
        follow: Callable[[Mapping[str, str], float], Follower],
        entries: Mapping[EntryKey, str],
        clock: Clock,
        *,
        exits: ExitWatch,
        dags: Callable[[], DagFilter],
        hand_over: Callable[[Ended], object] | None = None,
    ) -> None:
        """Go on from what earlier checkpoints hold; nothing is read before the first sample.

        `follow` makes the follower from what is remembered of living trees and the moment of the
        first look ever (Unix seconds); `exits`, whom it asks, ends with the collector. With
        `hand_over`, who is told of every try once when it ends, another exporter counts: here
        nothing is.
        """
        self._clock = clock
        self._dags = dags
        self._hand_over = hand_over
        self._exits = exits
        remembered = {key: text for (section, key), text in entries.items() if section == TREE}
        self._first_look = _first_look(entries, clock.wall())
        self._follower = follow(remembered, self._first_look)
        self._entries: Mapping[EntryKey, str] = entries
        self._glances: Loop | None = None
        self.running: RunningTries | None = None
        """The tries that the last reading found: a snapshot, for pages."""
        self._last: dict[TaskName, _Last] = {}
        self._tell_at = clock.monotonic()
        self._told: Mapping[EntryKey, str] | None = None
        """What the last batch wants to be remembered, where it told anything."""

    def sample(self) -> Batch:
        """Read every try; tell what they have used every few seconds and whenever one ends."""
        if self._glances is None:
            # What is wrong with the source is told by this sample.
            self._glances = Loop("task-glances", self._follower.glance, lambda: GLANCE_SECONDS)
            self._glances.start()
        self._told = None
        now = self._clock.monotonic()
        try:
            reading = self._follower.read()
        except SourceUnavailableError:
            # What was seen last would look like what runs.
            self.running = None
            raise
        self.running = self._shown(reading)
        gauges = {"tasks": [*self._gauges(reading, now)]}
        announced = [*self._announced(reading)]
        if now < self._tell_at and not reading.ended:
            return Batch(gauges=gauges, announced=announced)
        self._tell_at = now + TELL_SECONDS
        entries = {(TREE, key): text for key, text in reading.remembered.items()}
        entries[FIRST_LOOK] = repr(self._first_look)
        self._told = entries
        return Batch(
            gauges=gauges,
            increments=[*self._increments(reading)],
            announced=announced,
            checkpoint=_checkpoint(self._entries, entries),
        )

    def accepted(self) -> None:
        """Owe nothing any more of what the last batch told."""
        if self._told is None:
            return
        self._entries = self._told
        self._hand_over_all(self._follower.accepted())

    def close(self) -> None:
        """End the threads, release what is kept open; hand over what still runs."""
        if self._glances is not None:
            self._glances.stop()
        self._exits.stop()
        self._hand_over_all(self._follower.left())
        self._follower.close()

    def _hand_over_all(self, ended: Iterable[Ended]) -> None:
        if self._hand_over is not None:
            for each in ended:
                self._hand_over(each)

    def _shown(self, reading: Reading) -> RunningTries:
        tries = [each for each in reading.tries if self._dags().wants(each.dag_id)]
        return RunningTries(self._clock.wall(), tries, len(tries), reading.unattributed)

    def _gauges(self, reading: Reading, now: float) -> Iterator[Sample]:
        yield Sample(catalogue.TASK_UNATTRIBUTED, (), float(reading.unattributed))
        for name, running in reading.running.items():
            if self._dags().wants(name[0]):
                if running.instances == 0:
                    # Its processes are gone, and their memory: the last that was seen stays.
                    last = self._last.get(name)
                    running.memory_bytes = last.values.memory_bytes if last else running.ended_bytes
                self._last[name] = _Last(running, now + LINGER_SECONDS)
        self._last = {name: last for name, last in self._last.items() if now < last.until}
        for name, last in self._last.items():
            counts = reading.running.get(name, _NOBODY)
            yield Sample(catalogue.TASK_MEMORY, name, float(last.values.memory_bytes))
            yield Sample(catalogue.TASK_CPU_PERCENT, name, last.values.cpu_percent)
            yield Sample(catalogue.TASK_RUNNING, name, float(counts.instances))
            yield Sample(catalogue.TASK_PROCESSES, name, float(counts.processes))

    def _announced(self, reading: Reading) -> Iterator[tuple[Family, Labels]]:
        if self._hand_over is not None:
            return
        for name in reading.running:
            if self._dags().wants(name[0]):
                yield from ((family, name) for family in (*_COUNTED, catalogue.TASK_PEAK_MEMORY))

    def _increments(self, reading: Reading) -> Iterator[Sample]:
        if self._hand_over is not None:
            return
        for name, use in reading.used.items():
            if self._dags().wants(name[0]):
                for family, amount in zip(_COUNTED, use, strict=True):
                    if amount:
                        yield Sample(family, name, float(amount))
        for each in reading.ended:
            name = (each.task.dag_id, each.task.task_id)
            if each.peak_bytes is not None and self._dags().wants(name[0]):
                yield Sample(catalogue.TASK_PEAK_MEMORY, name, float(each.peak_bytes))


def _first_look(entries: Mapping[EntryKey, str], now: float) -> float:
    try:
        return min(now, float(entries.get(FIRST_LOOK, now)))
    except ValueError:
        return now


def _checkpoint(before: Mapping[EntryKey, str], after: Mapping[EntryKey, str]) -> Checkpoint:
    put = {key: text for key, text in after.items() if before.get(key) != text}
    return Checkpoint(put, before.keys() - after.keys(), lambda: after)
