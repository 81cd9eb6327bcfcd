"""The demo's user, who triggers, clears and marks things now and then."""

from __future__ import annotations

import random
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from exporter.demo.dags import BY_ID
from exporter.demo.database import Tables
from exporter.demo.rows import FINISHED, TaskRows
from exporter.demo.runs import FINISHED as RUN_FINISHED
from exporter.demo.runs import Plan, RunRows
from exporter.demo.scheduler import Scheduler

TRIGGERED = "reprocess_orders"
_MOST_QUEUED = 2
_RECENT = 20

Row = sa.Row[Any]


class User:
    """Does what people do in Airflow's pages; each method is one click."""

    def __init__(
        self,
        tables: Tables,
        tasks: TaskRows,
        runs: RunRows,
        scheduler: Scheduler,
        chance: random.Random,
    ) -> None:
        """Take what writes the rows, and what the choices are drawn from."""
        self._tables = tables
        self._tasks = tasks
        self._runs = runs
        self._scheduler = scheduler
        self._chance = chance

    def trigger(self, connection: sa.Connection, now: datetime) -> None:
        """Trigger a run, unless some are waiting already."""
        run = self._tables.dag_run
        count = sa.select(sa.func.count()).select_from(run)
        queued = count.where(run.c.dag_id == TRIGGERED, run.c.state == "queued")
        if connection.execute(queued).scalar_one() < _MOST_QUEUED:
            plan = Plan("manual", now, now)
            self._scheduler.create(connection, BY_ID[TRIGGERED], plan, now)

    def clear_finished(self, connection: sa.Connection, now: datetime) -> None:
        """Clear a task of a run that has ended not long ago."""
        run = self._tables.dag_run
        ended = sa.select(run).where(run.c.state.in_(RUN_FINISHED)).order_by(run.c.end_date.desc())
        recent = connection.execute(ended.limit(_RECENT)).all()
        found = self._drawn([each for each in recent if not BY_ID[each.dag_id].paused])
        if found is not None:
            rows = self._instances(connection, found)
            self._clear(connection, found, [row for row in rows if row.pid is not None], now)

    def clear_running(self, connection: sa.Connection, now: datetime) -> None:
        """Clear a task while it runs."""
        if (row := self._drawn(self._running(connection))) is not None:
            self._clear(connection, self._run_of(connection, row), [row], now)

    def mark_task(self, connection: sa.Connection, now: datetime) -> None:
        """Mark a running task as done; its supervisor hears of it with the next heartbeat."""
        if (row := self._drawn(self._running(connection))) is not None:
            state = self._chance.choice(("success", "failed"))
            self._tasks.set_state(connection, row, state, now)

    def mark_run(self, connection: sa.Connection, now: datetime) -> None:
        """Mark a running run as done: what runs or waits ends likewise, the rest is skipped."""
        run = self._tables.dag_run
        running = connection.execute(sa.select(run).where(run.c.state == "running")).all()
        if (found := self._drawn(running)) is None:
            return
        state = self._chance.choice(("success", "failed"))
        for row in self._instances(connection, found):
            if row.state not in FINISHED:
                begun = ("running", "deferred", "up_for_reschedule", "awaiting_input")
                ended = state if row.state in begun else "skipped"
                self._tasks.set_state(connection, row, ended, now)
        self._runs.finished(connection, found, state, now)
        self._runs.counted(connection, found.dag_id, full=False)

    def _clear(self, connection: sa.Connection, run: Row, rows: list[Row], now: datetime) -> None:
        if (row := self._drawn(rows)) is not None:
            retries = BY_ID[row.dag_id].task(row.task_id).retries
            self._tasks.cleared(connection, row, retries, now)
            self._runs.cleared(connection, run, now)

    def _running(self, connection: sa.Connection) -> list[Row]:
        ti = self._tables.task_instance
        # Only what has a living process: the one that was lost is the scheduler's to find.
        running = sa.and_(ti.c.state == "running", ti.c.queued_by_job_id.is_not(None))
        return list(connection.execute(sa.select(ti).where(running)))

    def _instances(self, connection: sa.Connection, run: Row) -> list[Row]:
        ti = self._tables.task_instance
        same = sa.and_(ti.c.dag_id == run.dag_id, ti.c.run_id == run.run_id)
        return list(connection.execute(sa.select(ti).where(same)))

    def _run_of(self, connection: sa.Connection, row: Row) -> Row:
        run = self._tables.dag_run
        same = sa.and_(run.c.dag_id == row.dag_id, run.c.run_id == row.run_id)
        return connection.execute(sa.select(run).where(same)).one()

    def _drawn(self, rows: Sequence[Row]) -> Row | None:
        return self._chance.choice(rows) if rows else None
