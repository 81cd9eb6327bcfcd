"""Which rows are finished tries that nobody counted yet: the counting rules, without a database.

A try is one (task instance, start). It is counted when its row shows it ended and either it was
seen begun in the sample before, or it ended after the exporter first looked. `docs/counting.md`
explains why these rules neither miss nor double a try.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Protocol

from exporter.model import (
    FINISHED_STATES,
    ActiveRow,
    FinishedTry,
    TaskKey,
    TryKey,
    TryRow,
)

BEGUN_STATES = frozenset({"running", "deferred", "up_for_reschedule"})
"""Live states in which the start of a row always belongs to a try that has not ended."""


@dataclass(frozen=True, slots=True)
class Begun:
    """The try that a task instance was last seen in."""

    state: str
    start: datetime
    try_number: int | None
    """Tells a row that was archived and queued again with its old start."""


@dataclass(frozen=True, slots=True)
class Memory:
    """What is remembered from one sample to the next; times are the database's."""

    first_look: datetime
    """When the exporter looked for the first time ever: what ended before is never counted."""
    since: datetime
    """When the last sample that read everything was taken."""
    begun: Mapping[TaskKey, Begun] = field(default_factory=dict)
    counted: Mapping[TryKey, datetime] = field(default_factory=dict)
    """When the tries ended that need no counting any more, while a rule could find them again."""
    read_until: datetime | None = None
    """While catching up: the heartbeat that the last sample got to. What ended since `since` may
    still turn up then, in the history of a task instance that has run again."""


class Attempt(Protocol):
    """What any row tells of a try; moments of one kind."""

    @property
    def state(self) -> str | None:
        """As Airflow writes it."""

    @property
    def start(self) -> datetime | float | None:
        """When the try began, or the row was marked."""

    @property
    def end(self) -> datetime | float | None:
        """When it ended."""

    @property
    def pid(self) -> int | None:
        """Of the process that ran it."""


def ran_and_ended(row: Attempt) -> bool:
    """Tell whether a row is that of a try that ran and ended."""
    if row.state not in FINISHED_STATES or row.end is None:
        return False
    # Without a pid it never ran: marked before it started, or an EmptyOperator. A task skipped
    # from upstream may keep an old pid, but then start and end are one moment.
    return row.start is not None and row.pid is not None and row.start != row.end


def outcome(state: str | None, *, archived: bool) -> str:
    """Return how a try that ran and ended stands: success, failed, skipped or up_for_retry."""
    # The history holds tries that another try followed, so a failed one was retried.
    return "up_for_retry" if archived and state == "failed" else str(state)


def suspects(memory: Memory, active: Mapping[TaskKey, ActiveRow]) -> set[TaskKey]:
    """Return the task instances whose rows must be read, whenever they last ran.

    A begun try may have ended since the last sample; and of a start that is new to us in a state
    such as queued, only the history can tell whether it belongs to a try that has ended.
    """
    found = set()
    for key, begun in memory.begun.items():
        row = active.get(key)
        if row is None or _begun(row) != begun:
            found.add(key)
    for key, row in active.items():
        unsure = row.state not in BEGUN_STATES and key not in memory.begun
        if unsure and TryKey(key, row.start) not in memory.counted:
            found.add(key)
    return found


def finished(
    memory: Memory, rows: Iterable[TryRow], overlap: timedelta
) -> dict[TryKey, FinishedTry]:
    """Return by key the tries among the rows that have finished and were not counted before.

    Rows of a task instance must come in the order of its tries, the live row last.
    """
    floor = max(memory.first_look, memory.since - overlap)
    tries: dict[TryKey, FinishedTry] = {}
    seen: set[TryKey] = set()
    for row in rows:
        if row.start is None:
            continue
        key = TryKey(row.key, row.start)
        # A cleared row keeps its start and pid until it runs again. What happens to it before that
        # (another clear, a failure in the queue) leaves rows that look like a new end of an old
        # try: only the first row with a start tells of the try.
        if key in seen:
            continue
        seen.add(key)
        if not ran_and_ended(row) or key in memory.counted:
            continue
        begun = memory.begun.get(row.key)
        was_begun = begun is not None and begun.start == row.start
        if was_begun or (row.end is not None and row.end >= floor):
            tries[key] = FinishedTry(
                row, outcome(row.state, archived=row.archived), _duration_seconds(row)
            )
    return tries


def advanced(  # noqa: PLR0917 - what one sample saw, in the order in which it was read
    memory: Memory,
    since: datetime,
    active: Mapping[TaskKey, ActiveRow],
    rows: Iterable[TryRow],
    settled: Mapping[TryKey, FinishedTry],
    overlap: timedelta,
) -> Memory:
    """Return the memory after a sample that has read everything up to `since`.

    `rows` are those that `finished` found the `settled` tries among.
    """
    counted = {**memory.counted, **{key: each.row.end or since for key, each in settled.items()}}
    over = {TryKey(row.key, row.start) for row in rows if row.start is not None and _is_over(row)}
    begun = {}
    for key, row in active.items():
        this = TryKey(key, row.start)
        if row.state not in BEGUN_STATES and this in over:
            counted.setdefault(this, since)
        elif row.state in BEGUN_STATES or this not in counted:
            begun[key] = _begun(row)
    keep_from = since - 2 * overlap
    kept = {key: end for key, end in counted.items() if end >= keep_from or key.key in active}
    return replace(memory, since=since, begun=begun, counted=kept)


def _begun(row: ActiveRow) -> Begun:
    return Begun(row.state, row.start, row.try_number)


def _is_over(row: TryRow) -> bool:
    """Tell whether a start belongs to no try that may still end."""
    return row.archived or row.start == row.end


def _duration_seconds(row: TryRow) -> float:
    if row.duration is not None:
        return max(0.0, row.duration)
    if row.start is None or row.end is None:
        return 0.0
    return max(0.0, (row.end - row.start).total_seconds())
