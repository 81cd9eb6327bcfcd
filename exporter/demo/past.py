"""What the demo's database holds when it is new: Airflow with a little past."""

from __future__ import annotations

import random
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from exporter.demo.dags import BY_ID, DAGS
from exporter.demo.database import Tables
from exporter.demo.facts import FactRows
from exporter.demo.rows import TaskRows
from exporter.demo.runs import Plan, RunRows
from exporter.demo.scheduler import HEARTBEAT_TIMEOUT

_HOSTNAME = "lost-worker"
_PID = 4242
_STALE_SECONDS = 8.0
"""How soon the lost try has been silent for too long."""
_NIGHTLY_TOOK = timedelta(minutes=4)

Row = sa.Row[Any]


def fill(
    connection: sa.Connection, tables: Tables, now: datetime, chance: random.Random, pace: float
) -> None:
    """Write DAGs and pools, a run of yesterday, and a try whose worker has gone for good."""
    facts = FactRows(tables, chance)
    runs = RunRows(tables, chance, pace)
    facts.installed(connection, now)
    for dag in DAGS:
        runs.planned(connection, dag, now)
    past = _Past(connection, tables, chance, pace)
    past.finished_run("nightly_report", now - timedelta(hours=18))
    past.lost_try(
        "warehouse_sync", now - HEARTBEAT_TIMEOUT + timedelta(seconds=_STALE_SECONDS / pace)
    )


class _Past:
    """Writes what has happened before."""

    def __init__(
        self, connection: sa.Connection, tables: Tables, chance: random.Random, pace: float
    ) -> None:
        self._connection = connection
        self._tables = tables
        self._tasks = TaskRows(tables, chance)
        self._runs = RunRows(tables, chance, pace)
        self._versions = FactRows(tables, chance).versions(connection)

    def finished_run(self, dag_id: str, start: datetime) -> None:
        """Write a run of one task that went well."""
        run, row = self._begun(dag_id, start)
        end = start + _NIGHTLY_TOOK
        self._tasks.finished(self._connection, row.id, "success", end)
        self._runs.finished(self._connection, run, "success", end)

    def lost_try(self, dag_id: str, start: datetime) -> None:
        """Write a try that runs as far as its row tells, and sends no heartbeat."""
        self._begun(dag_id, start)

    def _begun(self, dag_id: str, start: datetime) -> tuple[Row, Row]:
        connection, ti, run = self._connection, self._tables.task_instance, self._tables.dag_run
        dag, version = BY_ID[dag_id], self._versions[dag_id]
        plan = Plan("scheduled", start - timedelta(minutes=1), start)
        number = self._runs.created(connection, dag, plan, version, start)
        self._tasks.created(connection, dag, plan.run_id, version, start)
        run_row = connection.execute(sa.select(run).where(run.c.id == number)).one()
        row = connection.execute(sa.select(ti).where(ti.c.run_id == plan.run_id)).one()
        self._tasks.scheduled(connection, row, start)
        self._tasks.queued(connection, row, None, start)
        self._tasks.running(connection, row, _PID, _HOSTNAME, start)
        self._runs.started(connection, run_row, None, start)
        return run_row, row
