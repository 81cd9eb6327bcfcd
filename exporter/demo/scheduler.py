"""The demo's scheduler and triggerer: from what the rows say to the next events.

All that it knows is in the database, so that it goes on where an earlier demo has stopped.
"""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from exporter.demo.dags import BY_ID, DAGS, POOLS, Dag, Rule, Task
from exporter.demo.database import Tables
from exporter.demo.rows import FINISHED, TaskRows
from exporter.demo.runs import ACTIVE, Plan, RunRows

HEARTBEAT_TIMEOUT = timedelta(seconds=300)
"""Airflow's default for how long a running task may be silent."""
_OCCUPYING = ("queued", "running")

Row = sa.Row[Any]


class Scheduler:
    """Brings runs and task instances forward, one step at a time."""

    def __init__(
        self,
        *,
        tables: Tables,
        tasks: TaskRows,
        runs: RunRows,
        versions: Mapping[str, UUID],
        jobs: Mapping[str, int],
        pace: float,
    ) -> None:
        """Take what writes the rows, the DAG versions, and the ids of the components' jobs."""
        self._tables = tables
        self._tasks = tasks
        self._runs = runs
        self._versions = versions
        self._job_id = jobs["SchedulerJob"]
        self._triggerer_id = jobs["TriggererJob"]
        self._pace = pace

    def adopt(self, connection: sa.Connection, now: datetime) -> int:
        """Reset what an earlier scheduler left queued or running; return how many there were."""
        ti, job = self._tables.task_instance, self._tables.job
        live = sa.select(job.c.id).where(job.c.state == "running")
        orphans = sa.and_(
            ti.c.state.in_(("queued", "running", "restarting")), ti.c.queued_by_job_id.not_in(live)
        )
        rows = connection.execute(sa.select(ti).where(orphans)).all()
        for row in rows:
            self._tasks.orphaned(connection, row, now)
        # The triggerer of before takes nothing any more.
        connection.execute(self._tables.trigger.update().values(triggerer_id=None))
        return len(rows)

    def create(self, connection: sa.Connection, dag: Dag, plan: Plan, now: datetime) -> None:
        """Create a run and its task instances."""
        version = self._versions[dag.dag_id]
        self._runs.created(connection, dag, plan, version, now)
        self._tasks.created(connection, dag, plan.run_id, version, now)

    def step(self, connection: sa.Connection, now: datetime) -> None:
        """Do what one turn of Airflow's scheduler loop does, but for the executor."""
        run = self._tables.dag_run
        active = connection.execute(sa.select(run).where(run.c.state.in_(ACTIVE))).all()
        self._create_due(connection, active, now)
        self._start_queued(connection, active, now)
        # What became scheduled is queued in the next turn: it stays to be seen for a moment.
        self._queue(connection, now)
        self._fire(connection, now)
        running = [each for each in active if each.state == "running"]
        instances = self._instances(connection, running)
        for each in running:
            self._advance(connection, each, instances[each.dag_id, each.run_id], now)

    def look(self, connection: sa.Connection, now: datetime) -> None:
        """Do what comes up about once a second: stamps, deadlines, time-outs, new triggers."""
        run = self._tables.dag_run
        numbers = connection.scalars(sa.select(run.c.id).where(run.c.state == "running")).all()
        self._runs.looked_at(connection, numbers, now)
        self._runs.missed(connection, now)
        self._tasks.timed_out(connection, now)
        self._serve_triggers(connection)

    def find_lost(self, connection: sa.Connection, now: datetime) -> None:
        """Fail the tries whose supervisors have been silent for too long."""
        ti = self._tables.task_instance
        silent = sa.and_(ti.c.state == "running", ti.c.last_heartbeat_at < now - HEARTBEAT_TIMEOUT)
        for row in connection.execute(sa.select(ti).where(silent)).all():
            self._tasks.lost(connection, row, now)

    # Runs.

    def _create_due(self, connection: sa.Connection, active: Iterable[Row], now: datetime) -> None:
        dag_rows = self._tables.dag
        counts = Counter(run.dag_id for run in active)
        due = sa.select(dag_rows).where(
            dag_rows.c.next_dagrun_create_after <= now, sa.not_(dag_rows.c.is_paused)
        )
        for row in connection.execute(due).all():
            dag = BY_ID[row.dag_id]
            if counts[dag.dag_id] >= dag.max_active_runs:
                self._runs.counted(connection, dag.dag_id, full=True)
                continue
            start, end = row.next_dagrun_data_interval_start, row.next_dagrun_data_interval_end
            plan = Plan("scheduled", start, end, self._job_id)
            self.create(connection, dag, plan, now)
            self._runs.planned(connection, dag, now, after=end)
            full = counts[dag.dag_id] + 1 >= dag.max_active_runs
            self._runs.counted(connection, dag.dag_id, full=full)

    def _start_queued(
        self, connection: sa.Connection, active: Iterable[Row], now: datetime
    ) -> None:
        running = Counter(run.dag_id for run in active if run.state == "running")
        for run in active:
            room = running[run.dag_id] < BY_ID[run.dag_id].max_active_runs
            if run.state == "queued" and room:
                running[run.dag_id] += 1
                self._runs.started(connection, run, self._job_id, now)

    def _instances(
        self, connection: sa.Connection, runs: Iterable[Row]
    ) -> dict[tuple[str, str], list[Row]]:
        """Return by run the instances of runs, as many as there may be, in one statement."""
        ti = self._tables.task_instance
        names = [(run.dag_id, run.run_id) for run in runs]
        found: dict[tuple[str, str], list[Row]] = defaultdict(list)
        statement = sa.select(ti).where(sa.tuple_(ti.c.dag_id, ti.c.run_id).in_(names))
        for row in connection.execute(statement) if names else ():
            found[row.dag_id, row.run_id].append(row)
        return found

    # Task instances.

    def _advance(self, connection: sa.Connection, run: Row, rows: list[Row], now: datetime) -> None:
        dag = BY_ID[run.dag_id]
        states: dict[str, list[str | None]] = defaultdict(list)
        for row in rows:
            states[row.task_id].append(row.state)
        if all(row.state in FINISHED for row in rows):
            failed = any(row.state in ("failed", "upstream_failed") for row in rows)
            self._runs.finished(connection, run, "failed" if failed else "success", now)
            self._runs.counted(connection, dag.dag_id, full=False)
            return
        for row in rows:
            task = dag.task(row.task_id)
            if self._is_due(connection, row, task, now):
                upstream = [state for name in task.upstream for state in states[name]]
                self._decide(connection, row, task, upstream, now)

    def _is_due(self, connection: sa.Connection, row: Row, task: Task, now: datetime) -> bool:
        if row.state == "up_for_retry":
            delay = timedelta(seconds=task.retry_delay_seconds / self._pace)
            return bool(now >= row.end_date + delay)
        if row.state == "up_for_reschedule":
            poke = self._tables.reschedule
            latest = sa.select(sa.func.max(poke.c.reschedule_date)).where(poke.c.ti_id == row.id)
            until = connection.execute(latest).scalar()
            return until is None or now >= until
        return row.state is None

    def _decide(
        self,
        connection: sa.Connection,
        row: Row,
        task: Task,
        upstream: list[str | None],
        now: datetime,
    ) -> None:
        """Let a task run whose upstream tasks are done, or settle that it never will."""
        if task.rule is Rule.ALL_SUCCESS:
            if "failed" in upstream or "upstream_failed" in upstream:
                self._tasks.set_state(connection, row, "upstream_failed", now)
                return
            if "skipped" in upstream:
                self._tasks.set_state(connection, row, "skipped", now)
                return
        if any(state not in FINISHED for state in upstream):
            return
        if task.empty:
            self._tasks.passed(connection, row, now)
        else:
            self._tasks.scheduled(connection, row, now)

    def _queue(self, connection: sa.Connection, now: datetime) -> None:
        """Queue what is scheduled, the weightiest first, as far as the pools have slots."""
        ti = self._tables.task_instance
        used = sa.select(ti.c.pool, ti.c.state, sa.func.count()).where(
            ti.c.state.in_((*_OCCUPYING, "deferred"))
        )
        slots: Counter[tuple[str, str]] = Counter()
        for pool, state, count in connection.execute(used.group_by(ti.c.pool, ti.c.state)):
            slots[pool, state] += count
        free = {}
        for each in POOLS:
            states = (*_OCCUPYING, "deferred") if each.include_deferred else _OCCUPYING
            taken = sum(slots[each.name, state] for state in states)
            free[each.name] = each.slots - taken if each.slots >= 0 else len(DAGS) * 1000
        waiting = sa.select(ti).where(ti.c.state == "scheduled")
        order = (ti.c.priority_weight.desc(), ti.c.scheduled_dttm)
        for row in connection.execute(waiting.order_by(*order)).all():
            if free[row.pool] >= row.pool_slots:
                free[row.pool] -= row.pool_slots
                self._tasks.queued(connection, row, self._job_id, now)

    # Triggers and people.

    def _fire(self, connection: sa.Connection, now: datetime) -> None:
        """Resume the tasks whose triggers have fired or whose questions were answered."""
        ti, trigger = self._tables.task_instance, self._tables.trigger
        taken = sa.select(ti, trigger.c.kwargs).join(trigger, trigger.c.id == ti.c.trigger_id)
        assigned = sa.and_(ti.c.state == "deferred", trigger.c.triggerer_id == self._triggerer_id)
        for row in connection.execute(taken.where(assigned)).all():
            if now >= datetime.fromisoformat(json.loads(row.kwargs)["moment"]):
                self._tasks.resumed(connection, row, now)
        asked = sa.select(ti).where(ti.c.state == "awaiting_input")
        for row in connection.execute(asked).all():
            if now >= row.trigger_timeout - _patience(row, self._pace):
                self._tasks.resumed(connection, row, now)

    def _serve_triggers(self, connection: sa.Connection) -> None:
        """Take up new triggers; drop those that nobody waits for, whoever ended the waiting."""
        ti, trigger = self._tables.task_instance, self._tables.trigger
        free = sa.and_(trigger.c.triggerer_id.is_(None), trigger.c.queue.is_(None))
        connection.execute(trigger.update().where(free).values(triggerer_id=self._triggerer_id))
        left = sa.and_(ti.c.trigger_id.is_not(None), ti.c.state != "deferred")
        connection.execute(ti.update().where(left).values(trigger_id=None))
        needed = sa.select(ti.c.trigger_id).where(ti.c.trigger_id.is_not(None))
        connection.execute(trigger.delete().where(trigger.c.id.not_in(needed)))


def _patience(row: Row, pace: float) -> timedelta:
    """Return how long before the time-out of a question the answer comes."""
    return timedelta(seconds=BY_ID[row.dag_id].task(row.task_id).wait_seconds / pace)
