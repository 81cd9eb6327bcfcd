"""The active set made to gauges: states, queues, pools, runs and ages."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime

from exporter import catalogue
from exporter.catalogue import Family
from exporter.collectors.airflow.facts import PoolRow, pool_size
from exporter.model import (
    LIVE_STATES,
    RUN_LIVE_STATES,
    ActiveGroup,
    ActiveRow,
    RunRow,
)
from exporter.samples import Labels, Sample

_POOL_STATES = ("running", "queued", "scheduled", "deferred")

Wanted = Callable[[str], bool]
"""Tells of a DAG id whether the user's filters let it through."""


def task_samples(
    groups: Iterable[ActiveGroup], rows: Iterable[ActiveRow], now: datetime, wanted: Wanted
) -> Iterator[Sample]:
    """Count task instances by state and DAG, and tell the age of each task's oldest try."""
    by_state: Counter[str] = Counter(dict.fromkeys(LIVE_STATES, 0))
    by_dag: Counter[tuple[str, str]] = Counter()
    for group in groups:
        by_state[group.state] += group.instances
        by_dag[group.dag_id, group.state] += group.instances
    for state, count in by_state.items():
        yield Sample(catalogue.TASK_INSTANCE_STATE, (state,), float(count))
    for labels, count in by_dag.items():
        if wanted(labels[0]):
            yield Sample(catalogue.DAG_TASK_INSTANCES, labels, float(count))
    oldest: dict[tuple[str, str], datetime] = {}
    for row in rows:
        if row.state == "running" and wanted(row.key.dag_id):
            task = (row.key.dag_id, row.key.task_id)
            oldest[task] = min(row.start, oldest.get(task, row.start))
    for task, start in oldest.items():
        yield Sample(catalogue.TASK_OLDEST_RUNNING, task, _age_seconds(start, now))


def queue_samples(
    groups: Iterable[ActiveGroup],
    known_queues: Iterable[str],
    default_queue: str,
    now: datetime,
) -> Iterator[Sample]:
    """Count what is queued, and tell how long the oldest has waited; every known queue.

    What has no queue is in the default one.
    """
    sizes: Counter[str] = Counter(dict.fromkeys([default_queue, *known_queues], 0))
    oldest: dict[str, datetime] = {}
    for group in groups:
        if group.state == "queued":
            queue = group.queue or default_queue
            sizes[queue] += group.instances
            if group.oldest_queued is not None:
                oldest[queue] = min(group.oldest_queued, oldest.get(queue, group.oldest_queued))
    for queue, size in sizes.items():
        since = oldest.get(queue)
        waited = 0.0 if since is None else _age_seconds(since, now)
        yield Sample(catalogue.TASK_QUEUE_SIZE, (queue,), float(size))
        yield Sample(catalogue.QUEUE_OLDEST_WAIT, (queue,), waited)


def pool_samples(groups: Iterable[ActiveGroup], pools: Iterable[PoolRow]) -> Iterator[Sample]:
    """Tell what the slots of each pool are used for."""
    slots: Counter[tuple[str | None, str]] = Counter()
    for group in groups:
        slots[group.pool, group.state] += group.slots
    for pool in pools:
        used = {state: slots[pool.pool, state] for state in _POOL_STATES}
        occupied = used["running"] + used["queued"]
        if pool.include_deferred:
            occupied += used["deferred"]
        for state, count in used.items():
            yield Sample(catalogue.POOL_SLOTS, (pool.pool, state), float(count))
        # Airflow lets a pool that was made smaller stay over-full: open is then negative.
        yield Sample(catalogue.POOL_SLOTS, (pool.pool, "open"), pool_size(pool) - occupied)


def run_samples(runs: Iterable[RunRow], now: datetime, wanted: Wanted) -> Iterator[Sample]:
    """Count the active DAG runs, and tell the age of each DAG's oldest."""
    by_state: Counter[str] = Counter(dict.fromkeys(RUN_LIVE_STATES, 0))
    active: Counter[str] = Counter()
    oldest: dict[str, datetime] = {}
    for run in runs:
        by_state[run.state] += 1
        if wanted(run.dag_id):
            active[run.dag_id] += 1
            if run.state == "running" and run.start is not None:
                oldest[run.dag_id] = min(run.start, oldest.get(run.dag_id, run.start))
    for state, count in by_state.items():
        yield Sample(catalogue.DAG_RUNS, (state,), float(count))
    for dag_id, count in active.items():
        yield Sample(catalogue.DAG_ACTIVE_RUNS, (dag_id,), float(count))
    for dag_id, start in oldest.items():
        yield Sample(catalogue.DAG_RUN_OLDEST_RUNNING, (dag_id,), _age_seconds(start, now))


def timestamp_samples(family: Family, moments: Mapping[str, float]) -> Iterator[Sample]:
    """Expose one Unix time a DAG."""
    for dag_id, moment in moments.items():
        yield Sample(family, (dag_id,), moment)


def announced_tasks(
    groups: Iterable[ActiveGroup], wanted: Wanted
) -> Iterator[tuple[Family, Labels]]:
    """Name the children that the tries of the active set will be counted in."""
    for group in groups:
        if wanted(group.dag_id):
            task = (group.dag_id, group.task_id)
            yield catalogue.TASK_DURATION, (*task, group.operator)
            yield catalogue.TASK_WASTED, task
            for outcome in ("success", "failed", "up_for_retry", "skipped"):
                yield catalogue.TASK_FINISHED, (*task, group.operator, outcome)
        yield catalogue.TASK_QUEUE_WAIT, (group.queue, group.pool)
        yield catalogue.TASK_SCHEDULE_DELAY, (group.queue,)


def announced_runs(runs: Iterable[RunRow], wanted: Wanted) -> Iterator[tuple[Family, Labels]]:
    """Name the children that the active runs will be counted in."""
    for run in runs:
        if wanted(run.dag_id):
            for state in ("success", "failed"):
                yield catalogue.DAG_RUN_FINISHED, (run.dag_id, run.run_type, state)
                yield catalogue.DAG_RUN_DURATION, (run.dag_id, state)
            if run.run_type == "scheduled":
                yield catalogue.DAG_RUN_START_DELAY, (run.dag_id,)


def _age_seconds(start: datetime, now: datetime) -> float:
    return max(0.0, (now - start).total_seconds())
