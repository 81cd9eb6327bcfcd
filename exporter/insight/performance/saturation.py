"""What is full: pools, DAGs, all of Airflow; and what waits although nothing is."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from math import fsum
from typing import Final

from exporter.insight.performance.active_tasks import ActiveTasks, DagUse
from exporter.insight.performance.findings import LONG_WAIT_SECONDS, OFTEN, Finding, Limits
from exporter.insight.performance.kind import Kind
from exporter.insight.performance.quantiles import Sample
from exporter.insight.performance.tally import Tally
from exporter.quantities import clock

MOST: Final = 0.5
"""Share of all waiting above which what explains it is enough."""


def of_saturation(tally: Tally, limits: Limits) -> Iterator[Finding]:
    """Tell which pools are full, and whether all of Airflow is."""
    for pool, slots in (limits.pools or {}).items():
        yield from _of_pool(tally, pool, slots)
    if limits.parallelism is not None:
        full = tally.all_full_share(limits.parallelism)
        if full > OFTEN:
            yield Finding(
                Kind.SATURATION,
                f"[core] parallelism is exhausted {full:.0%} of the time",
                "Raise it, with workers and database connections to match.",
                detail=f"{limits.parallelism:,} queued or running tasks, of all schedulers",
            )


def _of_pool(tally: Tally, pool: str, slots: int) -> Iterator[Finding]:
    told = f"{slots:,} slot{'' if slots == 1 else 's'}"
    full, waits = tally.pool_full_share(pool, slots), _waits_for(tally, pool, slots)
    if waits is not None:
        share = tally.pool_use(pool, slots).full_share
        yield Finding(
            Kind.SATURATION,
            f"Pool {pool} is full {share:.0%} of the time in which it is used",
            _more_room(tally, pool),
            waits.total,
            f"{told}; tasks wait {clock(waits.quantile(0.95))} (p95) from scheduled to queued, "
            f"{clock(waits.total)} in all",
        )
    elif full > OFTEN:
        text = f"Pool {pool} is full {full:.0%} of the time"
        yield Finding(Kind.SATURATION, text, _more_room(tally, pool), detail=told)


def _waits_for(tally: Tally, pool: str, slots: int) -> Sample | None:
    """Return how long tries waited for a pool; None where that is not long, or not for it."""
    waits = tally.pool_waits.get(pool)
    if waits is None or waits.quantile(0.95) < LONG_WAIT_SECONDS:
        return None
    return waits if tally.pool_use(pool, slots).full_share > OFTEN else None


def _more_room(tally: Tally, pool: str) -> str:
    """Return what to do about a pool that is full, be it of tries that no worker takes."""
    slots = "add slots, or move tasks that do not need its protection to another pool."
    if any(
        waits.quantile(0.95) >= LONG_WAIT_SECONDS
        for (_, of), waits in tally.queue_waits.items()
        if of == pool
    ):
        return f"Its tries hold slots while they wait for workers: see to those first. Then {slots}"
    return slots.capitalize()


def of_active_tasks(active: ActiveTasks) -> Iterator[Finding]:
    """Tell which DAGs have all the tasks at a time that they may, while others wait for them."""
    for dag_id, dag in _at_limit(active).items():
        share = f"{dag.use.full_share:.0%} of the time in which there are tasks"
        advice = f"raise max_active_tasks of {dag_id} from {dag.limit}"
        if active.of_each_run:
            text = f"Runs of {dag_id} are at their max_active_tasks ({dag.limit:,}) {share}"
            detail = (
                f"tasks wait {clock(dag.waits.quantile(0.95))} (p95) from scheduled to queued, "
                f"{clock(dag.waits.total)} in all"
            )
            advice = f"If pools and workers have room, {advice}."
        else:
            text = f"{dag_id} is at its max_active_tasks ({dag.limit:,}) {share}"
            detail = "which others waited is not recorded before Airflow 3"
            advice = f"If airflow_dag_task_instances has scheduled ones meanwhile, {advice}."
        yield Finding(Kind.SATURATION, text, advice, dag.waits.total, detail)


def of_scheduling(tally: Tally, active: ActiveTasks, limits: Limits) -> Iterator[Finding]:
    """Tell whether tries wait to be queued although pools, DAGs and parallelism have room."""
    waits = tally.scheduled_waits
    p95 = waits.quantile(0.95)
    pools = (_waits_for(tally, *pool) for pool in (limits.pools or {}).items())
    explained = fsum(
        each.total
        for each in (*pools, *(dag.waits for dag in _at_limit(active).values()))
        if each is not None
    )
    if p95 < LONG_WAIT_SECONDS or explained > MOST * waits.total or _is_full(tally, limits):
        return
    known = {
        "pool slots": limits.pools is not None,
        "max_active_tasks": bool(active.dags),
        "[core] parallelism": limits.parallelism is not None,
    }
    room = _listed(name for name, is_known in known.items() if is_known)
    unknown = _listed(name for name, is_known in known.items() if not is_known)
    yield Finding(
        Kind.SATURATION,
        f"Tasks wait {clock(p95)} (p95) from scheduled to queued"
        + (f" with room left in {room}" if room else ""),
        (
            f"Check {unknown}, unknown here; if there is room,"
            if unknown
            else "Unless tasks have a max_active_tis_per_dag,"
        )
        + " the scheduler loop is slow: give it CPU, add a scheduler, or raise [scheduler] "
        "max_tis_per_query.",
        waits.total - explained,
        f"{clock(waits.total)} in all",
    )


def _listed(names: Iterable[str]) -> str:
    *others, last = [*names] or [""]
    return f"{', '.join(others)} and {last}" if others else last


def _is_full(tally: Tally, limits: Limits) -> bool:
    if any(tally.pool_full_share(*pool) > OFTEN for pool in (limits.pools or {}).items()):
        return True
    return limits.parallelism is not None and tally.all_full_share(limits.parallelism) > OFTEN


def _at_limit(active: ActiveTasks) -> dict[str, DagUse]:
    """Return the DAGs that were often at their limit, with others waiting where that is known."""
    return {
        dag_id: dag
        for dag_id, dag in active.dags.items()
        if dag.use.full_share > OFTEN and _has_waiting(active, dag)
    }


def _has_waiting(active: ActiveTasks, dag: DagUse) -> bool:
    if active.of_each_run:
        return dag.waits.quantile(0.95) >= LONG_WAIT_SECONDS
    # Of a DAG that may have one task at a time, any task is all of them.
    return dag.limit > 1
