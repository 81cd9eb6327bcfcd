"""Workers desired, on the tables of every Airflow version."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
import sqlalchemy as sa

from exporter import catalogue
from exporter.demo import schema
from exporter.filters import DagFilter
from exporter.insight.autoscale import Policy
from exporter.samples import Batch, EntryKey
from tests.integration.collectors.airflow.subject import Subject
from tests.integration.collectors.airflow.world import World

POLICY = Policy(concurrency=2, max_workers=20)
OLD = 95.0
"""Age at which a first wave is over."""


@pytest.fixture
def subject(subject: Callable[..., Subject]) -> Callable[..., Subject]:
    """Return what makes subjects that tell workers desired."""
    return partial(subject, policy=POLICY)


@pytest.fixture
def small(tmp_path: Path) -> str:
    """Return the DSN of an empty SQLite database, for what is not a matter of SQL."""
    return f"sqlite:///{tmp_path / 'airflow.db'}"


def world(dsn: str, version: str = "3.3") -> World:
    url = dsn.replace("postgresql:", "postgresql+psycopg:", 1)
    engine = sa.create_engine(url, poolclass=sa.NullPool)
    made = World(engine, schema.create(engine, version), version)
    made.fill()
    return made


def desired(batch: Batch) -> dict[str, float]:
    """Return the workers by queue."""
    samples = batch.gauges["scaling"]
    return {
        str(each.labels[0]): each.value
        for each in samples
        if each.family is catalogue.WORKERS_DESIRED
    }


def slots(batch: Batch, queue: str = "default") -> dict[str, float]:
    """Return the queue's slots by component."""
    return {
        str(each.labels[1]): each.value
        for each in batch.gauges["scaling"]
        if each.family is catalogue.WORKERS_DESIRED_SLOTS and each.labels[0] == queue
    }


def begun(world: World, *runs: tuple[str, str]) -> dict[EntryKey, str]:
    """Return the ledger's entries of runs that were seen to begin and have grown old."""
    return {("first_wave_begun", json.dumps(run)): world.at(-OLD).isoformat() for run in runs}


def due_soon(world: World, seconds: float = 60.0) -> None:
    """Let the next run of DAG `hourly` come soon."""
    world.change("dag", {"dag_id": "hourly"}, next_dagrun_create_after=world.at(seconds))


@pytest.mark.parametrize("version", schema.VERSIONS)
def test_what_runs_and_waits_is_counted_in_slots(
    address: str, version: str, subject: Callable[..., Subject]
) -> None:
    here = world(address, version)
    batch = subject(address).sample()
    # Two run; one that waits takes two slots; what is deferred or scheduled takes none.
    assert slots(batch) == {"running": 2, "queued": 2, "due": 0}
    assert slots(batch, "gpu") == {"running": 0, "queued": 1, "due": 0}
    assert desired(batch) == {"default": 2, "gpu": 1}
    configured = {
        each.labels: each.value
        for each in batch.gauges["scaling"]
        if each.family is catalogue.WORKER_SLOTS_CONFIGURED
    }
    assert configured == {("default",): 2, ("gpu",): 2}
    here.engine.dispose()


def test_tasks_that_chose_another_executor_need_no_worker(
    address: str, subject: Callable[..., Subject]
) -> None:
    here = world(address)
    here.change("task_instance", {"task_id": "queued"}, executor="KubernetesExecutor")
    here.change("task_instance", {"task_id": "runs"}, executor="a.b.CeleryExecutor")
    assert slots(subject(address).sample()) == {"running": 2, "queued": 0, "due": 0}


def test_tries_of_another_executor_teach_no_duration(
    address: str, subject: Callable[..., Subject]
) -> None:
    here = world(address)
    exporter = subject(address)
    exporter.sample()
    ended = {"end_date": here.at(900), "start_date": here.at(870), "pid": 1}
    alone = {"executor": "a.b.KubernetesExecutor", "queue": "default"}
    here.beat("waits", here.at(900), state="success", duration=30.0, **ended, **alone)
    here.archive("queued", state="failed", duration=40.0, **ended, **alone)
    here.beat("queued", here.at(900), state="up_for_retry")
    again = exporter.sample()
    assert {each.labels[1] for each in again.increments} >= {"waits", "queued"}
    assert ("queue_duration", "default") not in exporter.entries


def test_filters_do_not_touch_what_workers_are_for(
    small: str, subject: Callable[..., Subject]
) -> None:
    world(small)
    nothing = DagFilter(include=re.compile("none"))
    assert desired(subject(small, dags=nothing).sample()) == {"default": 2, "gpu": 1}


def test_a_queue_that_has_emptied_keeps_the_minimum(
    small: str, subject: Callable[..., Subject]
) -> None:
    here = world(small)
    exporter = subject(small)
    exporter.sample()
    here.change("task_instance", {"queue": "gpu"}, state="success")
    assert desired(exporter.sample()) == {"default": 2, "gpu": 1}
    none = Policy(concurrency=2, min_workers=0)
    again = subject(small, exporter.entries, policy=none)
    assert desired(again.sample()) == {"default": 2, "gpu": 0}


def test_short_tries_that_finished_ask_for_fewer_slots(
    small: str, subject: Callable[..., Subject]
) -> None:
    here = world(small)
    exporter = subject(small)
    exporter.sample()
    ended = {"end_date": here.at(900), "duration": 30.0, "start_date": here.at(870), "pid": 1}
    here.beat("waits", here.at(900), state="success", **ended)
    # Half of the two seconds a slot of 30 s serves 120 s: a quarter of what waits.
    assert slots(exporter.sample())["queued"] == pytest.approx(2 * 30 / 120)
    assert exporter.entries["queue_duration", "default"] == "30.0"
    assert slots(subject(small, exporter.entries).sample())["queued"] == pytest.approx(0.5)


@pytest.mark.parametrize("version", ["2.11", "3.3"])
def test_a_first_wave_is_learned_once_and_expected_when_the_next_run_is_due(
    address: str, version: str, subject: Callable[..., Subject]
) -> None:
    here = world(address, version)
    here.run("hourly", "wide", "running", start_date=here.at(-OLD), due=here.at(-OLD - 1))
    for number in range(5):
        wave = {"run_id": "wide", "pool_slots": 2, "queue": "gpu" if number else "default"}
        until = None if number else here.at(-OLD + 20)
        here.task(f"w{number}", "success", queued_dttm=here.at(-OLD + 10), end_date=until, **wave)
    # It follows upon the first one, whose slots are free again.
    here.task("next", "success", queued_dttm=here.at(-OLD + 20), run_id="wide", pool_slots=2)
    here.task("later", "success", queued_dttm=here.at(-OLD + 91), run_id="wide", pool_slots=9)
    due_soon(here)
    exporter = subject(address, begun(here, ("hourly", "wide")))
    batch = exporter.sample()
    assert slots(batch)["due"] == 2
    assert slots(batch, "gpu") == {"running": 0, "queued": 1, "due": 8}
    assert desired(batch) == {"default": 3, "gpu": 5}
    wave = json.loads(exporter.entries["first_wave", "hourly"])
    assert wave == {"default": 2, "gpu": 8}
    assert not [key for key in exporter.entries if key[0] == "first_wave_begun"]
    assert slots(exporter.sample(), "gpu")["due"] == 8


def test_what_has_no_queue_teaches_of_the_default_one(
    small: str, subject: Callable[..., Subject]
) -> None:
    here = world(small)
    here.run("hourly", "wide", "running", start_date=here.at(-OLD), due=here.at(-OLD - 1))
    wave = {"run_id": "wide", "queue": None, "queued_dttm": here.at(-OLD + 10)}
    here.task("w", "success", pool_slots=3, **wave)
    due_soon(here)
    exporter = subject(small, begun(here, ("hourly", "wide")))
    assert slots(exporter.sample())["due"] == 3


@pytest.fixture
def taught(small: str, subject: Callable[..., Subject]) -> tuple[World, Subject]:
    """Return a world whose DAG `hourly` is about to start four slots, as is known."""
    here = world(small)
    due_soon(here)
    return here, subject(small, {("first_wave", "hourly"): json.dumps({"default": 4.0})})


def test_a_run_that_is_there_already_is_not_due_as_well(taught: tuple[World, Subject]) -> None:
    here, exporter = taught
    assert slots(exporter.sample())["due"] == 4
    here.run("hourly", "new", "queued", start_date=None, due=here.at(60))
    assert slots(exporter.sample())["due"] == 0


@pytest.mark.parametrize(
    "change",
    [{"is_paused": True}, {"exceeds_max_non_backfill": True}, {"next_dagrun_create_after": None}],
)
def test_what_the_scheduler_will_not_start_is_not_due(
    taught: tuple[World, Subject], change: dict[str, object]
) -> None:
    here, exporter = taught
    here.change("dag", {"dag_id": "hourly"}, **change)
    assert slots(exporter.sample())["due"] == 0


def test_what_is_due_later_than_a_worker_boots_can_wait(taught: tuple[World, Subject]) -> None:
    here, exporter = taught
    due_soon(here, 600)
    assert slots(exporter.sample())["due"] == 0


def test_a_dag_that_is_gone_takes_its_first_wave_along(taught: tuple[World, Subject]) -> None:
    here, exporter = taught
    here.change("dag", {"dag_id": "hourly"}, is_stale=True)
    assert slots(exporter.sample())["due"] == 0
    assert ("first_wave", "hourly") not in exporter.entries


def test_without_the_dags_nothing_is_said_of_what_is_due(taught: tuple[World, Subject]) -> None:
    here, exporter = taught
    here.execute("ALTER TABLE dag RENAME TO elsewhere")
    batch = exporter.sample()
    assert slots(batch) == {"running": 2, "queued": 2}
    assert desired(batch)["default"] == 2


def test_never_more_than_the_maximum_nor_than_schedulers_keep_busy(
    small: str, subject: Callable[..., Subject]
) -> None:
    here = world(small)
    for number in range(100):
        here.task(f"burst{number}", "queued", queued_dttm=here.now)
    assert desired(subject(small).sample())["default"] == 20
    # Two schedulers are alive.
    limited = Policy(concurrency=2, parallelism=8)
    assert desired(subject(small, policy=limited).sample())["default"] == 8
