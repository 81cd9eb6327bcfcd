"""What is worth doing something about, with its size and a recommendation."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from exporter.insight.performance.kind import Kind
from exporter.insight.performance.regressions import FEWEST, Change, change, confirmed_up_to
from exporter.insight.performance.sizing import advised_bytes
from exporter.insight.performance.tally import DagTotals, Tally, TaskName
from exporter.quantities import clock, decimal, size

OFTEN: Final = 0.05
"""Share of the minutes from which it is told."""
LONG_WAIT_SECONDS: Final = 60.0
NOTABLE_SHARE: Final = 0.01
"""Of all seconds in tasks; less is listed in a table, but no finding."""
DEAD_SHARE: Final = 0.2
LARGE_BYTES: Final = 64 * 2**20
OLD_DAYS: Final = 90.0
NAMED: Final = 3
"""Tasks that one sentence names; tables have all."""
MANY_RUNS: Final = 5
"""Runs of a DAG without which its parallelism is no finding."""


@dataclass(frozen=True, slots=True)
class Finding:
    """What is wrong, what to do, the seconds of the period that it cost, and further figures."""

    kind: Kind
    text: str
    recommendation: str
    seconds: float = 0.0
    detail: str = ""

    @property
    def sentence(self) -> str:
        """What is wrong, with all its figures."""
        return f"{self.text}: {self.detail}" if self.detail else self.text


@dataclass(frozen=True, slots=True)
class Regression:
    """A task that became slower."""

    task: TaskName
    change: Change
    tries_before: int
    tries: int
    is_confirmed: bool
    """Whether chance is unlikely to explain it, in view of all tasks that were compared."""

    @property
    def verdict(self) -> str:
        """How tables name it."""
        return "confirmed" if self.is_confirmed else "suspected"

    @property
    def seconds(self) -> float:
        """What it cost in the period told of."""
        return (self.change.now - self.change.before) * self.tries


@dataclass(frozen=True, slots=True)
class Memory:
    """What a task's tries used at most, and what they are given; bytes."""

    task: TaskName
    p99_bytes: float | None
    """None where no try told of its peak: what is killed at once tells of none."""
    tries: float
    """Those that told of it."""
    limit_bytes: float | None = None
    oom_kills: float = 0.0

    @property
    def advised_bytes(self) -> int | None:
        """The limit that is advised, None where too few tries were seen."""
        return None if self.p99_bytes is None else advised_bytes(self.p99_bytes, self.tries)


@dataclass(frozen=True, slots=True)
class Limits:
    """How much may run at a time."""

    pools: Mapping[str, int] | None = None
    """Slots by pool; -1 is unlimited. None: not known."""
    parallelism: int | None = None
    """Of all schedulers that are alive. None: not known."""
    runs: Mapping[str, int] = field(default_factory=dict)
    """Runs that a DAG may have at a time (max_active_runs), where it is known."""
    tasks: Mapping[str, int] = field(default_factory=dict)
    """Tasks that a DAG may have at a time (max_active_tasks), where it is known."""


def regressions(tally: Tally) -> list[Regression]:
    """Return the tasks that became slower: those that are confirmed first, then the costliest."""
    compared, changes = 0, {}
    for task, totals in tally.tasks.items():
        compared += min(totals.before.count, totals.now.count) >= FEWEST
        judged = change(totals.before.ordered(), totals.now.ordered())
        if judged is not None:
            changes[task] = judged
    limit = confirmed_up_to([each.p_value for each in changes.values()], compared)
    found = [
        Regression(
            task, judged, tally.tasks[task].before.count, tally.tasks[task].now.count,
            judged.p_value <= limit,
        )
        for task, judged in changes.items()
    ]  # fmt: skip
    return sorted(found, key=lambda each: (not each.is_confirmed, -each.seconds, each.task))


def of_regressions(found: Sequence[Regression]) -> Iterator[Finding]:
    """Tell of each how much slower it is; of those that chance may have made, how many."""
    for each in found:
        if each.is_confirmed:
            yield Finding(
                Kind.REGRESSION,
                f"{name(each.task)} takes {decimal(each.change.ratio)} times as long",
                "Look for what changed: a deployment, more input, load on the same workers or "
                "database.",
                each.seconds,
                f"median {clock(each.change.before)} before, {clock(each.change.now)} now "
                f"({each.tries_before:,} and {each.tries:,} tries, p = {each.change.p_value:.1g})",
            )
    suspected = [each for each in found if not each.is_confirmed]
    if suspected:
        named = [name(each.task) for each in suspected[:NAMED]]
        text = "1 task" if len(suspected) == 1 else f"{len(suspected):,} tasks"
        yield Finding(
            Kind.SUSPECTED,
            f"{text} may have become slower, or chance made it look so",
            "Wait for more tries before anybody works on it.",
            detail=", ".join([*named, "..."] if len(suspected) > NAMED else named),
        )


def of_waste(tally: Tally) -> Iterator[Finding]:
    """Tell which tasks lose time to tries that fail."""
    for task, totals in tally.tasks.items():
        if totals.failed_seconds > NOTABLE_SHARE * tally.seconds:
            yield Finding(
                Kind.WASTE,
                f"{totals.failed_tries:,} failed {'try' if totals.failed_tries == 1 else 'tries'} "
                f"of {name(task)} lost {clock(totals.failed_seconds)}",
                "Fix the cause, or fail sooner: validate before the work, shorten "
                "execution_timeout. Retries help against transient errors only.",
                totals.failed_seconds,
                f"{totals.failed_seconds / tally.seconds:.0%} of all task time; "
                f"{totals.retried_tries:,} of {totals.failed_tries:,} were retried",
            )


def of_waits(tally: Tally) -> Iterator[Finding]:
    """Tell where tries wait for workers: what is queued holds its slots of a pool already."""
    for (queue, pool), waits in tally.queue_waits.items():
        p95 = waits.quantile(0.95)
        if p95 >= LONG_WAIT_SECONDS:
            yield Finding(
                Kind.WAIT,
                f"Tasks of queue {queue or '(none)'}, pool {pool or '(none)'}, wait {clock(p95)} "
                "(p95) from queued to started",
                "They hold their pool slots already, so worker slots are short, or workers are "
                "slow to start: compare your workers with airflow_workers_desired, and see "
                "`autoscale replay`.",
                waits.total,
                f"{clock(waits.total)} in all",
            )


def of_delays(tally: Tally, limits: Limits) -> Iterator[Finding]:
    """Tell which DAGs' runs start late, and whether for want of room for more runs."""
    for dag_id, delays in tally.start_delays.items():
        p95 = delays.quantile(0.95)
        if p95 >= LONG_WAIT_SECONDS and delays.count >= MANY_RUNS:
            yield Finding(
                Kind.DELAY,
                f"Scheduled runs of {dag_id} start {clock(p95)} late (p95 of {delays.count} runs)",
                _remedy(tally, dag_id, limits.runs.get(dag_id)),
                delays.total,
                _crowded(tally, dag_id, limits.runs.get(dag_id)),
            )


def of_parallelism(tally: Tally) -> Iterator[Finding]:
    """Tell which DAGs serialize tasks that could run in parallel, and what that would save."""
    for dag_id, dag in tally.dags.items():
        serialized = serialized_tasks(dag)
        # Of two that run together, one is saved; never more than what waits and gaps are.
        saved = min(dag.potential_saving, sum(seconds for _, seconds in serialized) / 2)
        if dag.runs < MANY_RUNS or saved < NOTABLE_SHARE * dag.wall or not serialized:
            continue
        names = ", ".join(task for task, _ in serialized[:NAMED])
        yield Finding(
            Kind.PARALLELISM,
            f"Runs of {dag_id} serialize tasks that could run in parallel",
            "Let them run in parallel (max_active_tasks, pool slots, priority_weight): potential "
            f"saving up to {clock(saved / dag.runs)} a run.",
            saved,
            f"{names}; a run takes {clock(dag.wall / dag.runs)}, its critical path "
            f"{clock(dag.critical / dag.runs)}",
        )


def of_memory(found: Sequence[Memory]) -> Iterator[Finding]:
    """Tell whose limit is near its peak, and whose is far above it."""
    for each in found:
        peak, advised, limit = each.p99_bytes, each.advised_bytes, each.limit_bytes
        if peak is None or advised is None or limit is None:
            continue
        told = f"{name(each.task)} peaks at {size(peak)} (p99) of its {size(limit)} limit"
        if peak > 0.9 * limit:
            yield Finding(Kind.MEMORY, told, f"Raise its limit to {size(advised)}.")
        elif limit >= 2 * advised:
            yield Finding(Kind.MEMORY, told, f"Lower its limit to {size(advised)}.")


def name(task: TaskName) -> str:
    """Return a task as `dag.task`."""
    return f"{task[0]}.{task[1]}"


def serialized_tasks(dag: DagTotals) -> list[tuple[str, float]]:
    """Return what ran alone and could have run in parallel, the longest first."""
    return sorted(dag.serialized.items(), key=lambda each: (-each[1], each[0]))


def crowding(tally: Tally, dag_id: str, most: int | None) -> float | None:
    """Return in which share of the period a DAG had as many runs as it may; None: not known."""
    if not most or dag_id not in tally.runs:
        return None
    periods = tally.periods
    return tally.runs[dag_id].use(most).full_seconds / (periods.end - periods.split)


def _crowded(tally: Tally, dag_id: str, most: int | None) -> str:
    share = crowding(tally, dag_id, most)
    return "" if share is None else f"at its max_active_runs ({most:,}) {share:.0%} of the time"


def _remedy(tally: Tally, dag_id: str, most: int | None) -> str:
    share = crowding(tally, dag_id, most)
    behind = "the scheduler loop or DAG parsing is slow"
    if share is None:
        return f"Check whether the DAG is at its max_active_runs; if not, {behind}."
    if share > OFTEN:
        return "Raise its max_active_runs, or make its runs shorter or less frequent."
    return f"The DAG could have more active runs, so {behind}."
