"""The tasks collector beside Celery's pool processes, which serve try after try and idle between.

Nothing else on the machine may have Airflow's titles meanwhile.
"""

from __future__ import annotations

import os
import time
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.airflow.beside import alone, with_database
from tests.airflow.burnt import INSTANCES, SHORT, Burnt, assert_told, written_down
from tests.airflow.cluster import Cluster
from tests.airflow.executors import celery
from tests.airflow.watch import Scrape, Watch
from tests.support.postgres import PostgresServer
from tests.support.redis import NO_REDIS, RedisServer, redis_binary
from tests.support.require import require

pytestmark = [pytest.mark.airflow, pytest.mark.timeout(1200)]

VERSIONS = os.environ.get("AIRFLOW_TEST_VERSIONS", "").split()
POOL = 2
"""Fewer than the tries that wait: some follow upon one another, and then all are idle."""
RUNS = {"database": ("first", "second"), "alone": ("first", "second"), "late": ("second",)}
"""Of the DAG `burning`, that each exporter has seen."""
_LATE_SECONDS = 5.0
"""From what the database says of a try to a scrape of it, on a busy machine."""
_LINGER_SECONDS = 60.0
_IDLE_SECONDS = 15.0
_PLAY_SECONDS = 300.0
_COUNTS = ("task_running_instances", "task_processes")
_LAST_VALUES = ("task_cpu_usage_percent", "task_memory_usage_bytes")
# On a busy machine a try fails when its start cannot be reported in time: then it has none.
_TRIES = """
SELECT dag_id, task_id, extract(epoch FROM coalesce(start_date, queued_dttm))::float8,
    extract(epoch FROM end_date)::float8
FROM task_instance WHERE queued_dttm IS NOT NULL AND end_date IS NOT NULL
"""
Name = tuple[object, object]
Spans = Mapping[Name, list[tuple[float, float]]]
"""Start and end of the tries (Unix seconds) by DAG and task."""


@dataclass(frozen=True)
class Outcome:
    """All that a played scenario left."""

    major: int
    scrapes: Mapping[str, list[Scrape]]
    """By exporter; the last one is of a time when all had ended."""
    tries: Spans
    burnt: Mapping[str, list[Burnt]]
    """What the tries that an exporter has seen wrote down."""
    idle: list[str]
    """Titles of what the worker has forked, when it had served tries and none ran."""


@pytest.fixture(scope="module", params=VERSIONS or ["none"])
def outcome(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Outcome]:
    """Play the scenario once for each version."""
    require(VERSIONS, "AIRFLOW_TEST_VERSIONS names no version: `make airflow-test` does")
    require(redis_binary(), NO_REDIS)
    postgres: PostgresServer = request.getfixturevalue("postgres")
    dsn = postgres.create_database(f"celery_{request.param}")
    directory = tmp_path_factory.mktemp("celery")
    with (
        RedisServer() as redis,
        Cluster(request.param, dsn, directory, executor=celery(redis, POOL)) as cluster,
        ExitStack() as beside,
    ):
        yield _play(cluster, directory, beside)


def _play(cluster: Cluster, directory: Path, beside: ExitStack) -> Outcome:
    """Let tries of other DAGs come first, then two runs of the one that burns, idle in between."""
    cluster.release()
    watches = {}
    for name, exporter in {
        "database": with_database(directory, cluster.dsn),
        "alone": alone(directory),
    }.items():
        beside.enter_context(exporter).wait_ready()
        watches[name] = Watch(exporter)
    cluster.start()
    cluster.pause("often")
    _until_idle(cluster)
    _burn(cluster, "first")
    time.sleep(_LINGER_SECONDS)
    idle = cluster.titles("celery")
    late = beside.enter_context(alone(directory))
    late.wait_ready()
    watches["late"] = Watch(late)
    time.sleep(_IDLE_SECONDS)
    _burn(cluster, "second")
    for watch in watches.values():
        watch.stop()
    spans = defaultdict(list)
    for dag_id, task_id, start, end in cluster.query(_TRIES):
        spans[dag_id, task_id].append((start, end))
    scrapes = {name: watch.scrapes for name, watch in watches.items()}
    burnt = {name: written_down(cluster.truths, runs) for name, runs in RUNS.items()}
    return Outcome(cluster.major, scrapes, spans, burnt, idle)


def _burn(cluster: Cluster, run_id: str) -> None:
    cluster.trigger("burning", run_id)
    _until_idle(cluster)


def _until_idle(cluster: Cluster) -> None:
    cluster.wait_until(cluster.finished, "every run has ended", _PLAY_SECONDS)
    time.sleep(_IDLE_SECONDS)


@pytest.mark.parametrize("exporter", RUNS)
def test_tasks_have_used_what_they_wrote_down(outcome: Outcome, exporter: str) -> None:
    _, last = outcome.scrapes[exporter][-1]
    assert_told(last, outcome.burnt[exporter])


@pytest.mark.parametrize("exporter", RUNS)
def test_no_idle_worker_is_ever_named(outcome: Outcome, exporter: str) -> None:
    told = [each for each in _told(outcome.scrapes[exporter], _COUNTS) if each.value]
    assert _unexplained(told, outcome.tries, _LATE_SECONDS) == []


@pytest.mark.parametrize("exporter", RUNS)
def test_last_values_are_gone_after_a_minute(outcome: Outcome, exporter: str) -> None:
    told = _told(outcome.scrapes[exporter], {*_COUNTS, *_LAST_VALUES})
    # They stay from the last reading of the try, which may be late as well.
    assert _unexplained(told, outcome.tries, _LINGER_SECONDS + 2 * _LATE_SECONDS) == []
    assert {each.family for each in told} == {*_COUNTS, *_LAST_VALUES}


@pytest.mark.parametrize("exporter", RUNS)
def test_never_are_more_tries_told_than_the_pool_has_processes(
    outcome: Outcome, exporter: str
) -> None:
    sums = {
        sum(each.value for each in _told([scrape], {"task_running_instances"}))
        for scrape in outcome.scrapes[exporter]
    }
    assert sums == {*range(POOL + 1)}


@pytest.mark.parametrize("exporter", RUNS)
def test_no_task_process_was_without_a_name(outcome: Outcome, exporter: str) -> None:
    key = ("task_unattributed_processes", frozenset())
    assert {ours[key] for _, ours in outcome.scrapes[exporter]} == {0}


@pytest.mark.parametrize("exporter", RUNS)
def test_the_scenario_has_shown_what_it_is_for(outcome: Outcome, exporter: str) -> None:
    told = _told(outcome.scrapes[exporter], {"task_running_instances"})
    running = {each.name for each in told if each.value}
    # What lives for half a second may come and go between two samples; its totals do not.
    assert running >= {("burning", task_id) for task_id in INSTANCES.keys() - SHORT}
    assert {dag_id for dag_id, _ in outcome.tries} > {"burning"}
    # Airflow 2 forks once more before it changes the title.
    stale = [title for title in outcome.idle if title.startswith("airflow supervisor: ")]
    assert len(stale) == (POOL if outcome.major >= 3 else 0), outcome.idle


class Told(NamedTuple):
    """One value of a task in one scrape."""

    moment: float
    name: Name
    family: str
    value: float


def _told(scrapes: list[Scrape], families: Collection[str]) -> list[Told]:
    return [
        Told(moment, _name(dict(labels)), family, value)
        for moment, ours in scrapes
        for (family, labels), value in ours.items()
        if family in families
    ]


def _name(labels: Mapping[str, str]) -> Name:
    return labels["dag_id"], labels["task_id"]


def _unexplained(told: list[Told], tries: Spans, after: float) -> list[Told]:
    """Return what is told when no try of the task runs, or ended so many seconds ago."""
    return [
        each
        for each in told
        if not any(
            start - _LATE_SECONDS <= each.moment <= end + after
            for start, end in tries.get(each.name, [])
        )
    ]
