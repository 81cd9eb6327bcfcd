"""The collector on the tables of every Airflow version: a small known world, to the last sample."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import psycopg
import pytest
import sqlalchemy as sa
from psycopg import sql

from exporter import catalogue
from exporter.catalogue import Family
from exporter.clock import Clock
from exporter.collectors.airflow import queries
from exporter.collectors.airflow.collector import AirflowCollector, Options
from exporter.collectors.airflow.database import Database
from exporter.collectors.airflow.schema import FEATURES, READ
from exporter.demo import schema
from exporter.dsn import parsed
from exporter.errors import SourceUnavailableError
from exporter.filters import DagFilter
from exporter.samples import Batch, Labels
from tests.integration.collectors.airflow.world import World
from tests.support.postgres import PostgresServer

AGE = 60.0
"""Seconds by which an age may be off: the machine may take its time between two statements."""
LATER = 900
"""Seconds from the making of a world to what ends in it: surely after the exporter first looked."""
MINOR = {"2.10": "2.11", **{version: version for version in schema.VERSIONS if version != "2.10"}}
"""The version that the exporter tells: 2.10.3 and later have the revision of 2.11."""
ALL_FEATURES = {*FEATURES, "heartbeats", "facts"}

Gauges = Mapping[str, Mapping[Labels, float]]


class Hand:
    """A monotonic clock that a test turns."""

    seconds = 0.0

    def monotonic(self) -> float:
        return self.seconds


class Subject:
    """The real collector on one database."""

    def __init__(self, dsn: str, **options: Any) -> None:
        self.hand = Hand()
        self._database = Database(lambda: parsed(dsn, "test"), 30.0)
        self._collector = AirflowCollector(
            self._database,
            Options(timeout_seconds=30.0, **options),
            {},
            Clock(monotonic=self.hand.monotonic),
        )

    def sample(self) -> Batch:
        batch = self._collector.sample()
        self._collector.accepted()
        return batch

    def sample_with_facts(self) -> Batch:
        self.hand.seconds += 61
        return self.sample()

    def close(self) -> None:
        self._database.close()


@pytest.fixture
def subjects() -> Iterator[list[Subject]]:
    """Yield a list whose members are closed at the end."""
    made: list[Subject] = []
    yield made
    for each in made:
        each.close()


def _world(dsn: str, version: str, name: str | None = None) -> World:
    url = dsn.replace("postgresql:", "postgresql+psycopg:", 1)
    engine = sa.create_engine(url, poolclass=sa.NullPool)
    return World(engine, schema.create(engine, version, name), version)


@pytest.fixture
def newest(database: str) -> World:
    """Return the world in the newest version on PostgreSQL."""
    world = _world(database, schema.VERSIONS[-1])
    world.fill()
    return world


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


@pytest.mark.parametrize("version", schema.VERSIONS)
def test_a_known_world_gives_exactly_these_gauges(
    address: str, version: str, subjects: list[Subject]
) -> None:
    world = _world(address, version)
    world.fill()
    subjects.append(Subject(address))
    batch = subjects[0].sample()
    found = dict(gauges(batch))
    found.pop(catalogue.COLLECTOR_FEATURE.name)
    assert found == {family.name: values for family, values in expected(world).items()}
    there = ALL_FEATURES - (set() if world.has("deadline", "missed") else {"deadlines"})
    assert features(batch) == there
    assert batch.known_dags == {"hourly", "paused"}


@pytest.mark.parametrize("version", ["2.11", "3.3"])
def test_other_collectors_are_told_who_has_started(
    address: str, version: str, subjects: list[Subject]
) -> None:
    world = _world(address, version)
    world.fill()
    subjects.append(subject := Subject(address))
    subject.sample()
    ti = world.table("task_instance")
    column = ti.c.id if world.three else ti.c.job_id
    running = sa.select(column, ti.c.dag_id, ti.c.task_id, ti.c.run_id, ti.c.map_index)
    with world.engine.connect() as connection:
        rows = connection.execute(running.where(ti.c.state == "running")).all()
    assert rows
    for identity, *key in rows:
        task = subject._collector.identities[str(identity)]
        assert [task.dag_id, task.task_id, task.run_id, task.map_index] == key
        assert (task.dag_id, task.task_id) in subject._collector.task_names


@pytest.mark.parametrize("version", schema.VERSIONS)
def test_what_ends_is_counted_once_by_outcome(
    address: str, version: str, subjects: list[Subject]
) -> None:
    world = _world(address, version)
    world.fill()
    subject = Subject(address)
    subjects.append(subject)
    assert increments(subject.sample()) == []
    assert increments(subject.sample()) == []
    let_all_end(world)
    assert increments(subject.sample()) == [
        (name, labels, pytest.approx(value, abs=1e-3)) for name, labels, value in counted(world)
    ]
    assert increments(subject.sample()) == []
    # A clear archives a counted try as it is; what follows has not begun.
    end = world.at(LATER + 1)
    world.archive("runs", state="success", start_date=world.at(-300), end_date=end, pid=7)
    world.change("task_instance", {"task_id": "runs"}, state="scheduled")
    assert increments(subject.sample()) == []


@pytest.mark.parametrize("version", ["2.11", "3.3"])
def test_tries_that_share_a_heartbeat_are_all_counted(
    address: str, version: str, subjects: list[Subject], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(queries, "ROWS_A_PAGE", 3)
    world = _world(address, version)
    world.fill()
    subjects.append(Subject(address))
    subjects[0].sample()
    end = world.at(LATER)
    ended = {"start_date": world.at(LATER - 1), "end_date": end, "duration": 1.0, "pid": 9}
    for number in range(8):
        world.task(f"tied_{number}", "success", **ended, beat=end)
    finished = [name for name, _, _ in increments(subjects[0].sample()) if "finished" in name]
    assert finished == [catalogue.TASK_FINISHED.name] * 8


def test_what_may_end_is_published_before_it_is_counted(
    newest: World, database: str, subjects: list[Subject]
) -> None:
    subjects.append(Subject(database))
    announced = {(family.name, labels) for family, labels in subjects[0].sample().announced}
    let_all_end(newest)
    batch = subjects[0].sample()
    assert {(each.family.name, each.labels) for each in batch.increments} <= announced


def test_tables_in_a_schema_of_their_own_are_read_by_its_name(
    database: str, subjects: list[Subject]
) -> None:
    world = _world(database, "3.3", "airflow")
    world.fill()
    subjects += [Subject(database, schema_name="airflow"), Subject(database)]
    found = dict(gauges(subjects[0].sample()))
    found.pop(catalogue.COLLECTOR_FEATURE.name)
    assert found == {family.name: values for family, values in expected(world).items()}
    sentence = r"lacks or does not grant: .*task_instance.*schema airflow: set --airflow\.schema"
    with pytest.raises(SourceUnavailableError, match=sentence):
        subjects[1].sample()


def test_an_unknown_revision_changes_nothing_but_the_version(
    newest: World, database: str, subjects: list[Subject]
) -> None:
    newest.execute("UPDATE alembic_version SET version_num = 'ffffffffffff'")
    subjects.append(Subject(database))
    found = dict(gauges(subjects[0].sample()))
    assert found.pop(catalogue.METADATA_INFO.name) == {("postgresql", None, "ffffffffffff"): 1}
    found.pop(catalogue.COLLECTOR_FEATURE.name)
    others = {family.name: values for family, values in expected(newest).items()}
    others.pop(catalogue.METADATA_INFO.name)
    assert found == others


class Reader:
    """A role that may read nothing but the columns that it was granted."""

    def __init__(self, postgres: PostgresServer, database: str) -> None:
        self._direct = database
        name = database.rpartition("/")[2]
        self.role = f"reader_{name}"
        postgres.create_role(self.role, "secret")
        self.dsn = postgres.dsn(name, self.role, "secret")

    def grant(self, *, leave_out: Mapping[str, str] | None = None) -> None:
        """Grant every column that the collector knows, but for one here and there."""
        with psycopg.connect(self._direct, autocommit=True) as connection:
            there = connection.execute(
                "SELECT table_name, column_name FROM information_schema.columns"
                " WHERE table_schema = 'public'"
            ).fetchall()
            for table, columns in READ.items():
                names = [
                    sql.Identifier(column)
                    for column in columns
                    if (table, column) in there and (leave_out or {}).get(table) != column
                ]
                if names:
                    self._run(connection, "GRANT SELECT ({}) ON {} TO {}", table, names)

    def revoke(self, table: str) -> None:
        """Take back every column of a table."""
        with psycopg.connect(self._direct, autocommit=True) as connection:
            columns = connection.execute(
                "SELECT column_name FROM information_schema.columns WHERE table_name = %s", (table,)
            ).fetchall()
            names = [sql.Identifier(column) for (column,) in columns]
            self._run(connection, "REVOKE SELECT ({}) ON {} FROM {}", table, names)

    def drop(self) -> None:
        with psycopg.connect(self._direct, autocommit=True) as connection:
            connection.execute(sql.SQL("DROP OWNED BY {}").format(sql.Identifier(self.role)))
            connection.execute(sql.SQL("DROP ROLE {}").format(sql.Identifier(self.role)))

    def _run(
        self,
        connection: psycopg.Connection[tuple[Any, ...]],
        statement: str,
        table: str,
        columns: list[sql.Identifier],
    ) -> None:
        what = sql.SQL(", ").join(columns)
        whom = sql.Identifier(self.role)
        connection.execute(sql.SQL(statement).format(what, sql.Identifier(table), whom))


@pytest.fixture
def reader(postgres: PostgresServer, database: str) -> Iterator[Reader]:
    reader = Reader(postgres, database)
    yield reader
    reader.drop()


def test_column_grants_are_all_that_is_needed(
    newest: World, reader: Reader, subjects: list[Subject]
) -> None:
    reader.grant()
    subjects.append(Subject(reader.dsn))
    batch = subjects[0].sample()
    found = dict(gauges(batch))
    found.pop(catalogue.COLLECTOR_FEATURE.name)
    assert found == {family.name: values for family, values in expected(newest).items()}
    let_all_end(newest)
    assert len(subjects[0].sample().increments) == len(counted(newest))


_LOST = {
    "dag": (
        {"dags"},
        {
            catalogue.DAG_INFO, catalogue.DAG_PAUSED, catalogue.DAG_NEXT_RUN, catalogue.DAGS,
            catalogue.DAG_SCHEDULE_INTERVAL, catalogue.DAG_LAST_PARSED,
            catalogue.DAG_MAX_ACTIVE_RUNS, catalogue.DAG_PARSE_DURATION,
            catalogue.DAG_LAST_SUCCESS, catalogue.DAG_LAST_FINISH,
        },
    ),
    "dag_tag": ({"dag_tags"}, set()),
    "slot_pool": ({"pools"}, {catalogue.POOL_SIZE, catalogue.POOL_SLOTS}),
    "job": (
        {"components"},
        {
            catalogue.COMPONENT_HEARTBEAT, catalogue.COMPONENT_INSTANCES,
            catalogue.METADATA_CLOCK_SKEW,
        },
    ),
    "import_error": ({"import_errors"}, {catalogue.DAG_IMPORT_ERRORS}),
    "trigger": ({"triggers"}, {catalogue.TRIGGERS, catalogue.TRIGGERS_UNASSIGNED}),
    "deadline": ({"deadlines"}, {catalogue.DEADLINES_MISSED}),
    "alembic_version": ({"revision"}, set()),
}  # fmt: skip
"""What goes with each table that need not be granted: features, and families."""


@pytest.mark.parametrize("table", _LOST)
def test_a_table_that_is_not_granted_costs_its_own_feature_alone(
    newest: World, reader: Reader, table: str, subjects: list[Subject]
) -> None:
    lost_features, lost_families = _LOST[table]
    reader.grant()
    reader.revoke(table)
    subjects.append(Subject(reader.dsn))
    batch = subjects[0].sample()
    assert features(batch) == ALL_FEATURES - lost_features
    wanted = {family.name for family in expected(newest)} - {each.name for each in lost_families}
    assert gauges(batch).keys() - {catalogue.COLLECTOR_FEATURE.name} == wanted
    let_all_end(newest)
    assert len(subjects[0].sample().increments) == len(counted(newest))


@pytest.mark.parametrize("table", ["dag", "slot_pool", "job", "trigger"])
def test_a_grant_that_goes_and_comes_back_is_noticed_while_running(
    newest: World, reader: Reader, table: str, subjects: list[Subject]
) -> None:
    lost_features, _ = _LOST[table]
    reader.grant()
    subject = Subject(reader.dsn)
    subjects.append(subject)
    assert features(subject.sample()) == ALL_FEATURES
    reader.revoke(table)
    assert features(subject.sample_with_facts()) == ALL_FEATURES - lost_features
    reader.grant()
    assert features(subject.sample_with_facts()) == ALL_FEATURES


@pytest.mark.parametrize("table", ["task_instance", "task_instance_history", "dag_run"])
def test_a_table_that_must_be_granted_is_named_when_it_is_not(
    newest: World, reader: Reader, table: str, subjects: list[Subject]
) -> None:
    reader.grant()
    reader.revoke(table)
    subject = Subject(reader.dsn)
    subjects.append(subject)
    for _ in range(2):
        with pytest.raises(SourceUnavailableError, match=rf"does not grant: {table}(;|$)"):
            subject.sample()
    reader.grant()
    assert features(subject.sample()) == ALL_FEATURES


def test_a_column_that_must_be_granted_is_named_when_it_is_not(
    newest: World, reader: Reader, subjects: list[Subject]
) -> None:
    reader.grant(leave_out={"task_instance": "pid"})
    subjects.append(Subject(reader.dsn))
    with pytest.raises(SourceUnavailableError, match=r"does not grant: task_instance\.pid$"):
        subjects[0].sample()


def test_a_table_that_was_made_anew_is_read_again(
    newest: World, database: str, subjects: list[Subject]
) -> None:
    subject = Subject(database)
    subjects.append(subject)
    before = gauges(subject.sample())
    newest.execute("ALTER TABLE slot_pool RENAME TO away")
    assert catalogue.POOL_SLOTS.name not in gauges(subject.sample_with_facts())
    newest.execute("CREATE TABLE slot_pool AS SELECT pool, slots, include_deferred FROM away")
    after = gauges(subject.sample_with_facts())
    for family in (catalogue.POOL_SLOTS.name, catalogue.POOL_SIZE.name):
        assert after[family] == before[family]


def test_a_required_table_that_was_made_anew_is_read_again(
    newest: World, database: str, subjects: list[Subject]
) -> None:
    subject = Subject(database)
    subjects.append(subject)
    subject.sample()
    newest.execute("ALTER TABLE task_instance_history RENAME TO away")
    # Nothing ended, so nothing was looked for in it.
    subject.sample()
    end = newest.at(LATER)
    newest.beat("runs", end, state="success", end_date=end, duration=301.0)
    with pytest.raises(SourceUnavailableError, match="task_instance_history"):
        subject.sample()
    newest.execute("ALTER TABLE away RENAME TO task_instance_history")
    assert len(subject.sample().increments) > 0


def test_an_sqlite_file_that_another_replaces_is_read_no_more(
    tmp_path: Path, subjects: list[Subject]
) -> None:
    path, newer = tmp_path / "airflow.db", tmp_path / "newer.db"
    _world(f"sqlite:///{path}", "3.3").fill()
    subject = Subject(f"sqlite:///{path}")
    subjects.append(subject)
    assert gauges(subject.sample())[catalogue.TASK_INSTANCE_STATE.name]["running",] == 2
    _world(f"sqlite:///{newer}", "2.11")
    newer.rename(path)
    after = gauges(subject.sample_with_facts())
    assert after[catalogue.TASK_INSTANCE_STATE.name]["running",] == 0
    assert {version for _, version, _ in after[catalogue.METADATA_INFO.name]} == {"2.11"}


def test_an_sqlite_file_that_is_moved_away_is_gone_until_it_is_back(
    tmp_path: Path, subjects: list[Subject]
) -> None:
    path, away = tmp_path / "airflow.db", tmp_path / "away.db"
    _world(f"sqlite:///{path}", "3.3").fill()
    subject = Subject(f"sqlite:///{path}")
    subjects.append(subject)
    subject.sample()
    path.rename(away)
    for _ in range(2):
        with pytest.raises(SourceUnavailableError, match=r"airflow\.db does not exist"):
            subject.sample()
    away.rename(path)
    assert gauges(subject.sample())[catalogue.TASK_INSTANCE_STATE.name]["running",] == 2


def test_filters_leave_totals_alone(newest: World, database: str, subjects: list[Subject]) -> None:
    subjects += [
        Subject(database, dags=DagFilter(include=re.compile("nothing"))),
        Subject(database, dags=DagFilter(exclude=re.compile("hourly|paused"))),
    ]
    everything = expected(newest)
    by_dag = {family for family in everything if family.labels[:1] == ("dag_id",)}
    totals = {family.name: values for family, values in everything.items() if family not in by_dag}
    first = [gauges(subject.sample()) for subject in subjects]
    for found in first:
        assert {**found, catalogue.COLLECTOR_FEATURE.name: {}} == {
            **totals, catalogue.COLLECTOR_FEATURE.name: {},
        }  # fmt: skip
    let_all_end(newest)
    waits = [each for each in counted(newest) if each[1][0] != "hourly"]
    for subject in subjects:
        assert increments(subject.sample()) == [
            (name, labels, pytest.approx(value, abs=1e-3)) for name, labels, value in waits
        ]


def test_a_filter_leaves_the_dags_that_match(
    newest: World, database: str, subjects: list[Subject]
) -> None:
    subjects.append(Subject(database, dags=DagFilter(exclude=re.compile("pause."))))
    found = gauges(subjects[0].sample())
    assert found[catalogue.DAG_PAUSED.name] == {("hourly",): 0}
    assert found[catalogue.DAG_LAST_FINISH.name].keys() == {("hourly",)}
    assert found[catalogue.DAGS.name] == {("active",): 1, ("paused",): 1}


@pytest.mark.parametrize(
    ("pattern", "team"), [(r"team_(\w+)", "ops"), (r"team_\w+", "team_ops"), ("nobody", None)]
)
def test_a_team_is_found_in_owners_and_tags(
    newest: World, database: str, pattern: str, team: str | None, subjects: list[Subject]
) -> None:
    subjects.append(Subject(database, team=re.compile(pattern)))
    info = gauges(subjects[0].sample())[catalogue.DAG_INFO.name]
    assert ("paused", "team_ops", None, team) in info


@pytest.mark.parametrize(("version", "column"), [("3.3", "last_heartbeat_at"), ("2.11", "job_id")])
def test_without_heartbeats_the_runs_tell_what_ended(
    database: str, reader: Reader, version: str, column: str, subjects: list[Subject]
) -> None:
    world = _world(database, version)
    world.fill()
    reader.grant(leave_out={"task_instance": column})
    subject = Subject(reader.dsn)
    subjects.append(subject)
    first = subject.sample()
    assert "heartbeats" not in features(first)
    assert catalogue.TASK_HEARTBEAT_STALE.name not in gauges(first)
    let_all_end(world)
    # The run has ended with its tries: only the sweep of runs that moved shows them.
    subject.hand.seconds += 61
    assert increments(subject.sample()) == [
        (name, labels, pytest.approx(value, abs=1e-3)) for name, labels, value in counted(world)
    ]
    subject.hand.seconds += 61
    assert increments(subject.sample()) == []


def test_without_heartbeats_an_active_run_is_looked_through_each_time(
    database: str, reader: Reader, subjects: list[Subject]
) -> None:
    world = _world(database, "3.3")
    world.fill()
    reader.grant(leave_out={"task_instance": "last_heartbeat_at"})
    subject = Subject(reader.dsn)
    subjects.append(subject)
    subject.sample()
    ended = {"start_date": world.at(LATER), "end_date": world.at(LATER + 1), "duration": 1.0}
    world.change("task_instance", {"task_id": "waits"}, state="success", pid=8, **ended)
    assert (
        "airflow_task_duration_seconds",
        ("hourly", "waits", "BashOperator"),
        1.0,
    ) in increments(subject.sample())
    assert increments(subject.sample()) == []
