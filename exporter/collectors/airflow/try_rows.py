"""Rows of tries, live and archived, and the heartbeats of their jobs, looked up by key."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, Table, null, select

from exporter.collectors.airflow.keys import among, interned, key_columns, pages, with_keys
from exporter.collectors.airflow.schema import Schema
from exporter.model import TaskKey, TryRow


def live_rows(connection: Connection, schema: Schema, keys: Collection[TaskKey]) -> list[TryRow]:
    """Return the live rows of these task instances."""
    ti = schema.tables["task_instance"]
    rows: list[TryRow] = []
    for page in pages(connection, keys):
        statement = with_keys(connection, select(*try_columns(ti)), ti, page)
        rows += tries(connection, statement, archived=False)
    return rows


def archived_rows(
    connection: Connection, schema: Schema, keys: Collection[TaskKey]
) -> list[TryRow]:
    """Return every earlier try of these task instances, in their order."""
    history = schema.tables["task_instance_history"]
    rows: list[TryRow] = []
    for page in pages(connection, keys):
        statement = with_keys(connection, select(*try_columns(history)), history, page)
        rows += tries(connection, statement.order_by(history.c.try_number), archived=True)
    return rows


def job_heartbeats(
    connection: Connection, schema: Schema, keys: Collection[TaskKey]
) -> dict[TaskKey, datetime]:
    """Return the last heartbeat of each task instance's job (Airflow 2)."""
    # Two statements: joined in one, PostgreSQL may choose to read all jobs for each key.
    ti, job = schema.tables["task_instance"], schema.tables["job"]
    jobs: dict[TaskKey, int] = {}
    for page in pages(connection, keys):
        statement = select(*key_columns(ti), ti.c.job_id).where(ti.c.job_id.is_not(None))
        for row in connection.execute(with_keys(connection, statement, ti, page)):
            jobs[TaskKey(*interned(row[:4]))] = row[4]
    beats: dict[int, datetime] = {}
    for ids in pages(connection, sorted(jobs.values())):
        recent = select(job.c.id, job.c.latest_heartbeat).where(among(connection, job.c.id, ids))
        beats.update(row for row in connection.execute(recent) if row[1] is not None)
    return {key: beats[job_id] for key, job_id in jobs.items() if job_id in beats}


def try_columns(source: Table) -> tuple[ColumnElement[Any], ...]:
    """Return what `try_row` takes, in its order."""
    scheduled, executor = (source.c.get(name, null()) for name in ("scheduled_dttm", "executor"))
    return (
        *key_columns(source), source.c.state, source.c.start_date, source.c.end_date,
        source.c.duration, source.c.pid, source.c.operator, source.c.queue, source.c.pool,
        source.c.queued_dttm, scheduled, source.c.try_number, executor,
    )  # fmt: skip


def tries(connection: Connection, statement: Select[Any], *, archived: bool) -> list[TryRow]:
    """Return the tries that a statement of `try_columns` finds."""
    return [try_row(row, archived=archived) for row in connection.execute(statement)]


def try_row(row: Sequence[Any], *, archived: bool) -> TryRow:
    """Make a try of `try_columns`."""
    *values, executor = interned(row)
    return TryRow._make((TaskKey(*values[:4]), *values[4:], archived, executor))
