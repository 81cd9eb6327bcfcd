"""Facts that change slowly (DAGs, pools, components, errors): read every minute, made to gauges."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from sqlalchemy import Connection, and_, false, func, literal, null, select, union_all

from exporter import catalogue
from exporter.catalogue import Family
from exporter.collectors.airflow.schema import Schema
from exporter.samples import Sample

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


# Facts to gauges.


def samples(facts: Facts, team: re.Pattern[str] | None) -> Iterator[Sample]:
    """Make the gauges of everything but the pools' use."""
    if facts.dags is not None:
        for dag in facts.dags:
            yield from _dag_samples(dag, facts.tags.get(dag.dag_id, ()), team)
    for pool in facts.pools or ():
        yield Sample(catalogue.POOL_SIZE, (pool.pool,), pool_size(pool))
    if facts.jobs is not None:
        yield from _component_samples(facts.jobs, facts.now)
    counts = {
        catalogue.DAG_IMPORT_ERRORS: facts.import_errors,
        catalogue.TRIGGERS: facts.triggers and facts.triggers[0],
        catalogue.TRIGGERS_UNASSIGNED: facts.triggers and facts.triggers[1],
        catalogue.DEADLINES_MISSED: facts.deadlines_missed,
    }
    for family, count in counts.items():
        if count is not None:
            yield Sample(family, (), float(count))


def total_samples(facts: Facts) -> Iterator[Sample]:
    """Make the gauges that filters must not touch."""
    if facts.dags is not None:
        paused = sum(dag.paused for dag in facts.dags)
        yield Sample(catalogue.DAGS, ("active",), float(len(facts.dags) - paused))
        yield Sample(catalogue.DAGS, ("paused",), float(paused))


def pool_size(pool: PoolRow) -> float:
    """Return the pool's slots, infinity where it is unlimited."""
    return math.inf if pool.slots < 0 else float(pool.slots)


def _dag_samples(
    dag: DagRow, tags: tuple[str, ...], team: re.Pattern[str] | None
) -> Iterator[Sample]:
    label = (dag.dag_id,)
    tag_text = f",{','.join(tags)}," if tags else None
    info = (dag.dag_id, dag.owners, tag_text, _team(team, dag.owners, tags))
    yield Sample(catalogue.DAG_INFO, info, 1.0)
    yield Sample(catalogue.DAG_PAUSED, label, float(dag.paused))
    values: dict[Family, float | None] = {
        catalogue.DAG_NEXT_RUN: None if dag.at_maximum else _unix(dag.next_run),
        catalogue.DAG_SCHEDULE_INTERVAL: _interval_seconds(dag),
        catalogue.DAG_MAX_ACTIVE_RUNS: dag.max_active_runs,
        catalogue.DAG_LAST_PARSED: _unix(dag.last_parsed),
        catalogue.DAG_PARSE_DURATION: dag.parse_seconds,
    }
    for family, value in values.items():
        if value is not None:
            yield Sample(family, label, float(value))


def _unix(moment: datetime | None) -> float | None:
    return None if moment is None else moment.timestamp()


def _interval_seconds(dag: DagRow) -> float | None:
    if dag.interval_start is None or dag.interval_end is None:
        return None
    seconds = (dag.interval_end - dag.interval_start).total_seconds()
    return seconds if seconds > 0 else None


def _team(pattern: re.Pattern[str] | None, owners: str | None, tags: tuple[str, ...]) -> str | None:
    if pattern is None:
        return None
    for candidate in (*(owners or "").split(","), *tags):
        if found := pattern.search(candidate.strip()):
            return found.group(1) if pattern.groups else found.group()
    return None


def alive(jobs: Iterable[JobRow], component: str, now: datetime) -> list[JobRow]:
    """Return the component's jobs that are alive, in their order."""
    since = now - timedelta(seconds=ALIVE_SECONDS)
    return [
        job for job in jobs if job.component == component and job.running and job.heartbeat >= since
    ]


def _component_samples(jobs: tuple[JobRow, ...], now: datetime) -> Iterator[Sample]:
    for component in COMPONENTS:
        mine = sorted((j for j in jobs if j.component == component), key=lambda j: j.heartbeat)
        living = alive(mine, component, now)
        yield Sample(catalogue.COMPONENT_INSTANCES, (component,), float(len(living)))
        beats = {job.hostname: job.heartbeat for job in [*mine[-1:], *living]}
        for hostname, beat in beats.items():
            labels = (component, hostname)
            yield Sample(catalogue.COMPONENT_HEARTBEAT, labels, beat.timestamp())
        if mine:
            # A heartbeat in the future shows a clock that is ahead; one that is behind looks old.
            ahead = max(0.0, (mine[-1].heartbeat - now).total_seconds())
            yield Sample(catalogue.METADATA_CLOCK_SKEW, (component,), ahead)
