"""What every sample looks for: the task instances that are active, and those that ran since.

No statement scans `task_instance`; `tests/integration/collectors/airflow/test_plans.py` asserts it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Column, Connection, Select, String, Table, func, null, or_, select

from exporter.collectors.airflow.first_waves import WORKERS
from exporter.collectors.airflow.keys import (
    among,
    interned,
    key_columns,
    pages,
    unnested,
    with_runs,
)
from exporter.collectors.airflow.run_rows import active_runs
from exporter.collectors.airflow.schema import Schema
from exporter.collectors.airflow.try_rows import tries, try_columns, try_row
from exporter.model import LIVE_STATES, ActiveGroup, ActiveRow, TaskKey, TryRow

ROWS_A_PAGE = 10_000
"""Rows read at a time where an outage may have left many."""
ROWS_A_SAMPLE = 20_000
"""Rows of ended tries in one sample before the rest is left to the next."""
_PLAIN_UUID = re.compile("[0-9a-f]{32}")


# The active set: in two statements. In one, which groups by what tells two started rows apart as
# well, PostgreSQL sorts 50,000 scheduled rows on disk, which takes twice as long as reading twice.


def active_groups(connection: Connection, schema: Schema) -> list[ActiveGroup]:
    """Count the task instances in a live state; one group for all that look the same."""
    ti = schema.tables["task_instance"]
    common = (ti.c.dag_id, ti.c.task_id, ti.c.operator, ti.c.state, ti.c.queue, ti.c.pool)
    slots = func.coalesce(func.sum(ti.c.pool_slots), 0)
    of_workers = slots
    if "executor" in ti.c:
        # No column to group by: with one more, PostgreSQL may read the table in its order instead.
        chosen = or_(
            ti.c.executor.is_(None),
            ti.c.executor == WORKERS,
            ti.c.executor.endswith(f".{WORKERS}", autoescape=True),
        )
        of_workers = func.coalesce(func.sum(ti.c.pool_slots).filter(chosen), 0)
    counted = select(
        *common,
        func.count(),
        slots,
        func.min(ti.c.queued_dttm),
        of_workers,
    ).group_by(*common)
    found = connection.execute(_active(connection, counted, ti))
    return [ActiveGroup(*interned(row)) for row in found]


def active_rows(connection: Connection, schema: Schema) -> dict[TaskKey, ActiveRow]:
    """Return the task instances in a live state that have a start."""
    ti = schema.tables["task_instance"]
    heartbeat = ti.c.last_heartbeat_at if schema.heartbeat_in_row else null()
    identity = ti.c.get("id", ti.c.get("job_id", null()))
    columns = (*key_columns(ti), ti.c.state, ti.c.start_date, ti.c.try_number, heartbeat, identity)
    statement = _active(connection, select(*columns).where(ti.c.start_date.is_not(None)), ti)
    found = [
        ActiveRow._make((TaskKey(*row[:4]), *row[4:8], _identity(row[8])))
        for row in map(interned, connection.execute(statement))
    ]
    return {row.key: row for row in found}


def _identity(value: object) -> str | None:
    """Return an id as titles hold it: SQLite may store a UUID without its dashes."""
    text = None if value is None else str(value)
    return str(UUID(text)) if text and _PLAIN_UUID.fullmatch(text) else text


def _active(connection: Connection, statement: Select[Any], ti: Table) -> Select[Any]:
    """Restrict a statement to the active set, in the form whose plan uses the index."""
    if connection.dialect.name != "postgresql":
        return statement.where(ti.c.state.in_(LIVE_STATES))
    # A range of the index for each state. Given a list of them, a planner that holds most of the
    # table for active goes through all of it.
    live = unnested([(state,) for state in LIVE_STATES], {"state": String()})
    return statement.join(live, ti.c.state == live.c.state)


# What ran.


@dataclass(frozen=True, slots=True)
class Ran:
    """The live rows of task instances that ran after some moment, oldest heartbeat first."""

    rows: list[TryRow]
    until: datetime | None
    """The heartbeat that the reading stopped at because there were too many; None if at the end."""


def rows_that_ran_after(
    connection: Connection, schema: Schema, floor: datetime, window: timedelta
) -> Ran:
    """Return what ran after `floor`, at least a `window` of it, and no more than fits in memory.

    After a long outage the rest is left for the next samples.
    """
    rows: list[TryRow] = []
    position = floor
    read = 0
    while True:
        page, beats = _page_of_ran(connection, schema, position)
        rows += page
        read += len(beats)
        # By heartbeats, not by rows: a job of Airflow 2 may have no task instance any more.
        if len(beats) < ROWS_A_PAGE:
            return Ran(rows, None)
        position = beats[-1]
        if read >= ROWS_A_SAMPLE and position > floor + window:
            return Ran(rows, position)


def _page_of_ran(
    connection: Connection, schema: Schema, floor: datetime
) -> tuple[list[TryRow], list[datetime]]:
    """Return the rows of a page of heartbeats after `floor`, and the heartbeats, oldest first."""
    ti = schema.tables["task_instance"]
    if schema.heartbeat_in_row:
        beat = ti.c.last_heartbeat_at
        found = _oldest(connection, select(*try_columns(ti), beat), beat, floor)
        rows = [try_row(row[:-1], archived=False) for row in found]
        return rows, [row[-1] for row in found]
    # Two statements: joined in one, PostgreSQL may choose to scan task_instance.
    job = schema.tables["job"]
    beat = job.c.latest_heartbeat
    beating = select(job.c.id, beat).where(job.c.job_type == "LocalTaskJob")
    jobs = _oldest(connection, beating, beat, floor)
    rows = []
    for ids in pages(connection, [job_id for job_id, _ in jobs]):
        theirs = select(*try_columns(ti)).where(among(connection, ti.c.job_id, ids))
        rows += tries(connection, theirs, archived=False)
    return rows, [heartbeat for _, heartbeat in jobs]


def _oldest(
    connection: Connection, statement: Select[Any], beat: Column[Any], floor: datetime
) -> list[Sequence[Any]]:
    """Return a page of rows after `floor`, by `beat`, which is their last column."""
    page = statement.where(beat > floor).order_by(beat).limit(ROWS_A_PAGE)
    found = [*connection.execute(page)]
    if len(found) < ROWS_A_PAGE:
        return found
    # The next page begins after the last heartbeat: all that share it belong to this one.
    last = found[-1][-1]
    ties = connection.execute(statement.where(beat == last))
    return [*(row for row in found if row[-1] != last), *ties]


def rows_of_moving_runs(
    connection: Connection, schema: Schema, floor: datetime, *, sweep: bool
) -> list[TryRow]:
    """Return what ended after `floor` in the active runs, for want of readable heartbeats.

    With `sweep` also in every run that moved since: a run may end between two samples.
    """
    ti, run = schema.tables["task_instance"], schema.tables["dag_run"]
    names = {(row.dag_id, row.run_id) for row in active_runs(connection, schema)}
    if sweep:
        # dag_run has no index on these columns: this reads the whole table, hence not each time.
        moved = run.c.updated_at if "updated_at" in run.c else run.c.end_date
        statement = select(run.c.dag_id, run.c.run_id).where(moved > floor)
        names |= {(dag_id, run_id) for dag_id, run_id in connection.execute(statement)}
    ended = select(*try_columns(ti)).where(ti.c.end_date > floor)
    rows: list[TryRow] = []
    for page in pages(connection, sorted(names)):
        rows += tries(connection, with_runs(connection, ended, ti, page), archived=False)
    return rows
