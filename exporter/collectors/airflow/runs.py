"""Which DAG runs have finished since the last sample: the counting rules, without a database.

A finish is one (run id, clear number): a run that is cleared and finishes again counts again.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from exporter.model import RUN_FINISHED_STATES, RunKey, RunRow


@dataclass(frozen=True, slots=True)
class RunMemory:
    """What is remembered of DAG runs from one sample to the next; times are the database's."""

    cursor: int = 0
    """Runs up to this id were seen; later ones are read again until an overlap has passed."""
    marks: tuple[tuple[datetime, int], ...] = ()
    """When which highest id was seen, oldest first, no older than the overlap."""
    active: Mapping[int, RunKey] = field(default_factory=dict)
    counted: Mapping[RunKey, datetime] = field(default_factory=dict)


def finished_runs(
    memory: RunMemory, rows: Iterable[RunRow], first_look: datetime, floor: datetime
) -> dict[RunKey, RunRow]:
    """Return by key the runs among the rows that have finished and were not counted before.

    What ended before `first_look` is never counted; what was there before, only if it was active
    or ended after `floor`.
    """
    found: dict[RunKey, RunRow] = {}
    for row in rows:
        key = RunKey(row.id, row.clear_number)
        if row.state not in RUN_FINISHED_STATES or row.end is None or key in memory.counted:
            continue
        earliest = first_look if row.id > memory.cursor else floor
        if row.id in memory.active or row.end >= earliest:
            found[key] = row
    return found


def advanced_runs(
    memory: RunMemory,
    now: datetime,
    active: Iterable[RunRow],
    settled: Collection[RunKey],
    *,
    highest: int,
    overlap: timedelta,
) -> RunMemory:
    """Return the memory after a sample at `now` that read the finished runs up to id `highest`."""
    marks = [*memory.marks, (now, highest)]
    cursor = memory.cursor
    # Ids are handed out before their transaction commits: a lower id may still appear.
    while marks and marks[0][0] < now - overlap:
        cursor = max(cursor, marks.pop(0)[1])
    keep_from = now - 3 * overlap
    # What is above the cursor is read again, however long ago: after a downtime too.
    counted = {
        key: found for key, found in memory.counted.items() if found >= keep_from or key.id > cursor
    }
    counted.update(dict.fromkeys(settled, now))
    live = {row.id: RunKey(row.id, row.clear_number) for row in active}
    return replace(memory, cursor=cursor, marks=tuple(marks), active=live, counted=counted)
