"""What past tries and runs have taught about those to come: durations, and first waves of runs.

Only what was seen to happen is learned from; nothing is read from the schedule but when.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import NamedTuple

from exporter.model import FinishedTry, RunRow

MAX_DAGS = 10_000
"""DAGs whose first waves are remembered; the one that ran longest ago is forgotten first."""
LATE = timedelta(seconds=60)
"""How long a run is expected after its moment; a scheduler that is later is not just busy."""
_PATIENCE = timedelta(minutes=10)
"""How long the first wave of a run may wait to be read."""
DURATION_WEIGHT = 0.1
WIDTH_WEIGHT = 0.3
"""What the newest one counts in the exponential mean; there are fewer runs than tries."""
_NOTHING = 0.01
"""Slots below which a queue is no more in a DAG's first wave."""

Widths = Mapping[str, float]
"""Pool slots by queue."""


class RunName(NamedTuple):
    """What names a run in the rows of its task instances."""

    dag_id: str
    run_id: str


@dataclass(frozen=True, slots=True)
class Experience:
    """Everything that was learned, and the runs that are about to teach; never changed."""

    durations: Mapping[str, float] = field(default_factory=dict)
    """Mean seconds of a try by queue."""
    waves: Mapping[str, Widths] = field(default_factory=dict)
    """Mean first wave by DAG, the one that ran last at the end."""
    begun: Mapping[RunName, datetime] = field(default_factory=dict)
    """When the runs started whose first wave was not read yet."""
    created: Mapping[str, datetime] = field(default_factory=dict)
    """The latest moment by DAG for which a run is there, of late; not kept in the ledger."""


def smoothed(before: float | None, newest: float, weight: float) -> float:
    """Return the exponential mean after one more value."""
    return newest if before is None else before + weight * (newest - before)


def with_tries(
    known: Experience, tries: Iterable[FinishedTry], queues: Collection[str], default_queue: str
) -> Experience:
    """Learn how long tries of these queues last, in the order in which they ended."""
    durations = dict(known.durations)
    for each in sorted(tries, key=_end):
        queue, seconds = each.row.queue or default_queue, each.duration_seconds
        if queue in queues and math.isfinite(seconds) and seconds >= 0:
            durations[queue] = smoothed(durations.get(queue), seconds, DURATION_WEIGHT)
    return known if durations == known.durations else replace(known, durations=durations)


def _end(each: FinishedTry) -> float:
    return each.row.end.timestamp() if each.row.end else 0.0


def with_runs(
    known: Experience, runs: Iterable[RunRow], now: datetime, wave: timedelta
) -> Experience:
    """Note which scheduled runs are there, and which of them were seen to begin.

    `wave` is how long a first wave lasts from a run's start.
    """
    # Past that age a moment is not looked for any more.
    created = {dag: due for dag, due in known.created.items() if due > now - 2 * LATE}
    begun = {run: at for run, at in known.begun.items() if now - at < wave + _PATIENCE}
    for run in runs:
        if run.run_type != "scheduled":
            continue
        if run.due is not None and run.due > now - 2 * LATE:
            created[run.dag_id] = max(run.due, created.get(run.dag_id, run.due))
        # A cleared run starts with whatever was cleared.
        if run.start is not None and run.clear_number == 0 and now - run.start < wave:
            begun[RunName(run.dag_id, run.run_id)] = run.start
    return replace(known, begun=begun, created=created)


def over(
    known: Experience, now: datetime, wave: timedelta, most: int
) -> Mapping[RunName, datetime]:
    """Return until when the first waves lasted that are over, the first ones first."""
    ended = ((run, start + wave) for run, start in known.begun.items() if start + wave <= now)
    return dict(sorted(ended, key=lambda each: each[1])[:most])


def with_waves(known: Experience, seen: Mapping[RunName, Widths]) -> Experience:
    """Learn from first waves that were read; they are not waited for any more."""
    waves = dict(known.waves)
    for run, widths in seen.items():
        # Taken out and put in again: the order is that of the last run.
        before = waves.pop(run.dag_id, None)
        queues = widths.keys() | (before or {}).keys()
        means = {
            queue: smoothed(
                None if before is None else before.get(queue, 0.0),
                widths.get(queue, 0.0),
                WIDTH_WEIGHT,
            )
            for queue in sorted(queues)
        }
        waves[run.dag_id] = {queue: mean for queue, mean in means.items() if mean >= _NOTHING}
    for dag_id in [*waves][: max(0, len(waves) - MAX_DAGS)]:
        del waves[dag_id]
    begun = {run: start for run, start in known.begun.items() if run not in seen}
    return replace(known, waves=waves, begun=begun)


def only(known: Experience, dags: Collection[str]) -> Experience:
    """Forget the DAGs that are gone."""
    if known.waves.keys() <= frozenset(dags):
        return known
    return replace(known, waves={dag: wave for dag, wave in known.waves.items() if dag in dags})


def is_due(
    known: Experience, dag_id: str, moment: datetime | None, now: datetime, boot: timedelta
) -> bool:
    """Tell whether a run of that moment is still to come, before a worker would have booted."""
    if moment is None or not now - LATE < moment <= now + boot:
        return False
    there = known.created.get(dag_id)
    return there is None or there < moment
