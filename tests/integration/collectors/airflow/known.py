"""The gauges and counts of the small known world, to the last sample."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import pytest
import sqlalchemy as sa

from exporter import catalogue
from exporter.catalogue import Family
from exporter.collectors.airflow.schema import FEATURES
from exporter.demo import schema
from exporter.samples import Batch, Labels
from tests.integration.collectors.airflow.world import World

AGE = 60.0
"""Seconds by which an age may be off: the machine may take its time between two statements."""
LATER = 900
"""Seconds from the making of a world to what ends in it: surely after the exporter first looked."""
MINOR = {"2.10": "2.11", **{version: version for version in schema.VERSIONS if version != "2.10"}}
"""The version that the exporter tells: 2.10.3 and later have the revision of 2.11."""
ALL_FEATURES = {*FEATURES, "heartbeats", "facts"}

Gauges = Mapping[str, Mapping[Labels, float]]


def gauges(batch: Batch) -> Gauges:
    """Return value by labels by family; a gauge that is there twice is an error."""
    found: dict[str, dict[Labels, float]] = {}
    for samples in batch.gauges.values():
        for sample in samples:
            family = found.setdefault(sample.family.name, {})
            assert sample.labels not in family
            assert len(sample.labels) == len(sample.family.labels)
            family[sample.labels] = sample.value
    return found


def increments(batch: Batch) -> list[tuple[str, Labels, float]]:
    """Return what was counted, in alphabetical order."""
    return sorted((each.family.name, each.labels, each.value) for each in batch.increments)


def features(batch: Batch) -> set[str]:
    """Return the names of the features that are there."""
    found = gauges(batch)[catalogue.COLLECTOR_FEATURE.name]
    return {str(labels[1]) for labels, there in found.items() if there}


def about(age: float) -> Any:
    """Return something that equals an age as a sample some seconds later tells it."""
    return pytest.approx(age + AGE / 2, abs=AGE / 2)


def expected(world: World) -> dict[Family, dict[Labels, Any]]:
    """Return every gauge of the world when nothing has happened since it was made."""

    def unix(seconds: float) -> Any:
        return pytest.approx(world.at(seconds).timestamp(), abs=1e-3)

    with world.engine.connect() as connection:
        revision = connection.scalar(sa.select(world.table("alembic_version").c.version_num))
    found: dict[Family, dict[Labels, Any]] = {
        catalogue.TASK_INSTANCE_STATE: {
            ("scheduled",): 1,
            ("queued",): 2,
            ("running",): 2,
            ("restarting",): 0,
            ("deferred",): 1,
            ("up_for_retry",): 0,
            ("up_for_reschedule",): 1,
            ("awaiting_input",): 0,
        },
        catalogue.DAG_TASK_INSTANCES: {
            ("hourly", "scheduled"): 1,
            ("hourly", "queued"): 2,
            ("hourly", "running"): 2,
            ("hourly", "deferred"): 1,
            ("hourly", "up_for_reschedule"): 1,
        },
        catalogue.TASK_OLDEST_RUNNING: {
            ("hourly", "runs"): about(300),
            ("hourly", "silent"): about(900),
        },
        catalogue.TASK_HEARTBEAT_STALE: {(): 1},
        catalogue.TASK_QUEUE_SIZE: {("default",): 1, ("gpu",): 1},
        catalogue.QUEUE_OLDEST_WAIT: {("default",): about(60), ("gpu",): about(20)},
        catalogue.POOL_SLOTS: {
            ("default_pool", "running"): 2,
            ("default_pool", "queued"): 2,
            ("default_pool", "scheduled"): 1,
            ("default_pool", "deferred"): 1,
            ("default_pool", "open"): 3,
            ("wide", "running"): 0,
            ("wide", "queued"): 1,
            ("wide", "scheduled"): 0,
            ("wide", "deferred"): 0,
            ("wide", "open"): math.inf,
        },
        catalogue.POOL_SIZE: {("default_pool",): 8, ("wide",): math.inf},
        catalogue.DAG_RUNS: {("queued",): 1, ("running",): 1},
        catalogue.DAG_ACTIVE_RUNS: {("hourly",): 1, ("paused",): 1},
        catalogue.DAG_MAX_ACTIVE_RUNS: {("hourly",): 3, ("paused",): 1},
        catalogue.DAG_RUN_OLDEST_RUNNING: {("hourly",): about(600)},
        catalogue.DAG_LAST_SUCCESS: {("hourly",): unix(-3600)},
        catalogue.DAG_LAST_FINISH: {("hourly",): unix(-3600), ("paused",): unix(-1800)},
        catalogue.DAG_INFO: {
            ("hourly", "data", ",a,b,", None): 1,
            ("paused", "team_ops", None, None): 1,
        },
        catalogue.DAG_PAUSED: {("hourly",): 0, ("paused",): 1},
        catalogue.DAG_NEXT_RUN: {("hourly",): unix(3600)},
        catalogue.DAG_SCHEDULE_INTERVAL: {("hourly",): 3600},
        catalogue.DAG_LAST_PARSED: {("hourly",): unix(-30)},
        catalogue.DAGS: {("active",): 1, ("paused",): 1},
        catalogue.DAG_IMPORT_ERRORS: {(): 1},
        catalogue.TRIGGERS: {(): 2},
        catalogue.TRIGGERS_UNASSIGNED: {(): 1},
        catalogue.COMPONENT_HEARTBEAT: {
            ("scheduler", "one"): unix(-1),
            ("scheduler", "two"): unix(-2),
            ("triggerer", "three"): unix(-500),
        },
        catalogue.COMPONENT_INSTANCES: {
            ("scheduler",): 2,
            ("triggerer",): 0,
            ("dag_processor",): 0,
        },
        catalogue.METADATA_CLOCK_SKEW: {("scheduler",): 0, ("triggerer",): 0},
        catalogue.METADATA_INFO: {
            (world.engine.dialect.name, MINOR[world.version], revision): 1,
        },
    }
    if world.has("dag", "last_parse_duration"):
        found[catalogue.DAG_PARSE_DURATION] = {("hourly",): 0.5}
    if world.has("deadline", "missed"):
        found[catalogue.DEADLINES_MISSED] = {(): 1}
    return found


def let_all_end(world: World) -> None:
    """Finish what the world holds, a try of each outcome, as Airflow does it."""
    ran = {"pid": 8, "start_date": world.at(LATER + 2)}
    end = world.at(LATER + 1)
    world.beat("runs", end, state="success", end_date=end, duration=301.0)
    end = world.at(LATER + 4)
    failed = {**ran, "end_date": end, "duration": 2.0}
    queued = {"queued_dttm": world.at(LATER - 60), "scheduled_dttm": world.at(LATER - 61)}
    world.beat("queued", end, state="up_for_retry", **failed, **queued)
    archived = {key: value for key, value in queued.items() if world.has(_HISTORY, key)}
    world.archive("queued", **failed, **archived)
    end = world.at(LATER + 3)
    queued = {"queued_dttm": world.at(LATER - 20)}
    world.beat("heavy", end, state="skipped", **ran, end_date=end, duration=1.0, **queued)
    end = world.at(LATER + 5)
    queued = {"queued_dttm": world.at(LATER - 2), "scheduled_dttm": world.at(LATER - 5)}
    world.beat("waits", end, state="failed", **ran, end_date=end, duration=3.0, **queued)
    empty = {"start_date": world.at(LATER), "end_date": world.at(LATER), "duration": 0.0}
    world.change("task_instance", {"task_id": "none"}, state="success", **empty)
    run_end = {"end_date": world.at(LATER + 6), "updated_at": world.at(LATER + 6)}
    world.change("dag_run", {"run_id": "now"}, state="success", **run_end)


_HISTORY = "task_instance_history"


def counted(world: World) -> list[tuple[str, Labels, Any]]:
    """Return what `let_all_end` must have counted."""
    waited, delayed = "airflow_task_queue_wait_seconds", "airflow_task_schedule_delay_seconds"
    lasted, ended = "airflow_task_duration_seconds", "airflow_task_finished_total"
    wasted = "airflow_task_wasted_seconds_total"

    def task(name: str) -> tuple[str, str, str]:
        return ("hourly", name, "BashOperator")

    found: list[tuple[str, Labels, Any]] = [
        ("airflow_dag_run_duration_seconds", ("hourly", "success"), 1506.0),
        ("airflow_dag_run_finished_total", ("hourly", "scheduled", "success"), 1.0),
        ("airflow_dag_run_start_delay_seconds", ("hourly",), 10.0),
        (lasted, task("heavy"), 1.0),
        (lasted, task("queued"), 2.0),
        (lasted, task("runs"), 301.0),
        (lasted, task("waits"), 3.0),
        (ended, (*task("heavy"), "skipped"), 1.0),
        (ended, (*task("queued"), "up_for_retry"), 1.0),
        (ended, (*task("runs"), "success"), 1.0),
        (ended, (*task("waits"), "failed"), 1.0),
        (waited, ("default", "default_pool"), 4.0),
        (waited, ("default", "default_pool"), 10.0),
        (waited, ("default", "default_pool"), 62.0),
        (waited, ("gpu", "wide"), 22.0),
        (wasted, ("hourly", "queued"), 2.0),
        (wasted, ("hourly", "waits"), 3.0),
    ]
    if world.has("task_instance", "scheduled_dttm"):
        found += [(delayed, ("default",), 1.0), (delayed, ("default",), 3.0)]
    return sorted(found)
