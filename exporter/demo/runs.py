"""What Airflow 3.3 writes to `dag_run`, to the schedule in `dag`, and to `deadline`."""

from __future__ import annotations

import random
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from exporter.demo.dags import Dag
from exporter.demo.database import Tables, inserted_id, new_id

EPOCH = datetime(2024, 1, 1, tzinfo=timezone.utc)
"""When the schedules of all DAGs began; they never catch up."""
FINISHED = ("success", "failed")
ACTIVE = ("queued", "running")

Row = sa.Row[Any]


@dataclass(frozen=True, slots=True)
class Plan:
    """The run that is to be created: its kind, its data interval and when it is due."""

    run_type: str
    start: datetime
    end: datetime
    job_id: int | None = None

    @property
    def run_id(self) -> str:
        """Return the id that Airflow gives such a run."""
        return f"{self.run_type}__{self.end.isoformat()}"


class RunRows:
    """Writes the rows of DAG runs; each method is one event in the caller's transaction."""

    def __init__(self, tables: Tables, chance: random.Random, pace: float) -> None:
        """Take the tables, where ids come from, and how many times faster than life it goes."""
        self._run = tables.dag_run
        self._dag = tables.dag
        self._deadline = tables.deadline
        self._callback = tables.callback
        self._chance = chance
        self._pace = pace

    def created(
        self, connection: sa.Connection, dag: Dag, plan: Plan, version: UUID, now: datetime
    ) -> int:
        """Create a run, for the scheduler or a user; return its number."""
        found = connection.execute(
            self._run.insert().values(
                dag_id=dag.dag_id, run_id=plan.run_id, run_type=plan.run_type, state="queued",
                queued_at=now, logical_date=plan.start, data_interval_start=plan.start,
                data_interval_end=plan.end, run_after=plan.end, clear_number=0, conf={},
                triggered_by="timetable" if plan.run_type == "scheduled" else "ui",
                creating_job_id=plan.job_id, created_at=now, updated_at=now,
                created_dag_version_id=version, span_status="not_started", context_carrier={},
            )
        )  # fmt: skip
        number = inserted_id(found)
        if dag.deadline_seconds is not None:
            self._expect(connection, dag, number, dag.deadline_seconds, now)
        return number

    def _expect(
        self, connection: sa.Connection, dag: Dag, number: int, seconds: float, now: datetime
    ) -> None:
        callback_id = new_id(now, self._chance)
        data = {"path": "alerts.late", "kwargs": {}, "dag_id": dag.dag_id}
        connection.execute(
            self._callback.insert().values(
                id=callback_id, type="executor", fetch_method="import_path", data=data,
                state="scheduled", priority_weight=1, created_at=now,
            )
        )  # fmt: skip
        connection.execute(
            self._deadline.insert().values(
                id=new_id(now, self._chance), created_at=now, last_updated_at=now,
                dagrun_id=number, missed=False, callback_id=callback_id,
                deadline_time=now + timedelta(seconds=seconds / self._pace),
            )
        )  # fmt: skip

    def started(
        self, connection: sa.Connection, run: Row, job_id: int | None, now: datetime
    ) -> None:
        """Start a queued run: the DAG has room for one more."""
        start = run.start_date or now
        self._update(
            connection, run.id, now, state="running", start_date=start, end_date=None,
            scheduled_by_job_id=job_id,
        )  # fmt: skip

    def looked_at(self, connection: sa.Connection, numbers: Collection[int], now: datetime) -> None:
        """Stamp the runs that the scheduler has been through, about once a second."""
        statement = self._run.update().where(self._run.c.id.in_(numbers))
        connection.execute(statement.values(last_scheduling_decision=now, updated_at=now))

    def finished(self, connection: sa.Connection, run: Row, state: str, now: datetime) -> None:
        """End a run that is done or that a user has marked; a deadline that was met goes."""
        self._update(connection, run.id, now, state=state, end_date=now)
        met = sa.and_(
            self._deadline.c.dagrun_id == run.id, ~self._deadline.c.missed,
            self._deadline.c.deadline_time >= now,
        )  # fmt: skip
        ids = connection.scalars(sa.select(self._deadline.c.callback_id).where(met)).all()
        # The deadline goes with its callback.
        connection.execute(self._callback.delete().where(self._callback.c.id.in_(ids)))

    def missed(self, connection: sa.Connection, now: datetime) -> None:
        """Mark the deadlines that have passed: their callbacks are due."""
        late = sa.and_(~self._deadline.c.missed, self._deadline.c.deadline_time < now)
        ids = connection.scalars(sa.select(self._deadline.c.callback_id).where(late)).all()
        if ids:
            due = self._callback.update().where(self._callback.c.id.in_(ids))
            connection.execute(due.values(state="pending"))
            missed = self._deadline.update().where(late)
            connection.execute(missed.values(missed=True, last_updated_at=now))

    def cleared(self, connection: sa.Connection, run: Row, now: datetime) -> None:
        """Clear a run of which tasks were cleared; a finished one queues up again."""
        again: dict[str, object] = {}
        if run.state in FINISHED:
            again = {
                "state": "queued", "start_date": None, "end_date": None,
                "last_scheduling_decision": None,
            }  # fmt: skip
        self._update(
            connection, run.id, now, clear_number=run.clear_number + 1, queued_at=now, **again
        )

    def planned(
        self, connection: sa.Connection, dag: Dag, now: datetime, after: datetime | None = None
    ) -> None:
        """Plan the next run of a DAG: from `after` on, or for the last interval that ended."""
        if dag.interval_seconds is None:
            return
        length = timedelta(seconds=dag.interval_seconds / self._pace)
        # Without catching up: of the intervals that have ended only the last gets a run.
        start = max(after or EPOCH, EPOCH + (now - EPOCH) // length * length - length)
        values = {
            "next_dagrun": start,
            "next_dagrun_data_interval_start": start,
            "next_dagrun_data_interval_end": start + length,
            "next_dagrun_create_after": start + length,
        }
        statement = self._dag.update().where(self._dag.c.dag_id == dag.dag_id)
        connection.execute(statement.values(values))

    def counted(self, connection: sa.Connection, dag_id: str, *, full: bool) -> None:
        """Tell whether the DAG is at its maximum of active runs (3.2 and later)."""
        statement = self._dag.update().where(self._dag.c.dag_id == dag_id)
        connection.execute(statement.values(exceeds_max_non_backfill=full))

    def purged(self, connection: sa.Connection, before: datetime) -> list[tuple[str, str]]:
        """Delete what ended long ago, as `airflow db clean` does; return (dag id, run id).

        The last run of each DAG stays.
        """
        last = sa.select(sa.func.max(self._run.c.id)).group_by(self._run.c.dag_id)
        old = sa.and_(
            self._run.c.state.in_(FINISHED), self._run.c.end_date < before,
            self._run.c.id.not_in(last),
        )  # fmt: skip
        chosen = connection.execute(
            sa.select(self._run.c.id, self._run.c.dag_id, self._run.c.run_id).where(old)
        ).all()
        numbers = [run.id for run in chosen]
        held = sa.select(self._deadline.c.callback_id).where(
            self._deadline.c.dagrun_id.in_(numbers)
        )
        callbacks = connection.scalars(held).all()
        # Tasks, their history, XCom and deadlines go with the run: foreign keys cascade.
        connection.execute(self._run.delete().where(self._run.c.id.in_(numbers)))
        connection.execute(self._callback.delete().where(self._callback.c.id.in_(callbacks)))
        return [(run.dag_id, run.run_id) for run in chosen]

    def _update(
        self, connection: sa.Connection, number: int, now: datetime, **values: object
    ) -> None:
        statement = self._run.update().where(self._run.c.id == number)
        connection.execute(statement.values({"updated_at": now, **values}))
