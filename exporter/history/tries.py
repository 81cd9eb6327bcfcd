"""Tries of DAG runs, live and archived: each once, however Airflow has copied its row."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Connection, Table, literal, null, select

from exporter.collectors.airflow.keys import key_columns, pages, with_keys, with_runs
from exporter.collectors.airflow.schema import Schema
from exporter.history.moments import unix_seconds
from exporter.insight.performance.past import PastTry
from exporter.model import FINISHED_STATES, RunRow, TaskKey

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
    try_number: int | None
    slots: int | None
    executor: str | None

    @property
    def key(self) -> TaskKey:
        """The task instance."""
        return TaskKey(*self[:4])


def of_runs(connection: Connection, schema: Schema, runs: Sequence[RunRow]) -> Iterator[PastTry]:
    """Yield the finished tries of these runs, read by the index on (dag_id, run_id).

    Archived tries are looked up for task instances alone that have had more than one.
    """
    several: dict[TaskKey, Row] = {}
    for row in _live(connection, schema, runs):
        if row.state not in FINISHED_STATES or (row.try_number or 0) > 1:
            several[row.key] = row
        elif ran(row):
            yield past_try(row)
    seen = set()
    for row in _archived(connection, schema, several):
        if ran(row) and (row.key, row.start) not in seen:
            seen.add((row.key, row.start))
            live = several[row.key]
            whole = row._replace(slots=live.slots, executor=live.executor)
            yield past_try(whole, archived=True)
    for row in several.values():
        # Clearing leaves the start of the archived try in the live row.
        if ran(row) and (row.key, row.start) not in seen:
            yield past_try(row)


def ran(row: Row) -> bool:
    """Tell whether this is a try that ran and ended, and not only a row that was marked."""
    return (
        row.state in FINISHED_STATES
        and row.pid is not None
        and row.start is not None
        and row.end is not None
        and row.end >= row.start
    )


def past_try(row: Row, *, archived: bool = False) -> PastTry:
    """Return the try of a row; one that is archived and failed was tried again."""
    start, end, queued, requeued = row.start or 0.0, row.end or 0.0, row.queued, row.queued
    if queued is not None and queued > start:
        # Deferring and rescheduling queue again what has started already.
        queued = None
    else:
        requeued = None
    outcome = "up_for_retry" if archived and row.state == "failed" else row.state or ""
    return PastTry(
        *row[:4], outcome, start, end, row.scheduled, queued, row.queue, row.pool,
        max(1, row.slots or 1), row.executor, requeued,
    )  # fmt: skip


def _live(connection: Connection, schema: Schema, runs: Sequence[RunRow]) -> Iterator[Row]:
    ti = schema.tables["task_instance"]
    executor: Any = ti.c.executor if "executor" in ti.c else null()
    columns = (*_columns(connection, ti), ti.c.pool_slots, executor)
    names = [(run.dag_id, run.run_id) for run in runs]
    found = connection.execute(
        with_runs(connection, select(*columns), ti, names),
        execution_options={"yield_per": ROWS_AT_A_TIME},
    )
    for rows in found.partitions():
        yield from map(Row._make, rows)


def _archived(connection: Connection, schema: Schema, keys: Collection[TaskKey]) -> Iterator[Row]:
    history = schema.tables["task_instance_history"]
    columns = (*_columns(connection, history), literal(None), literal(None))
    for page in pages(connection, keys):
        statement = with_keys(connection, select(*columns), history, page)
        found = connection.execute(statement.order_by(history.c.try_number))
        yield from map(Row._make, found)


def _columns(connection: Connection, source: Table) -> tuple[ColumnElement[Any], ...]:
    """Return what a Row begins with, but for slots and executor."""
    scheduled: Any = null()
    if "scheduled_dttm" in source.c:
        scheduled = unix_seconds(connection, source.c.scheduled_dttm)
    start, end, queued = (
        unix_seconds(connection, source.c[name])
        for name in ("start_date", "end_date", "queued_dttm")
    )
    return (
        *key_columns(source), source.c.state, start, end, scheduled, queued, source.c.queue,
        source.c.pool, source.c.pid, source.c.try_number,
    )  # fmt: skip
