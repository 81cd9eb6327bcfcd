"""Tries of DAG runs, live and archived: each once, however Airflow has copied its row."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, null, select

from exporter.collectors.airflow.keys import with_runs
from exporter.collectors.airflow.schema import Schema
from exporter.collectors.airflow.try_rows import archived_rows, try_columns, try_row
from exporter.insight.performance.past import PastTry
from exporter.model import FINISHED_STATES, RunRow, TaskKey, TryRow

ROWS_AT_A_TIME = 2_000

Row = tuple[TryRow, int, str | None]
"""A try, its pool slots and its executor."""


def of_runs(connection: Connection, schema: Schema, runs: Sequence[RunRow]) -> Iterator[Row]:
    """Yield the finished tries of these runs, read by the index on (dag_id, run_id).

    Archived tries are looked up for task instances alone that have had more than one.
    """
    several: dict[TaskKey, Row] = {}
    for row in _live(connection, schema, runs):
        found = row[0]
        if found.state not in FINISHED_STATES or (found.try_number or 0) > 1:
            several[found.key] = row
        elif ran(found):
            yield row
    seen = set()
    for archived in archived_rows(connection, schema, several):
        if ran(archived) and (archived.key, archived.start) not in seen:
            seen.add((archived.key, archived.start))
            _, slots, executor = several[archived.key]
            yield archived, slots, executor
    for row in several.values():
        # Clearing leaves the start of the archived try in the live row.
        if ran(row[0]) and (row[0].key, row[0].start) not in seen:
            yield row


def ran(row: TryRow) -> bool:
    """Tell whether this is a try that ran and ended, and not only a row that was marked."""
    return (
        row.state in FINISHED_STATES
        and row.pid is not None
        and row.start is not None
        and row.end is not None
        and row.end >= row.start
    )


def past_try(row: TryRow, slots: int) -> PastTry:
    """Return a try with its moments in Unix seconds."""
    start, end = _unix(row.start) or 0.0, _unix(row.end) or 0.0
    queued = _unix(row.queued)
    if queued is not None and queued > start:
        # Deferring and rescheduling queue again what has started already.
        queued = None
    retried = row.archived and row.state == "failed"
    return PastTry(
        row.key.dag_id, row.key.task_id, row.key.run_id, row.key.map_index,
        "up_for_retry" if retried else row.state or "", start, end, _unix(row.scheduled), queued,
        row.queue, row.pool, max(1, slots),
    )  # fmt: skip


def _live(connection: Connection, schema: Schema, runs: Sequence[RunRow]) -> Iterator[Row]:
    ti = schema.tables["task_instance"]
    executor: Any = ti.c.executor if "executor" in ti.c else null()
    columns = (*try_columns(ti), ti.c.pool_slots, executor)
    names = [(run.dag_id, run.run_id) for run in runs]
    found = connection.execute(
        with_runs(connection, select(*columns), ti, names),
        execution_options={"yield_per": ROWS_AT_A_TIME},
    )
    for row in found:
        yield try_row(row[:-2], archived=False), row[-2] or 1, row[-1]


def _unix(moment: datetime | None) -> float | None:
    return None if moment is None else moment.timestamp()
