"""Facts that change slowly (DAGs, pools, components, errors), read every minute."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from sqlalchemy import Connection, and_, false, func, literal, null, select, union_all

from exporter.collectors.airflow.schema import Schema

COMPONENTS = {
    "scheduler": "SchedulerJob",
    "triggerer": "TriggererJob",
    "dag_processor": "DagProcessorJob",
}
"""The components that send heartbeats, and the job type that they do it by."""
ALIVE_SECONDS = 30.0
"""Airflow's default for how old a living component's heartbeat may be."""
INSTANCES_READ = 100
"""Newest jobs read of each component."""


class DagRow(NamedTuple):
    """One DAG that is not stale."""

    dag_id: str
    paused: bool
    owners: str | None
    next_run: datetime | None
    interval_start: datetime | None
    interval_end: datetime | None
    max_active_runs: int | None
    max_active_tasks: int | None
    last_parsed: datetime | None
    parse_seconds: float | None
    at_maximum: bool | None
    """The DAG has as many active runs as it may; from Airflow 3.2 on `next_run` stays set then."""


class PoolRow(NamedTuple):
    """One pool; -1 slots mean unlimited."""

    pool: str
    slots: int
    include_deferred: bool


class JobRow(NamedTuple):
    """One component's job."""

    component: str
    hostname: str
    running: bool
    heartbeat: datetime


@dataclass(frozen=True, slots=True)
class Facts:
    """What one reading found; None where the schema or the grants do not offer it."""

    now: datetime
    dags: tuple[DagRow, ...] | None = None
    tags: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    pools: tuple[PoolRow, ...] | None = None
    jobs: tuple[JobRow, ...] | None = None
    import_errors: int | None = None
    triggers: tuple[int, int] | None = None
    deadlines_missed: int | None = None


def read(connection: Connection, schema: Schema, now: datetime) -> Facts:
    """Read every fact that the schema offers."""
    has = schema.features()
    return Facts(
        now,
        dags=_dags(connection, schema) if has["dags"] else None,
        tags=_tags(connection, schema) if has["dag_tags"] else {},
        pools=_pools(connection, schema) if has["pools"] else None,
        jobs=_jobs(connection, schema) if has["components"] else None,
        import_errors=_count(connection, schema, "import_error") if has["import_errors"] else None,
        triggers=_triggers(connection, schema) if has["triggers"] else None,
        deadlines_missed=_missed(connection, schema) if has["deadlines"] else None,
    )


def _dags(connection: Connection, schema: Schema) -> tuple[DagRow, ...]:
    dag = schema.tables["dag"]

    def column(name: str) -> Any:  # noqa: ANN401 - a column or NULL
        return dag.c[name] if name in dag.c else null()

    statement = select(
        dag.c.dag_id, dag.c.is_paused, column("owners"), column("next_dagrun_create_after"),
        column("next_dagrun_data_interval_start"), column("next_dagrun_data_interval_end"),
        column("max_active_runs"), column("max_active_tasks"), column("last_parsed_time"),
        column("last_parse_duration"), column("exceeds_max_non_backfill"),
    )  # fmt: skip
    if "is_stale" in dag.c:
        statement = statement.where(dag.c.is_stale == false())
    elif "is_active" in dag.c:
        statement = statement.where(dag.c.is_active)
    return tuple(
        DagRow(dag_id, bool(paused), *rest)
        for dag_id, paused, *rest in connection.execute(statement)
    )


def _tags(connection: Connection, schema: Schema) -> dict[str, tuple[str, ...]]:
    tag = schema.tables["dag_tag"]
    tags: dict[str, list[str]] = {}
    for dag_id, name in connection.execute(select(tag.c.dag_id, tag.c.name)):
        tags.setdefault(dag_id, []).append(name)
    return {dag_id: tuple(sorted(names)) for dag_id, names in tags.items()}


def _pools(connection: Connection, schema: Schema) -> tuple[PoolRow, ...]:
    pool = schema.tables["slot_pool"]
    deferred = pool.c.include_deferred if "include_deferred" in pool.c else false()
    statement = select(pool.c.pool, pool.c.slots, deferred).where(
        pool.c.pool.is_not(None), pool.c.slots.is_not(None)
    )
    return tuple(
        PoolRow(name, slots, bool(deferred))
        for name, slots, deferred in connection.execute(statement)
    )


def _jobs(connection: Connection, schema: Schema) -> tuple[JobRow, ...]:
    job = schema.tables["job"]
    newest = [
        select(
            literal(component).label("component"),
            job.c.hostname,
            job.c.state,
            job.c.latest_heartbeat,
        )
        .where(job.c.job_type == job_type, job.c.latest_heartbeat.is_not(None))
        .order_by(job.c.latest_heartbeat.desc())
        .limit(INSTANCES_READ)
        .subquery()
        for component, job_type in COMPONENTS.items()
    ]
    return tuple(
        JobRow(component, hostname or "", state == "running", heartbeat)
        for component, hostname, state, heartbeat in connection.execute(
            union_all(*[select(each) for each in newest])
        )
    )


def _count(connection: Connection, schema: Schema, name: str) -> int:
    return connection.execute(select(func.count()).select_from(schema.tables[name])).scalar_one()


def _triggers(connection: Connection, schema: Schema) -> tuple[int, int]:
    trigger = schema.tables["trigger"]
    total, assigned = connection.execute(
        select(func.count(), func.count(trigger.c.triggerer_id))
    ).one()
    return total, total - assigned


def _missed(connection: Connection, schema: Schema) -> int:
    deadline = schema.tables["deadline"]
    statement = select(func.count()).select_from(deadline).where(deadline.c.missed)
    return connection.execute(statement).scalar_one()


def last_finishes(
    connection: Connection, schema: Schema, dag_ids: list[str]
) -> dict[str, tuple[datetime | None, datetime | None]]:
    """Return by DAG when its runs last succeeded and last finished; one index range a DAG."""
    run, dag = schema.tables["dag_run"], schema.tables["dag"]

    def newest(state: str) -> Any:  # noqa: ANN401 - a scalar subquery
        where = and_(run.c.dag_id == dag.c.dag_id, run.c.state == state)
        return select(func.max(run.c.end_date)).where(where).correlate(dag).scalar_subquery()

    statement = select(dag.c.dag_id, newest("success"), newest("failed")).where(
        dag.c.dag_id.in_(dag_ids)
    )
    found = {}
    for dag_id, success, failure in connection.execute(statement):
        ends = [end for end in (success, failure) if end is not None]
        found[dag_id] = (success, max(ends) if ends else None)
    return found


def alive(jobs: Iterable[JobRow], component: str, now: datetime) -> list[JobRow]:
    """Return the component's jobs that are alive, in their order."""
    since = now - timedelta(seconds=ALIVE_SECONDS)
    return [
        job for job in jobs if job.component == component and job.running and job.heartbeat >= since
    ]


def pool_size(pool: PoolRow) -> float:
    """Return the pool's slots, infinity where it is unlimited."""
    return math.inf if pool.slots < 0 else float(pool.slots)
