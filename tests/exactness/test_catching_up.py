"""After a long outage: pages of heartbeats, and ends that come to light late."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest
import sqlalchemy as sa

from exporter.collectors.airflow import queries
from exporter.collectors.airflow.schema import probed
from exporter.collectors.airflow.tries import Memory, finished
from exporter.demo import schema
from exporter.model import TaskKey, TryRow

pytestmark = pytest.mark.exactness
NOW = datetime(2026, 1, 1, tzinfo=timezone.utc)
MINUTE = timedelta(minutes=1)


def job(number, minutes):
    beat = NOW + minutes * MINUTE
    return {"id": number, "job_type": "LocalTaskJob", "state": "success", "latest_heartbeat": beat}


def test_jobs_whose_task_instance_has_moved_on_do_not_end_the_reading(database, monkeypatch):
    monkeypatch.setattr(queries, "ROWS_A_PAGE", 2)
    engine = sa.create_engine(database.replace("postgresql://", "postgresql+psycopg://"))
    tables = schema.create(engine, "2.11").tables
    names = {"dag_id": "dag", "run_id": "run"}
    run = {**names, "run_type": "manual", "execution_date": NOW, "clear_number": 0}
    instance = {**names, "task_id": "task", "map_index": -1, "pool": "p", "pool_slots": 1}
    with engine.begin() as connection:
        connection.execute(tables["dag_run"].insert().values(run))
        # The first two jobs were those of tries that another try has followed.
        for number in (1, 2, 3):
            connection.execute(tables["job"].insert().values(job(number, number)))
        connection.execute(tables["task_instance"].insert().values({**instance, "job_id": 3}))
        ran = queries.rows_that_ran_after(connection, probed(connection, None), NOW, MINUTE)
    engine.dispose()
    assert [row.key for row in ran.rows] == [TaskKey("dag", "task", "run", -1)]
    assert ran.until is None


def test_a_try_that_ended_early_in_an_outage_is_counted_when_its_next_try_is_read_at_last():
    # The heartbeat that leads to it is the next try's: an hour into the outage.
    memory = Memory(first_look=NOW - MINUTE, since=NOW, read_until=NOW + 59 * MINUTE)
    key = TaskKey("dag", "task", "run", -1)
    early = TryRow(
        key, "failed", NOW + MINUTE, NOW + 2 * MINUTE, 60.0, 7, "BashOperator", "default",
        "default_pool", None, None, 1, True,
    )  # fmt: skip
    assert len(finished(memory, [early], 2 * MINUTE)) == 1
