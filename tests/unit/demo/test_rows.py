"""Rows are written as Airflow 3.3 writes them: event by event, on the recorded schema."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
import sqlalchemy as sa

from exporter.demo import database
from exporter.demo.dags import BY_ID, DAGS
from exporter.demo.database import Tables, new_id
from exporter.demo.facts import FactRows
from exporter.demo.rows import TaskRows
from exporter.demo.runs import Plan, RunRows

NOON = datetime(2026, 11, 22, 12, tzinfo=timezone.utc)
CHANCE = random.Random(1)
DAG = BY_ID["sales_ingest"]


def after(seconds: float) -> datetime:
    return NOON + timedelta(seconds=seconds)


class Airflow:
    """One run of one DAG, and what the events of its tasks are called with."""

    def __init__(self, connection: sa.Connection, tables: Tables) -> None:
        self.connection = connection
        self.tables = tables
        self.tasks = TaskRows(tables, CHANCE)
        self.runs = RunRows(tables, CHANCE, 1.0)
        self.facts = FactRows(tables, CHANCE)
        self.facts.installed(connection, NOON)
        version = self.facts.versions(connection)[DAG.dag_id]
        plan = Plan("scheduled", after(-15), NOON)
        self.number = self.runs.created(connection, DAG, plan, version, NOON)
        self.tasks.created(connection, DAG, plan.run_id, version, NOON)

    def row(self, task_id: str = "load_orders", map_index: int = -1) -> Any:
        ti = self.tables.task_instance
        same = sa.and_(ti.c.task_id == task_id, ti.c.map_index == map_index)
        return self.connection.execute(sa.select(ti).where(same)).one()

    def run(self) -> Any:
        return self.connection.execute(sa.select(self.tables.dag_run)).one()

    def rows_of(self, table: sa.Table) -> Any:
        return self.connection.execute(sa.select(table)).all()

    def begin(self, task_id: str = "load_orders", map_index: int = -1) -> Any:
        """Bring a task instance to running: scheduled after 1 s, queued 2 s, started 3 s."""
        for step in ("scheduled", "queued", "running"):
            row = self.row(task_id, map_index)
            if step == "scheduled":
                self.tasks.scheduled(self.connection, row, after(1))
            elif step == "queued":
                self.tasks.queued(self.connection, row, 1, after(2))
            else:
                assert self.tasks.running(self.connection, row, 77, "here", after(3))
        return self.row(task_id, map_index)


@pytest.fixture(scope="module")
def opened(tmp_path_factory) -> Iterator[tuple[sa.Engine, Tables]]:
    directory = tmp_path_factory.mktemp("demo")
    engine, tables = database.opened(directory, lambda _connection, _tables: None)
    yield engine, tables
    engine.dispose()


@pytest.fixture
def airflow(opened) -> Iterator[Airflow]:
    engine, tables = opened
    with engine.connect() as connection:
        yield Airflow(connection, tables)
        connection.rollback()


def test_a_new_run_has_a_row_for_each_task_and_map_index_without_a_state(airflow):
    rows = airflow.rows_of(airflow.tables.task_instance)
    assert {(row.state, row.try_number) for row in rows} == {(None, 0)}
    assert sorted(row.map_index for row in rows if row.task_id == "extract_orders") == [0, 1, 2]
    assert len(rows) == 7
    assert airflow.run().state == "queued"


def test_scheduling_begins_a_try_and_each_step_leaves_its_time(airflow):
    row = airflow.begin()
    assert (row.state, row.try_number, row.pid, row.hostname) == ("running", 1, 77, "here")
    times = (row.scheduled_dttm, row.queued_dttm, row.start_date, row.last_heartbeat_at)
    assert times == (after(1), after(2), after(3), after(3))
    assert (row.end_date, row.queued_by_job_id) == (None, 1)


def test_an_empty_operator_never_gets_what_a_worker_writes(airflow):
    airflow.tasks.passed(airflow.connection, airflow.row("start"), after(1))
    row = airflow.row("start")
    assert (row.state, row.start_date, row.end_date, row.duration) == (
        "success",
        after(1),
        after(1),
        0,
    )
    assert (row.pid, row.hostname, row.queued_dttm, row.last_heartbeat_at) == (None, "", None, None)


def test_a_heartbeat_of_another_process_is_refused(airflow):
    row = airflow.begin()
    assert airflow.tasks.heartbeat(airflow.connection, row.id, 77, after(8))
    assert not airflow.tasks.heartbeat(airflow.connection, row.id, 78, after(9))
    row = airflow.row()
    assert (row.last_heartbeat_at, row.updated_at) == (after(8), after(8))


def test_a_failed_try_moves_to_the_history_and_the_row_gets_a_new_id(airflow):
    before = airflow.begin()
    airflow.tasks.heartbeat(airflow.connection, before.id, 77, after(8))
    assert airflow.tasks.retried(airflow.connection, before.id, after(10))
    row = airflow.row()
    assert (row.state, row.start_date, row.end_date, row.duration, row.pid) == (
        "up_for_retry", after(3), after(10), 7.0, 77
    )  # fmt: skip
    (archived,) = airflow.rows_of(airflow.tables.history)
    assert archived.task_instance_id == before.id != row.id
    assert (archived.state, archived.end_date, archived.try_number) == ("failed", after(10), 1)
    assert archived.updated_at == after(8), "the copied time of the last heartbeat"
    airflow.tasks.scheduled(airflow.connection, row, after(13))
    assert airflow.row().try_number == 2


def test_a_clear_keeps_the_stale_start_until_the_next_try(airflow):
    before = airflow.begin()
    airflow.tasks.finished(airflow.connection, before.id, "success", after(5))
    airflow.tasks.cleared(airflow.connection, airflow.row(), 2, after(60))
    row = airflow.row()
    assert row.id != before.id
    assert (row.state, row.start_date, row.end_date, row.duration, row.pid, row.max_tries) == (
        None, after(3), after(5), 2.0, 77, 3
    )  # fmt: skip
    (archived,) = airflow.rows_of(airflow.tables.history)
    assert (archived.state, archived.end_date) == ("success", after(5))


def test_a_clear_while_running_archives_a_failed_try_that_ends_now(airflow):
    before = airflow.begin()
    airflow.tasks.cleared(airflow.connection, before, 2, after(6))
    assert airflow.row().state == "restarting"
    (archived,) = airflow.rows_of(airflow.tables.history)
    assert (archived.state, archived.end_date, archived.duration) == ("failed", after(6), 3.0)
    assert not airflow.tasks.finished(airflow.connection, before.id, "success", after(7)), "409"
    airflow.tasks.restarted(airflow.connection, airflow.row(), after(8))
    assert (airflow.row().state, airflow.row().end_date) == ("up_for_retry", after(8))
    assert len(airflow.rows_of(airflow.tables.history)) == 1


def test_a_deferred_try_resumes_with_its_start_and_another_process(airflow):
    row = airflow.begin()
    trigger = {"classpath": "a.B", "kwargs": "{}", "queue": None}
    assert airflow.tasks.deferred(airflow.connection, row.id, trigger, None, after(4))
    row = airflow.row()
    assert (row.state, row.trigger_id) == ("deferred", 1)
    airflow.tasks.resumed(airflow.connection, row, after(20))
    assert (airflow.row().state, airflow.row().scheduled_dttm) == ("scheduled", after(20))
    airflow.tasks.queued(airflow.connection, airflow.row(), 1, after(21))
    airflow.tasks.running(airflow.connection, airflow.row(), 88, "there", after(22))
    airflow.tasks.finished(airflow.connection, row.id, "success", after(23))
    row = airflow.row()
    assert (row.start_date, row.queued_dttm, row.pid, row.hostname) == (
        after(3),
        after(21),
        88,
        "there",
    )
    assert (row.duration, row.try_number, row.next_method) == (20.0, 1, None)


def test_each_poke_overwrites_the_start_and_is_the_same_try(airflow):
    row = airflow.begin()
    assert airflow.tasks.rescheduled(airflow.connection, row.id, after(10), after(4))
    assert len(airflow.rows_of(airflow.tables.reschedule)) == 1
    airflow.tasks.scheduled(airflow.connection, airflow.row(), after(10))
    airflow.tasks.queued(airflow.connection, airflow.row(), 1, after(11))
    airflow.tasks.running(airflow.connection, airflow.row(), 78, "here", after(12))
    airflow.tasks.finished(airflow.connection, row.id, "success", after(13))
    row = airflow.row()
    assert (row.start_date, row.duration, row.try_number) == (after(12), 1.0, 1)


def test_xcom_of_the_try_before_goes_at_the_next_start(airflow):
    row = airflow.begin()
    airflow.tasks.pushed(airflow.connection, row, airflow.number, {"rows": 3}, after(4))
    airflow.tasks.finished(airflow.connection, row.id, "success", after(5))
    airflow.tasks.cleared(airflow.connection, airflow.row(), 0, after(6))
    assert [each.value for each in airflow.rows_of(airflow.tables.xcom)] == [{"rows": 3}]
    airflow.begin()
    assert airflow.rows_of(airflow.tables.xcom) == []


def test_an_orphan_is_archived_as_failed_and_begins_anew(airflow):
    before = airflow.begin()
    airflow.tasks.orphaned(airflow.connection, before, after(90))
    row = airflow.row()
    assert (row.state, row.queued_by_job_id, row.start_date) == (None, None, after(3))
    (archived,) = airflow.rows_of(airflow.tables.history)
    assert (archived.task_instance_id, archived.state) == (before.id, "failed")
    assert archived.end_date == after(90)


def test_a_marked_task_that_never_ran_starts_and_ends_at_once(airflow):
    airflow.tasks.set_state(airflow.connection, airflow.row(), "upstream_failed", after(9))
    row = airflow.row()
    assert (row.start_date, row.end_date, row.pid, row.try_number) == (after(9), after(9), None, 0)


def test_a_cleared_run_queues_again_with_another_clear_number(airflow):
    airflow.runs.started(airflow.connection, airflow.run(), 1, after(1))
    airflow.runs.finished(airflow.connection, airflow.run(), "success", after(30))
    assert airflow.rows_of(airflow.tables.deadline) == [], "met, so it is gone"
    airflow.runs.cleared(airflow.connection, airflow.run(), after(40))
    run = airflow.run()
    assert (run.state, run.clear_number, run.start_date, run.end_date) == ("queued", 1, None, None)


def test_a_deadline_that_passes_is_missed_and_stays(airflow):
    airflow.runs.missed(airflow.connection, after(119))
    assert [each.missed for each in airflow.rows_of(airflow.tables.deadline)] == [False]
    airflow.runs.missed(airflow.connection, after(121))
    airflow.runs.finished(airflow.connection, airflow.run(), "success", after(130))
    assert [each.missed for each in airflow.rows_of(airflow.tables.deadline)] == [True]


def test_old_runs_go_with_all_that_is_theirs_except_the_last_of_a_dag(airflow):
    airflow.tasks.retried(airflow.connection, airflow.begin().id, after(5))
    airflow.runs.finished(airflow.connection, airflow.run(), "failed", after(10))
    assert airflow.runs.purged(airflow.connection, after(11)) == []
    version = airflow.facts.versions(airflow.connection)[DAG.dag_id]
    airflow.runs.created(airflow.connection, DAG, Plan("manual", NOON, after(9)), version, NOON)
    gone = airflow.runs.purged(airflow.connection, after(11))
    assert gone == [(DAG.dag_id, "scheduled__2026-11-22T12:00:00+00:00")]
    assert airflow.rows_of(airflow.tables.task_instance) == []
    assert airflow.rows_of(airflow.tables.history) == []
    assert len(airflow.rows_of(airflow.tables.callback)) == 1


def test_a_plan_leaves_out_the_intervals_that_nobody_was_there_for(airflow):
    airflow.runs.planned(airflow.connection, DAG, after(100), after=after(-300))
    table = airflow.tables.dag
    row = airflow.connection.execute(sa.select(table).where(table.c.dag_id == DAG.dag_id)).one()
    assert row.next_dagrun_create_after == after(90)
    assert row.next_dagrun_data_interval_start == after(75)


def test_new_ids_are_uuids_of_version_7_in_the_order_of_time():
    first, second = new_id(NOON, CHANCE), new_id(after(0.001), CHANCE)
    assert (first.version, first.variant) == (7, "specified in RFC 4122")
    assert first < second
    assert first.int >> 80 == int(NOON.timestamp() * 1000)


def test_every_dag_names_upstream_tasks_that_come_before_it():
    for dag in DAGS:
        seen: set[str] = set()
        for task in dag.tasks:
            assert seen.issuperset(task.upstream)
            seen.add(task.task_id)
