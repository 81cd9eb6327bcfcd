"""The counting rules against the same events without a database: samples at any moment."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from random import Random

from exporter.collectors.airflow import tries
from exporter.model import ActiveRow, FinishedTry, TaskKey, TryKey, TryRow
from tests.exactness.chance import apply, clocks, drawn, weights
from tests.exactness.events import Instance

OVERLAP = timedelta(seconds=12)
LAG = timedelta(seconds=3)
SKEW = timedelta(seconds=2)
BEGIN = datetime(2026, 1, 1, tzinfo=timezone.utc)

Suspects = Callable[[tries.Memory, Mapping[TaskKey, ActiveRow]], set[TaskKey]]
Finished = Callable[
    [tries.Memory, Iterable[TryRow], timedelta], dict[TryKey, FinishedTry]
]  # fmt: skip
Advanced = Callable[
    [
        tries.Memory,
        datetime,
        Mapping[TaskKey, ActiveRow],
        Iterable[TryRow],
        Mapping[TryKey, FinishedTry],
        timedelta,
    ],
    tries.Memory,
]


@dataclass(frozen=True, slots=True)
class Rules:
    """The functions on trial; mutations replace some."""

    suspects: Suspects = tries.suspects
    finished: Finished = tries.finished
    advanced: Advanced = tries.advanced


class Simulation:
    """Task instances, a clock, and an exporter that samples when told."""

    def __init__(self, airflow: str, instances: int, rules: Rules | None = None) -> None:
        """Start with task instances that nothing has happened to."""
        self.now = BEGIN
        self.airflow = airflow
        self._rules = rules or Rules()
        self.instances = [
            Instance(TaskKey("dag", f"task{n}", "run", -1), "BashOperator", airflow)
            for n in range(instances)
        ]
        self._committed = {instance.key: instance.copy() for instance in self.instances}
        self._open: dict[TaskKey, datetime] = {}
        """When the transactions that are not committed yet began."""
        self._memory: tries.Memory | None = None
        self._counted: Counter[tuple[str, str, float]] = Counter()
        self._labels: dict[tuple[TaskKey, int], str] = {}
        self._baseline: dict[TaskKey, int] = {}

    def wait(self, seconds: float) -> None:
        """Let time pass; no transaction stays open for longer than LAG."""
        self.now += timedelta(seconds=seconds)
        for key, began in list(self._open.items()):
            if self.now - began > LAG:
                self._commit(key)

    def happen(self, number: int, event: str, skew_seconds: float, rng: Random, late: bool) -> None:
        """Let an event happen to a task instance; `late`: its commit is still to come."""
        instance = self.instances[number]
        self._commit(instance.key)
        # No two starts of a task instance fall on the same microsecond of one clock.
        self.now += timedelta(milliseconds=1)
        skew = max(-SKEW, min(SKEW, timedelta(seconds=skew_seconds)))
        apply(instance, event, clocks(self.now, skew), drawn(rng))
        if late:
            self._open[instance.key] = self.now
        else:
            self._commit(instance.key)

    def sample(self) -> None:
        """Do what the collector does in one sample."""
        if self._memory is None:
            # What is under way and not yet visible is neither before nor after the first look.
            for key in list(self._open):
                self._commit(key)
        before = self._memory or tries.Memory(self.now, self.now)
        active = {
            key: row for key, each in self._committed.items() if (row := each.active_row)
        }  # fmt: skip
        floor = before.since - OVERLAP
        rows: list[TryRow] = []
        lost = self._rules.suspects(before, active)
        for key, each in self._committed.items():
            beat = each.live.heartbeat
            if key in lost or (beat is not None and beat > floor):
                rows += each.try_rows
        found = self._rules.finished(before, rows, OVERLAP)
        if self._memory is None:
            self._look_for_the_first_time()
        else:
            self._count(found)
        self._memory = self._rules.advanced(before, self.now, active, rows, found, OVERLAP)
        self._note_labels()

    def differences(self) -> list[str]:
        """Return what was counted and is not true, and what is true and was not counted."""
        true: Counter[tuple[str, str, float]] = Counter()
        for instance in self.instances:
            for number, each in enumerate(instance.tries):
                if each.outcome is None or number < self._baseline.get(instance.key, 0):
                    continue
                label = self._labels.get((instance.key, number), each.outcome)
                true[instance.key.task_id, label, each.seconds] += 1
        missed, extra = true - self._counted, self._counted - true
        return [
            *(f"missed {times} x {what}" for what, times in missed.items()),
            *(f"counted in excess {times} x {what}" for what, times in extra.items()),
        ]

    def settle(self) -> None:
        """Sample until everything that has ended must have been counted."""
        for _ in range(3):
            self.wait(2 * LAG.total_seconds())
            self.sample()

    def _commit(self, key: TaskKey) -> None:
        self._open.pop(key, None)
        instance = next(each for each in self.instances if each.key == key)
        self._committed[key] = instance.copy()

    def _look_for_the_first_time(self) -> None:
        for key, each in self._committed.items():
            self._baseline[key] = len(each.tries) - each.under_way

    def _count(self, found: Mapping[TryKey, FinishedTry]) -> None:
        for each in found.values():
            self._counted[each.row.key.task_id, each.outcome, each.duration_seconds] += 1

    def _note_labels(self) -> None:
        """A final failure that is in the history by its first sample reads as a retried one."""
        for key, each in self._committed.items():
            archived = {row.start for row in each.history}
            for number, one in enumerate(each.tries):
                if one.outcome is not None and (key, number) not in self._labels:
                    retried = one.outcome == "failed" and one.start in archived
                    self._labels[key, number] = "up_for_retry" if retried else one.outcome


def simulated(seed: str, airflow: str, rules: Rules | None = None, steps: int = 400) -> list[str]:
    """Run one random history and return the differences."""
    rng = Random(seed)
    simulation = Simulation(airflow, instances=4, rules=rules)
    first_look = rng.randrange(steps // 2)
    for step in range(steps):
        number = rng.randrange(len(simulation.instances))
        following = weights(simulation.instances[number])
        event = rng.choices([*following], [*following.values()])[0]
        simulation.wait(rng.choice((0.01, 0.3, 1.0, 3.0, 8.0) if rng.random() < 0.97 else (40.0,)))
        skew = rng.uniform(-2, 2)
        simulation.happen(number, event, skew, rng, late=rng.random() < 0.2)
        if step == first_look:
            # By a worker's clock, an end just before the first look may come after it, and one
            # just after it before: only what is farther from it is surely on one side.
            simulation.wait(SKEW.total_seconds() + LAG.total_seconds())
            simulation.sample()
            simulation.wait(SKEW.total_seconds())
        elif step > first_look and rng.random() < 0.4:
            simulation.sample()
    simulation.settle()
    return simulation.differences()
