"""The rows of the real tables: an instance's state written as Airflow 2.11 or 3.3 would."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from random import Random
from typing import TypeAlias
from uuid import UUID

import psycopg
from psycopg import sql

from tests.exactness.events import Instance, Row

Cursor: TypeAlias = "psycopg.Cursor[tuple[object, ...]]"
Connection: TypeAlias = "psycopg.Connection[tuple[object, ...]]"

_COMMON = ("state", "try_number", "start_date", "end_date", "duration", "pid", "queued_dttm")
_LABELS = ("dag_id", "task_id", "run_id", "map_index", "operator", "queue", "pool", "pool_slots")
_TRANSACTIONS = "CREATE TABLE writer_transaction (id uuid PRIMARY KEY)"


class Session:
    """One writer's connection; a transaction is repeated until it is known to have committed."""

    def __init__(self, dsn: str, rng: Random, lag_seconds: float) -> None:
        """Prepare; `lag_seconds` is how late a commit may be."""
        self._dsn = dsn
        self._rng = rng
        self._lag_seconds = lag_seconds
        self._connection: Connection | None = None
        self.repeated = 0
        self.late = 0

    def commit(self, work: Callable[[Cursor], None]) -> float:
        """Run `work` in a transaction that has committed when this returns; return when it began.

        A lost connection leaves open whether the commit took place: a row of the transaction's
        own tells.
        """
        mark = _uuid(self._rng)
        late = self._rng.uniform(0, self._lag_seconds) if self._rng.random() < 0.04 else 0.0
        self.late += late > 0
        while True:
            try:
                connection = self._connected()
                if not self._is_committed(connection, mark):
                    began = time.monotonic()
                    with connection.cursor() as cursor:
                        work(cursor)
                        cursor.execute("INSERT INTO writer_transaction VALUES (%s)", (mark,))
                        time.sleep(late)
                    connection.commit()
            except psycopg.OperationalError:  # noqa: PERF203 - trying again is the point
                self.repeated += 1
                self.close()
                time.sleep(0.1)
            else:
                return began

    def close(self) -> None:
        """Drop the connection."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    def _connected(self) -> Connection:
        if self._connection is None:
            self._connection = psycopg.connect(self._dsn, connect_timeout=5)
        return self._connection

    def _is_committed(
        self, connection: Connection, mark: UUID
    ) -> bool:  # fmt: skip
        if not self.repeated:
            return False
        found = connection.execute("SELECT 1 FROM writer_transaction WHERE id = %s", (mark,))
        there = found.fetchone() is not None
        connection.rollback()
        return there


def prepare(connection: Connection) -> None:
    """Create what the writers need beside Airflow's tables."""
    connection.execute(_TRANSACTIONS)


def insert_run(cursor: Cursor, airflow: str, instance: Instance, number: int) -> None:
    """Insert a DAG run and one task instance that nothing has happened to."""
    key = instance.key
    began = datetime(2026, 1, 1, tzinfo=timezone.utc) + timedelta(seconds=number)
    due = "run_after, logical_date" if airflow >= "3" else "data_interval_end, execution_date"
    statement = sql.SQL(
        "INSERT INTO dag_run (dag_id, run_id, run_type, state, start_date, clear_number, {})"
        " VALUES (%s, %s, 'manual', 'running', %s, 0, %s, %s)"
    ).format(sql.SQL(due))  # fmt: skip
    cursor.execute(statement, (key.dag_id, key.run_id, began, began, began))
    columns = [*_LABELS, "try_number", "max_tries"]
    values: list[object] = [*key, instance.operator, "default", "default_pool", 1, 0, 3]
    if airflow >= "3":
        columns += ["id", "span_status"]
        values += [instance.live.id, "not_started"]
    _insert(cursor, "task_instance", columns, values)


def insert_job(cursor: Cursor, dag_id: str, beat: datetime) -> int:
    """Insert the LocalTaskJob of a try of Airflow 2; return its id."""
    cursor.execute(
        "INSERT INTO job (dag_id, state, job_type, start_date, latest_heartbeat, hostname)"
        " VALUES (%s, 'running', 'LocalTaskJob', %s, %s, 'worker') RETURNING id",
        (dag_id, beat, beat),
    )
    found = cursor.fetchone()
    if found is None or not isinstance(found[0], int):
        raise AssertionError("no id of a job")
    return found[0]


def write(cursor: Cursor, before: Instance, after: Instance) -> None:
    """Write the step from one state of an instance to the next."""
    modern = after.airflow >= "3"
    for row in after.history[len(before.history) :]:
        columns, values = _columns(row, modern=modern)
        if modern:
            columns, values = [*columns, "task_instance_id"], [*values, row.id]
            columns, values = [*columns, "span_status"], [*values, "not_started"]
        labels = [*after.key, after.operator, "default", "default_pool", 1]
        _insert(cursor, "task_instance_history", [*_LABELS, *columns], [*labels, *values])
    columns, values = _columns(after.live, modern=modern)
    if modern:
        columns, values = [*columns, "id", "last_heartbeat_at"], [*values, after.live.id]
        values.append(after.live.heartbeat)
    else:
        columns, values = [*columns, "job_id"], [*values, after.live.job_id]
        if after.live.job_id is not None and after.live.heartbeat != before.live.heartbeat:
            beat = "UPDATE job SET latest_heartbeat = %s WHERE id = %s"
            cursor.execute(beat, (after.live.heartbeat, after.live.job_id))
    _update(cursor, after, [*columns, "updated_at"], [*values, datetime.now(timezone.utc)])


def delete_run(cursor: Cursor, instance: Instance) -> None:
    """Purge a run: its task instances and their history go with it."""
    statement = "DELETE FROM dag_run WHERE dag_id = %s AND run_id = %s"
    cursor.execute(statement, (instance.key.dag_id, instance.key.run_id))


def set_run(cursor: Cursor, instance: Instance, state: str) -> None:
    """End a run, or queue it again because it was cleared."""
    cursor.execute(
        "UPDATE dag_run SET state = %s, end_date = now(), clear_number = clear_number + %s"
        " WHERE dag_id = %s AND run_id = %s",
        (state, int(state == "queued"), instance.key.dag_id, instance.key.run_id),
    )


def _columns(row: Row, *, modern: bool) -> tuple[list[str], list[object]]:
    columns = list(_COMMON)
    values: list[object] = [
        row.state, row.try_number, row.start, row.end, row.duration, row.pid, row.queued,
    ]  # fmt: skip
    if modern:
        columns.append("scheduled_dttm")
        values.append(row.scheduled)
    return columns, values


def _insert(cursor: Cursor, table: str, columns: list[str], values: list[object]) -> None:
    statement = sql.SQL("INSERT INTO {} ({}) VALUES ({})").format(
        sql.Identifier(table),
        sql.SQL(", ").join(map(sql.Identifier, columns)),
        sql.SQL(", ").join([sql.Placeholder()] * len(columns)),
    )
    cursor.execute(statement, values)


def _update(cursor: Cursor, instance: Instance, columns: list[str], values: list[object]) -> None:
    statement = sql.SQL(
        "UPDATE task_instance SET {} WHERE dag_id = %s AND task_id = %s AND run_id = %s"
        " AND map_index = %s"
    ).format(
        sql.SQL(", ").join(sql.SQL("{} = %s").format(sql.Identifier(name)) for name in columns)
    )
    cursor.execute(statement, [*values, *instance.key])


def _uuid(rng: Random) -> UUID:
    return UUID(int=rng.getrandbits(128))
