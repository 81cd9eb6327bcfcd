"""One reading of what is active and what has ended: the fast sample's statements, in order."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection

from exporter.collectors.airflow import queries
from exporter.collectors.airflow.memory import Remembered
from exporter.collectors.airflow.run_rows import (
    active_runs,
    finished_runs_above,
    highest_run_id,
    runs_named,
    runs_with,
)
from exporter.collectors.airflow.schema import HEARTBEAT, Schema
from exporter.collectors.airflow.tries import Memory, suspects
from exporter.collectors.airflow.try_rows import archived_rows, job_heartbeats, live_rows
from exporter.model import ActiveGroup, ActiveRow, RunRow, TaskKey, TryRow

Fingerprint = tuple[str | None, datetime | None, datetime | None]
"""State, start and end of a live row: while they stand, its history has no new try."""


@dataclass(frozen=True, slots=True)
class Reading:
    """What one transaction saw, all in the same snapshot."""

    now: datetime
    read_until: datetime | None
    """The heartbeat that was read up to while catching up; None when everything was read."""
    groups: list[ActiveGroup]
    active: Mapping[TaskKey, ActiveRow]
    tries: list[TryRow]
    """Rows of the candidates; of each task instance in the order of its tries."""
    fingerprints: Mapping[TaskKey, Fingerprint]
    runs: list[RunRow]
    """Queued and running."""
    ended_runs: list[RunRow]
    highest_run_id: int
    stale: int | None
    """Running tries whose heartbeat is too old; None where heartbeats cannot be read."""


@dataclass(frozen=True, slots=True)
class Span:
    """The times that a reading goes by."""

    overlap: timedelta
    """How much of the past is read again: commits and clocks may be this late."""
    heartbeat_timeout: timedelta
    sweep: bool
    """Look through all runs that moved, where there are no heartbeats to go by."""


def read(
    connection: Connection,
    schema: Schema,
    now: datetime,
    *,
    memory: Remembered,
    known: Mapping[TaskKey, Fingerprint],
    span: Span,
) -> Reading:
    """Read in one transaction; `known` are the fingerprints of the reading before."""
    groups = queries.active_groups(connection, schema)
    active = queries.active_rows(connection, schema)
    tries_memory = memory.tries or Memory(first_look=now, since=now)
    read_until = tries_memory.read_until or tries_memory.since
    ran = _ran(connection, schema, read_until - span.overlap, span)
    candidates = {row.key: row for row in ran.rows}
    changed = {key for key, row in candidates.items() if known.get(key) != _fingerprint(row)}
    lost = suspects(tries_memory, active)
    for row in live_rows(connection, schema, lost - candidates.keys()):
        candidates[row.key] = row
    changed |= lost
    archived = archived_rows(connection, schema, changed)
    # The live row of a task instance comes after its earlier tries: the counting rules rely on it.
    tries = archived + [candidates[key] for key in changed if key in candidates]
    runs = active_runs(connection, schema)
    ended, highest = _ended_runs(connection, schema, memory, runs, tries)
    return Reading(
        now=now,
        read_until=ran.until,
        groups=groups,
        active=active,
        tries=tries,
        fingerprints={row.key: _fingerprint(row) for row in ran.rows},
        runs=runs,
        ended_runs=ended,
        highest_run_id=highest,
        stale=_stale(connection, schema, now - span.heartbeat_timeout, active, ran.rows),
    )


def _fingerprint(row: TryRow) -> Fingerprint:
    return (row.state, row.start, row.end)


def _ran(connection: Connection, schema: Schema, floor: datetime, span: Span) -> queries.Ran:
    if schema.features()[HEARTBEAT]:
        return queries.rows_that_ran_after(connection, schema, floor, 2 * span.overlap)
    rows = queries.rows_of_moving_runs(connection, schema, floor, sweep=span.sweep)
    return queries.Ran(rows, None)


def _ended_runs(
    connection: Connection,
    schema: Schema,
    memory: Remembered,
    runs: list[RunRow],
    tries: list[TryRow],
) -> tuple[list[RunRow], int]:
    if memory.tries is None:
        return [], highest_run_id(connection, schema)
    cursor = memory.runs.cursor
    ended = finished_runs_above(connection, schema, cursor, queries.ROWS_A_PAGE)
    live = {run.id for run in runs}
    if len(ended) < queries.ROWS_A_PAGE:
        highest = max([cursor, *live, *(run.id for run in ended)])
    else:
        highest = ended[-1].id
    ended += runs_with(connection, schema, memory.runs.active.keys() - live)
    # A run that was cleared and ended again between two samples shows by its tries alone.
    seen = {(run.dag_id, run.run_id) for run in [*runs, *ended]}
    named = {(row.key.dag_id, row.key.run_id) for row in tries} - seen
    ended += runs_named(connection, schema, named)
    return ended, highest


def _stale(
    connection: Connection,
    schema: Schema,
    floor: datetime,
    active: Mapping[TaskKey, ActiveRow],
    ran: list[TryRow],
) -> int | None:
    if not schema.features()[HEARTBEAT]:
        return None
    beating = {row.key for row in ran}
    silent = [
        row
        for key, row in active.items()
        if row.state == "running" and row.start < floor and key not in beating
    ]
    if schema.heartbeat_in_row:
        return sum((row.heartbeat or row.start) < floor for row in silent)
    beats = job_heartbeats(connection, schema, [row.key for row in silent])
    return sum(beats.get(row.key, row.start) < floor for row in silent)
