"""What Airflow 3.3 writes to `task_instance` and its history, one function for each event.

Observed on a real 3.3.2 and checked against its source (models/taskinstance.py, models/dagrun.py,
execution_api/routes/task_instances.py). An event that comes too late, because somebody else has
changed the row, changes nothing and returns False, as the API server then answers 409.
"""

from __future__ import annotations

import random
from collections.abc import Iterable
from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from exporter.demo.dags import Dag, Task
from exporter.demo.database import Tables, inserted_id, new_id

FINISHED = ("success", "failed", "skipped", "upstream_failed")
_SCHEDULABLE = ("up_for_retry", "up_for_reschedule")

Row = sa.Row[Any]


class TaskRows:
    """Writes the rows of task instances; each method is one event in the caller's transaction."""

    def __init__(self, tables: Tables, chance: random.Random) -> None:
        """Take the tables, and where the random part of new ids comes from."""
        self._tables = tables
        self._ti = tables.task_instance
        self._chance = chance

    def created(
        self, connection: sa.Connection, dag: Dag, run_id: str, version: UUID, now: datetime
    ) -> None:
        """Add a new run's rows: one for each task and map index, without a state."""
        run = {"dag_id": dag.dag_id, "run_id": run_id, "dag_version_id": version}
        connection.execute(
            self._ti.insert(),
            [
                {**self._new_row(task, now), **run, "map_index": map_index}
                for task in dag.tasks
                for map_index in task.map_indexes
            ],
        )

    def _new_row(self, task: Task, now: datetime) -> dict[str, Any]:
        return {
            "id": new_id(now, self._chance), "task_id": task.task_id, "try_number": 0,
            "max_tries": task.retries, "hostname": "", "unixname": "airflow", "pool": task.pool,
            "pool_slots": 1, "queue": task.queue, "priority_weight": task.priority_weight,
            "operator": task.operator, "custom_operator_name": task.operator,
            "task_display_name": task.task_id, "updated_at": now,
            "span_status": "not_started", "context_carrier": {},
        }  # fmt: skip

    # The scheduler.

    def scheduled(self, connection: sa.Connection, row: Row, now: datetime) -> None:
        """Schedule it; anything but another poke of a sensor is another try."""
        poke = row.state == "up_for_reschedule"
        self._update(
            connection, row.id, now,
            sa.or_(self._ti.c.state.is_(None), self._ti.c.state.in_(_SCHEDULABLE)),
            state="scheduled", scheduled_dttm=now,
            try_number=self._ti.c.try_number + (0 if poke else 1),
        )  # fmt: skip

    def passed(self, connection: sa.Connection, row: Row, now: datetime) -> None:
        """End an EmptyOperator, which never runs: no pid, no host, no time of queueing."""
        self._update(
            connection, row.id, now, state="success", start_date=now, end_date=now, duration=0,
            try_number=self._ti.c.try_number + 1,
        )  # fmt: skip

    def queued(
        self, connection: sa.Connection, row: Row, job_id: int | None, now: datetime
    ) -> None:
        """Hand it to the executor: the pool has a slot."""
        self._update(
            connection, row.id, now, state="queued", queued_dttm=now, queued_by_job_id=job_id
        )

    def set_state(self, connection: sa.Connection, row: Row, state: str, now: datetime) -> None:
        """Set a state from outside, as the user does and the scheduler (skipped, upstream_failed).

        What start and end the row has is kept, even if an earlier try left them behind.
        """
        start, end = row.start_date or now, row.end_date or now
        seconds = (end - start).total_seconds()
        self._update(
            connection, row.id, now, state=state, start_date=start, end_date=end, duration=seconds
        )

    def timed_out(self, connection: sa.Connection, now: datetime) -> None:
        """Resume the deferred tasks whose triggers have not fired in time; they fail then."""
        late = sa.and_(self._ti.c.state == "deferred", self._ti.c.trigger_timeout < now)
        error = {"error": "Trigger timeout"}
        connection.execute(
            self._ti.update().where(late).values(
                state="scheduled", next_method="__fail__", next_kwargs=error, scheduled_dttm=now,
                trigger_id=None, updated_at=now,
            )
        )  # fmt: skip

    def resumed(self, connection: sa.Connection, row: Row, now: datetime) -> None:
        """Resume a try that has waited: its trigger has fired, or a person has answered."""
        kwargs = {**(row.next_kwargs or {}), "event": now.isoformat()}
        self._update(
            connection, row.id, now, state="scheduled", next_kwargs=kwargs, scheduled_dttm=now,
            trigger_id=None,
        )  # fmt: skip

    def lost(self, connection: sa.Connection, row: Row, now: datetime) -> None:
        """Fail a try that has sent no heartbeat for too long."""
        if row.try_number <= row.max_tries:
            self.retried(connection, row.id, now)
        else:
            self.finished(connection, row.id, "failed", now)

    def orphaned(self, connection: sa.Connection, row: Row, now: datetime) -> None:
        """Begin anew what a scheduler had queued that is gone, and its executor with it."""
        end = self._archive(connection, row, now)
        self._update(
            connection, row.id, now, id=new_id(now, self._chance), state=None,
            queued_by_job_id=None, external_executor_id=None, next_method=None, next_kwargs=None,
            **end,
        )  # fmt: skip

    # The worker, through the API server.

    def running(
        self, connection: sa.Connection, row: Row, pid: int, hostname: str, now: datetime
    ) -> bool:
        """Start a try, as its supervisor reports; a resumed one keeps its start."""
        begins = {} if row.next_kwargs else {"start_date": now}
        started = self._update(
            connection, row.id, now, self._ti.c.state.in_(("queued", "restarting")),
            state="running", end_date=None, hostname=hostname, unixname="airflow", pid=pid,
            last_heartbeat_at=now, retry_delay_override=None, retry_reason=None, **begins,
        )  # fmt: skip
        if started and not row.next_kwargs:
            xcom = self._tables.xcom
            connection.execute(xcom.delete().where(*_same(xcom, row)))
        return started

    def heartbeat(self, connection: sa.Connection, try_id: UUID, pid: int, now: datetime) -> bool:
        """Stamp a supervisor's heartbeat; False tells it to end the task."""
        same = self._ti.c.pid == pid
        return self._running(connection, try_id, now, same, last_heartbeat_at=now)

    def finished(self, connection: sa.Connection, try_id: UUID, state: str, now: datetime) -> bool:
        """End a try for good."""
        return self._running(
            connection, try_id, now, state=state, **self._end(connection, try_id, now),
            next_method=None, next_kwargs=None,
        )  # fmt: skip

    def retried(self, connection: sa.Connection, try_id: UUID, now: datetime) -> bool:
        """Fail a try that another follows: it is archived, and the row gets a new id."""
        row = connection.execute(sa.select(self._ti).where(self._ti.c.id == try_id)).first()
        if row is None or row.state != "running":
            return False
        end = self._archive(connection, row, now)
        return self._update(
            connection, try_id, now, id=new_id(now, self._chance), state="up_for_retry",
            next_method=None, next_kwargs=None, **end,
        )  # fmt: skip

    def deferred(
        self,
        connection: sa.Connection,
        try_id: UUID,
        trigger: dict[str, Any],
        timeout: datetime | None,
        now: datetime,
    ) -> bool:
        """Let a task wait for a trigger, which is created unassigned."""
        values = {"created_date": now, "triggerer_id": None, **trigger}
        found = connection.execute(self._tables.trigger.insert().values(values))
        return self._running(
            connection, try_id, now, state="deferred", trigger_id=inserted_id(found),
            next_method="resume", next_kwargs={"waited": True}, trigger_timeout=timeout,
        )  # fmt: skip

    def parked(
        self, connection: sa.Connection, try_id: UUID, timeout: datetime, now: datetime
    ) -> bool:
        """Let a task wait for a person."""
        return self._running(
            connection, try_id, now, state="awaiting_input", trigger_id=None,
            next_method="execute_complete", next_kwargs={"waited": True}, trigger_timeout=timeout,
        )  # fmt: skip

    def rescheduled(
        self, connection: sa.Connection, try_id: UUID, until: datetime, now: datetime
    ) -> bool:
        """Let a sensor wait for its next poke, without a slot."""
        end = self._end(connection, try_id, now)
        values = {"state": "up_for_reschedule", "next_method": None, "next_kwargs": None}
        if not self._running(connection, try_id, now, **values, **end):
            return False
        connection.execute(
            self._tables.reschedule.insert().values(
                ti_id=try_id, start_date=now, end_date=now, duration=0, reschedule_date=until
            )
        )
        return True

    def pushed(
        self, connection: sa.Connection, row: Row, dag_run_id: int, value: object, now: datetime
    ) -> None:
        """Store what a task has returned."""
        connection.execute(
            self._tables.xcom.insert().values(
                dag_run_id=dag_run_id, task_id=row.task_id, map_index=row.map_index,
                key="return_value", dag_result=False, dag_id=row.dag_id, run_id=row.run_id,
                value=value, timestamp=now,
            )
        )  # fmt: skip

    # The user.

    def cleared(self, connection: sa.Connection, row: Row, retries: int, now: datetime) -> None:
        """Clear it: the try is archived and another follows, once a running one is ended."""
        end = self._archive(connection, row, now)
        fresh = new_id(now, self._chance)
        if row.state == "running":
            self._update(connection, row.id, now, id=fresh, state="restarting", **end)
            return
        # Start, end, duration and pid stay: they are the former try's until the next one starts.
        self._update(
            connection, row.id, now, id=fresh, state=None, external_executor_id=None,
            next_method=None, next_kwargs=None, max_tries=row.try_number + retries,
        )  # fmt: skip

    def restarted(self, connection: sa.Connection, row: Row, now: datetime) -> None:
        """Go on with what was cleared while running: its process has ended."""
        waiting = self._ti.c.state == "restarting"
        end = self._end(connection, row.id, now)
        self._update(connection, row.id, now, waiting, state="up_for_retry", **end)

    def _running(
        self,
        connection: sa.Connection,
        try_id: UUID,
        now: datetime,
        *where: sa.ColumnElement[bool],
        **values: object,
    ) -> bool:
        still = self._ti.c.state == "running"
        return self._update(connection, try_id, now, still, *where, **values)

    def _update(
        self,
        connection: sa.Connection,
        try_id: UUID,
        now: datetime,
        *where: sa.ColumnElement[bool],
        **values: object,
    ) -> bool:
        statement = self._ti.update().where(self._ti.c.id == try_id, *where)
        # Every write moves updated_at, heartbeats too.
        done = connection.execute(statement.values({"updated_at": now, **values}))
        return done.rowcount > 0

    def _end(self, connection: sa.Connection, try_id: UUID, now: datetime) -> dict[str, object]:
        start = connection.scalar(sa.select(self._ti.c.start_date).where(self._ti.c.id == try_id))
        return {"end_date": now, "duration": start and (now - start).total_seconds()}

    def _archive(self, connection: sa.Connection, row: Row, now: datetime) -> dict[str, object]:
        """Copy a whole row to the history; return the end that the live row gets as well.

        A try that had not ended by itself is a failed one, and ends now.
        """
        history = self._tables.history
        ended = row.state in FINISHED
        end = {} if ended or row.end_date is not None else self._end(connection, row.id, now)
        same_try = sa.select(history.c.try_number).where(
            *_same(history, row), history.c.try_number == row.try_number
        )
        if connection.execute(same_try).first() is None:
            # With the updated_at of the last heartbeat, older than the end: Airflow does so too.
            live = row._asdict()
            kept = {column.name: live[column.name] for column in history.c if column.name in live}
            kept |= {"task_instance_id": row.id, "state": row.state if ended else "failed", **end}
            connection.execute(history.insert().values(kept))
        pokes = self._tables.reschedule
        connection.execute(pokes.delete().where(pokes.c.ti_id == row.id))
        return end


def _same(table: sa.Table, row: Row) -> Iterable[sa.ColumnElement[bool]]:
    """Compare the four columns that name a task instance."""
    names = ("dag_id", "task_id", "run_id", "map_index")
    return [table.c[name] == getattr(row, name) for name in names]
