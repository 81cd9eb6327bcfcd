"""What one pass over the past adds up, in memory that follows the number of tasks, not of tries."""

from __future__ import annotations

import random
from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, TypeAlias

from exporter.insight.performance.occupancy import FULL, Occupancy, Spans, Use, share_at_least
from exporter.insight.performance.past import PastRun, PastTry
from exporter.insight.performance.quantiles import Sample
from exporter.insight.performance.runs import Shape, Span, Upstreams, shape

MAX_TASKS: Final = 20_000
"""Tasks that are told apart; the tries of further ones are in the totals alone."""
MAX_NAMES: Final = 500
"""Queues, pools and critical paths that are told apart."""

TaskName: TypeAlias = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Periods:
    """The period told of, from `split` to `end`, and from `begin` the one it is compared with."""

    begin: float
    split: float
    end: float


@dataclass(slots=True)
class TaskTotals:
    """One task: durations of successful tries before and now, and what failed now."""

    before: Sample
    now: Sample
    tries: int = 0
    seconds: float = 0.0
    failed_tries: int = 0
    retried_tries: int = 0
    """Of the failed ones, those that another try followed."""
    failed_seconds: float = 0.0


@dataclass(slots=True)
class DagTotals:
    """The successful runs of one DAG in the period told of; seconds summed over them."""

    runs: int = 0
    wall: float = 0.0
    busy: float = 0.0
    work: float = 0.0
    critical: float = 0.0
    potential_saving: float = 0.0
    peak: int = 0
    known: bool = False
    paths: Counter[tuple[str, ...]] = field(default_factory=Counter)
    serialized: dict[str, float] = field(default_factory=lambda: defaultdict(float))


class Tally:
    """Takes in tries and runs in any order."""

    def __init__(self, periods: Periods) -> None:
        """Start with nothing."""
        self._chance = random.Random(0)  # noqa: S311 - which values are kept is no secret
        self.periods = periods
        self.tasks: dict[TaskName, TaskTotals] = {}
        self.tries = 0
        """Of the period told of."""
        self.tries_before = 0
        self.seconds = 0.0
        self.untold_tasks: set[TaskName] = set()
        """Some of those beyond MAX_TASKS."""
        self.queue_waits: dict[tuple[str, str], Sample] = {}
        """By queue and pool, from queued to started."""
        self.scheduled_waits = Sample(self._chance)
        """From scheduled to queued."""
        self.start_delays: dict[str, Sample] = {}
        """By DAG, from due to started."""
        self.runs: dict[str, Spans] = {}
        """By DAG, those that ended in the period told of."""
        self.running = Occupancy(periods.split, periods.end)
        self.held = Occupancy(periods.split, periods.end)
        """Slots of schedulers' executors: from queued on."""
        self.pools: dict[str, Occupancy] = {}
        """Slots of pools, which are held from queued on as well."""
        self.pool_waits: dict[str, Sample] = {}
        """By pool, from scheduled to queued."""
        self.dags: dict[str, DagTotals] = {}

    def add_try(self, each: PastTry) -> None:
        """Take in a try by when it ended."""
        told = each.end >= self.periods.split
        if not self.periods.begin <= each.end <= self.periods.end:
            return
        task = self._task((each.dag_id, each.task_id))
        seconds = each.seconds
        if not told:
            self.tries_before += 1
            if task is not None and each.outcome == "success":
                task.before.add(seconds)
            return
        self.tries += 1
        self.seconds += seconds
        if task is not None:
            _add(task, each.outcome, seconds)
        self._add_waits(each)
        self.running.add(each.start, each.end)
        self.held.add(each.held_since, each.end)
        self._add_to_pool(each)

    def add_run(self, run: PastRun, spans: Mapping[str, Span], upstreams: Upstreams | None) -> None:
        """Take in a run with the spans of its tasks, and how they depend on one another."""
        if not self.periods.split <= run.end <= self.periods.end:
            return
        runs = self.runs.setdefault(run.dag_id, Spans(self.periods.split, self.periods.end))
        runs.add(run.start, run.end)
        if run.due is not None and run.start >= run.due:
            self.start_delays.setdefault(run.dag_id, Sample(self._chance)).add(run.start - run.due)
        if run.state == "success" and spans:
            self._add_shape(run.dag_id, shape(spans, upstreams), known=upstreams is not None)

    def pool_full_share(self, pool: str, slots: int) -> float:
        """Return in which share of the minutes a pool had no room."""
        if slots <= 0 or pool not in self.pools:
            return 0.0
        return share_at_least(self.pools[pool].minutes(), FULL * slots)

    def pool_use(self, pool: str, slots: int) -> Use:
        """Return how much of the time in which a pool was in use it had no room."""
        return self.pools[pool].use(slots) if slots > 0 and pool in self.pools else Use()

    def all_full_share(self, parallelism: int) -> float:
        """Return in which share of the minutes as many tasks as may were queued or running."""
        return share_at_least(self.held.minutes(), FULL * parallelism)

    def _add_shape(self, dag_id: str, found: Shape, *, known: bool) -> None:
        dag = self.dags.setdefault(dag_id, DagTotals())
        dag.runs += 1
        dag.wall += found.wall
        dag.busy += found.busy
        dag.work += found.work
        dag.critical += found.critical_seconds
        dag.potential_saving += found.potential_saving
        dag.peak = max(dag.peak, found.peak)
        dag.known = dag.known or known
        if found.critical in dag.paths or len(dag.paths) < MAX_NAMES:
            dag.paths[found.critical] += 1
        for task, seconds in found.serialized.items():
            dag.serialized[task] += seconds

    def _add_waits(self, each: PastTry) -> None:
        if each.queued is not None:
            name = each.queue or "", each.pool or ""
            waits = self.queue_waits.get(name) or self._new_queue(name)
            waits.add(each.start - each.queued)
            if (wait := each.scheduled_wait) is not None:
                self.scheduled_waits.add(wait)

    def _new_queue(self, name: tuple[str, str]) -> Sample:
        if len(self.queue_waits) >= MAX_NAMES:
            name = "", ""
        return self.queue_waits.setdefault(name, Sample(self._chance))

    def _task(self, name: TaskName) -> TaskTotals | None:
        found = self.tasks.get(name)
        if found is None and len(self.tasks) < MAX_TASKS:
            found = self.tasks[name] = TaskTotals(Sample(self._chance), Sample(self._chance))
        elif found is None and len(self.untold_tasks) < MAX_TASKS:
            self.untold_tasks.add(name)
        return found

    def _add_to_pool(self, each: PastTry) -> None:
        pool = each.pool or ""
        if pool not in self.pools:
            if len(self.pools) >= MAX_NAMES:
                pool = ""
            self.pools.setdefault(pool, Occupancy(self.periods.split, self.periods.end))
        self.pools[pool].add(each.held_since, each.end, each.slots)
        if (wait := each.scheduled_wait) is not None:
            waits = self.pool_waits.get(pool)
            if waits is None:
                waits = self.pool_waits[pool] = Sample(self._chance)
            waits.add(wait)


def _add(task: TaskTotals, outcome: str, seconds: float) -> None:
    task.tries += 1
    task.seconds += seconds
    if outcome == "success":
        task.now.add(seconds)
    elif outcome != "skipped":
        task.failed_tries += 1
        task.failed_seconds += seconds
        task.retried_tries += outcome == "up_for_retry"


def widened(span: Span | None, each: PastTry) -> Span:
    """Return a span that holds a try as well."""
    if span is None:
        return Span(each.start, each.end)
    return Span(min(span.start, each.start), max(span.end, each.end))
