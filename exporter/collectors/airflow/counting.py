"""One step of the counting: what was remembered and what was read to what must be added."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta

from exporter.collectors.airflow.increments import newest, run_samples, try_samples
from exporter.collectors.airflow.memory import Remembered
from exporter.collectors.airflow.options import Options
from exporter.collectors.airflow.reading import Reading
from exporter.collectors.airflow.runs import advanced_runs, finished_runs
from exporter.collectors.airflow.tries import Memory, advanced, finished
from exporter.model import FinishedTry
from exporter.samples import Sample

MAX_QUEUES = 1_000
"""Queues remembered; more would be an explosion of names."""


@dataclass(frozen=True, slots=True)
class Counted:
    """What one step came to."""

    memory: Remembered
    tries: Collection[FinishedTry]
    samples: list[Sample]


def counted(memory: Remembered, reading: Reading, options: Options) -> Counted:
    """Return the memory after a reading, what has finished since, and the samples of it."""
    overlap = timedelta(seconds=options.overlap_seconds)
    before = memory.tries or Memory(first_look=reading.now, since=reading.now)
    runs_before = memory.runs
    if memory.tries is None:
        runs_before = replace(runs_before, cursor=reading.highest_run_id)
    tries = finished(before, reading.tries, overlap)
    floor = max(before.first_look, (before.read_until or before.since) - overlap)
    runs = finished_runs(runs_before, reading.ended_runs, before.first_look, floor)
    since = reading.now if reading.read_until is None else before.since
    tries_after = advanced(before, since, reading.active, reading.tries, tries, overlap)
    after = replace(
        memory,
        tries=replace(tries_after, read_until=reading.read_until),
        runs=advanced_runs(
            runs_before,
            reading.now,
            reading.runs,
            runs.keys(),
            highest=reading.highest_run_id,
            overlap=overlap,
        ),
        queues=_queues(memory.queues, reading),
        last_success=newest(memory.last_success, runs, {"success"}),
        last_finish=newest(memory.last_finish, runs, {"success", "failed"}),
    )
    if memory.tries is None:
        # What has ended by the first look is the baseline: settled, and never counted.
        return Counted(after, (), [])
    wants = options.dags.wants
    return Counted(after, tries.values(), [*try_samples(tries, wants), *run_samples(runs, wants)])


def _queues(known: Mapping[str, bool], reading: Reading) -> Mapping[str, bool]:
    seen = {group.queue for group in reading.groups if group.queue}
    new = seen - known.keys()
    if not new or len(known) + len(new) > MAX_QUEUES:
        return known
    return {**known, **dict.fromkeys(new, True)}
