"""Slow facts made to gauges: DAGs, the size of pools, components, errors."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime

from exporter import catalogue
from exporter.catalogue import Family
from exporter.collectors.airflow.facts import COMPONENTS, DagRow, Facts, JobRow, alive, pool_size
from exporter.samples import Sample


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
