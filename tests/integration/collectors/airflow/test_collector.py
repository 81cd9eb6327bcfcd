"""The collector on the tables of every Airflow version: a small known world."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from exporter import catalogue
from exporter.collectors.airflow import queries
from exporter.demo import schema
from exporter.errors import SourceUnavailableError
from tests.integration.collectors.airflow.known import (
    ALL_FEATURES,
    LATER,
    counted,
    expected,
    features,
    gauges,
    increments,
    let_all_end,
)
from tests.integration.collectors.airflow.subject import Make
from tests.integration.collectors.airflow.world import World, made


@pytest.mark.parametrize("version", schema.VERSIONS)
def test_a_known_world_gives_exactly_these_gauges(
    address: str, version: str, subject: Make
) -> None:
    world = made(address, version)
    world.fill()
    collector = subject(address)
    batch = collector.sample()
    found = dict(gauges(batch))
    found.pop(catalogue.COLLECTOR_FEATURE.name)
    assert found == {family.name: values for family, values in expected(world).items()}
    there = ALL_FEATURES - (set() if world.has("deadline", "missed") else {"deadlines"})
    assert features(batch) == there
    assert batch.known_dags == {"hourly", "paused"}


@pytest.mark.parametrize("version", ["2.11", "3.3"])
def test_other_collectors_are_told_who_has_started(
    address: str, version: str, subject: Make
) -> None:
    world = made(address, version)
    world.fill()
    collector = subject(address)
    collector.sample()
    ti = world.table("task_instance")
    column = ti.c.id if world.three else ti.c.job_id
    running = sa.select(column, ti.c.dag_id, ti.c.task_id, ti.c.run_id, ti.c.map_index)
    with world.engine.connect() as connection:
        rows = connection.execute(running.where(ti.c.state == "running")).all()
    assert rows
    for identity, *key in rows:
        task = collector._collector.identities[str(identity)]
        assert [task.dag_id, task.task_id, task.run_id, task.map_index] == key
        assert (task.dag_id, task.task_id) in collector._collector.task_names


@pytest.mark.parametrize("version", schema.VERSIONS)
def test_what_ends_is_counted_once_by_outcome(address: str, version: str, subject: Make) -> None:
    world = made(address, version)
    world.fill()
    collector = subject(address)
    assert increments(collector.sample()) == []
    assert increments(collector.sample()) == []
    let_all_end(world)
    assert increments(collector.sample()) == [
        (name, labels, pytest.approx(value, abs=1e-3)) for name, labels, value in counted(world)
    ]
    assert increments(collector.sample()) == []
    # A clear archives a counted try as it is; what follows has not begun.
    end = world.at(LATER + 1)
    world.archive("runs", state="success", start_date=world.at(-300), end_date=end, pid=7)
    world.change("task_instance", {"task_id": "runs"}, state="scheduled")
    assert increments(collector.sample()) == []


@pytest.mark.parametrize("version", ["2.11", "3.3"])
def test_tries_that_share_a_heartbeat_are_all_counted(
    address: str, version: str, subject: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(queries, "ROWS_A_PAGE", 3)
    world = made(address, version)
    world.fill()
    collector = subject(address)
    collector.sample()
    end = world.at(LATER)
    ended = {"start_date": world.at(LATER - 1), "end_date": end, "duration": 1.0, "pid": 9}
    for number in range(8):
        world.task(f"tied_{number}", "success", **ended, beat=end)
    finished = [name for name, _, _ in increments(collector.sample()) if "finished" in name]
    assert finished == [catalogue.TASK_FINISHED.name] * 8


def test_what_may_end_is_published_before_it_is_counted(
    newest: World, database: str, subject: Make
) -> None:
    collector = subject(database)
    announced = {(family.name, labels) for family, labels in collector.sample().announced}
    let_all_end(newest)
    batch = collector.sample()
    assert {(each.family.name, each.labels) for each in batch.increments} <= announced


def test_tables_in_a_schema_of_their_own_are_read_by_its_name(database: str, subject: Make) -> None:
    world = made(database, "3.3", "airflow")
    world.fill()
    found = dict(gauges(subject(database, schema_name="airflow").sample()))
    found.pop(catalogue.COLLECTOR_FEATURE.name)
    assert found == {family.name: values for family, values in expected(world).items()}
    sentence = r"lacks or does not grant: .*task_instance.*schema airflow: set --airflow\.schema"
    with pytest.raises(SourceUnavailableError, match=sentence):
        subject(database).sample()


def test_an_unknown_revision_changes_nothing_but_the_version(
    newest: World, database: str, subject: Make
) -> None:
    newest.execute("UPDATE alembic_version SET version_num = 'ffffffffffff'")
    collector = subject(database)
    found = dict(gauges(collector.sample()))
    assert found.pop(catalogue.METADATA_INFO.name) == {("postgresql", None, "ffffffffffff"): 1}
    found.pop(catalogue.COLLECTOR_FEATURE.name)
    others = {family.name: values for family, values in expected(newest).items()}
    others.pop(catalogue.METADATA_INFO.name)
    assert found == others
