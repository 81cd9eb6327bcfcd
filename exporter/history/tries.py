"""Tries of DAG runs, live and archived: each once, however Airflow has copied its row."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from itertools import chain
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Connection, Table, literal, null, select, true

from exporter.collectors.airflow.keys import key_columns, pages, same_key, with_keys, with_runs
from exporter.collectors.airflow.schema import Schema
from exporter.collectors.airflow.tries import outcome, ran_and_ended
from exporter.history.moments import unix_seconds
from exporter.insight.performance.past import PastTry
from exporter.model import RunRow, TaskKey

ROWS_AT_A_TIME = 2_000


class Row(NamedTuple):
    """One row of `task_instance` or of its history; moments are Unix seconds.

    Flat, and with moments as the database writes them: there may be ten millions.
    """

    dag_id: str
    task_id: str
    run_id: str
    map_index: int
    state: str | None
    start: float | None
    end: float | None
    scheduled: float | None
    queued: float | None
    queue: str | None
    pool: str | None
    pid: int | None
    slots: int | None
    executor: str | None
    has_history: bool
    """Whether rows of the task instance were archived; its own try number does not tell."""

    @property
    def key(self) -> TaskKey:
        """The task instance."""
        return TaskKey(*self[:4])


def of_runs(connection: Connection, schema: Schema, runs: Sequence[RunRow]) -> Iterator[PastTry]:
    """Yield the finished tries of these runs, read by the index on (dag_id, run_id).

    Archived rows are looked up for task instances alone that have some.
    """
    several: dict[TaskKey, Row] = {}
    for row in _live(connection, schema, runs):
        if row.has_history:
            several[row.key] = row
        elif ran_and_ended(row):
            yield past_try(row)
    seen = set()
    archived = ((row, True) for row in _archived(connection, schema, several))
    for row, is_archived in chain(archived, ((row, False) for row in several.values())):
        # Clearing leaves the start of the archived try in the live row, and whatever happens to
        # that before it runs again: only the first row with a start tells of the try.
        if (row.key, row.start) in seen:
            continue
        seen.add((row.key, row.start))
        if ran_and_ended(row):
            live = several[row.key]
            whole = row._replace(slots=live.slots, executor=live.executor)
            yield past_try(whole, archived=is_archived)


def past_try(row: Row, *, archived: bool = False) -> PastTry:
    """Return the try of a row that ran and ended."""
    start, end, queued, requeued = row.start or 0.0, row.end or 0.0, row.queued, row.queued
    if queued is not None and queued > start:
        # Deferring and rescheduling queue again what has started already.
        queued = None
    else:
        requeued = None
    return PastTry(
        *row[:4], outcome(row.state, archived=archived), start, end, row.scheduled, queued,
        row.queue, row.pool, max(1, row.slots or 1), row.executor, requeued,
    )  # fmt: skip


def _live(connection: Connection, schema: Schema, runs: Sequence[RunRow]) -> Iterator[Row]:
    ti = schema.tables["task_instance"]
    executor: Any = ti.c.executor if "executor" in ti.c else null()
    columns = (*_columns(connection, ti), ti.c.pool_slots, executor, _has_history(schema, ti))
    names = [(run.dag_id, run.run_id) for run in runs]
    found = connection.execute(
        with_runs(connection, select(*columns), ti, names),
        execution_options={"yield_per": ROWS_AT_A_TIME},
    )
    for rows in found.partitions():
        yield from map(Row._make, rows)


def _archived(connection: Connection, schema: Schema, keys: Collection[TaskKey]) -> Iterator[Row]:
    history = schema.tables["task_instance_history"]
    columns = (*_columns(connection, history), literal(None), literal(None), true())
    for page in pages(connection, keys):
        statement = with_keys(connection, select(*columns), history, page)
        found = connection.execute(statement.order_by(history.c.try_number))
        yield from map(Row._make, found)


def _has_history(schema: Schema, ti: Table) -> ColumnElement[bool]:
    history = schema.tables["task_instance_history"]
    # No EXISTS: PostgreSQL may answer that by reading the whole history, for each page.
    one = select(history.c.try_number).where(same_key(history, ti)).limit(1)
    return one.correlate(ti).scalar_subquery().is_not(None)


def _columns(connection: Connection, source: Table) -> tuple[ColumnElement[Any], ...]:
    """Return what a Row begins with, up to its pid."""
    scheduled: Any = null()
    if "scheduled_dttm" in source.c:
        scheduled = unix_seconds(connection, source.c.scheduled_dttm)
    start, end, queued = (
        unix_seconds(connection, source.c[name])
        for name in ("start_date", "end_date", "queued_dttm")
    )
    return (
        *key_columns(source), source.c.state, start, end, scheduled, queued, source.c.queue,
        source.c.pool, source.c.pid,
    )  # fmt: skip
