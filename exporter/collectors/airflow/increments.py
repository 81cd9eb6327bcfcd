"""Finished tries and runs made to increments of counters and observations of histograms."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from exporter import catalogue
from exporter.collectors.airflow.gauges import Wanted
from exporter.model import FinishedTry, RunKey, RunRow, TryKey
from exporter.samples import Sample


def try_samples(tries: Mapping[TryKey, FinishedTry], wanted: Wanted) -> Iterator[Sample]:
    """Make the samples of finished tries; waits by queue count whatever the filters say."""
    for each in tries.values():
        row = each.row
        if row.queued is not None and row.start is not None and row.start >= row.queued:
            waited = (row.start - row.queued).total_seconds()
            yield Sample(catalogue.TASK_QUEUE_WAIT, (row.queue, row.pool), waited)
        if row.scheduled is not None and row.queued is not None and row.queued >= row.scheduled:
            delay = (row.queued - row.scheduled).total_seconds()
            yield Sample(catalogue.TASK_SCHEDULE_DELAY, (row.queue,), delay)
        if not wanted(row.key.dag_id):
            continue
        task = (row.key.dag_id, row.key.task_id)
        labels = (*task, row.operator)
        yield Sample(catalogue.TASK_DURATION, labels, each.duration_seconds, row.key.run_id)
        yield Sample(catalogue.TASK_FINISHED, (*labels, each.outcome), 1.0)
        if each.outcome in ("failed", "up_for_retry"):
            yield Sample(catalogue.TASK_WASTED, task, each.duration_seconds)


def run_samples(runs: Mapping[RunKey, RunRow], wanted: Wanted) -> Iterator[Sample]:
    """Make the samples of finished DAG runs."""
    for run in runs.values():
        if not wanted(run.dag_id):
            continue
        labels = (run.dag_id, run.run_type, run.state)
        yield Sample(catalogue.DAG_RUN_FINISHED, labels, 1.0)
        if run.start is None or run.end is None:
            continue
        lasted = max(0.0, (run.end - run.start).total_seconds())
        yield Sample(catalogue.DAG_RUN_DURATION, (run.dag_id, run.state), lasted)
        # A cleared run starts again long after it was due: only its first start is a delay.
        if run.run_type == "scheduled" and run.due is not None and run.clear_number == 0:
            delay = max(0.0, (run.start - run.due).total_seconds())
            yield Sample(catalogue.DAG_RUN_START_DELAY, (run.dag_id,), delay)


def newest(
    moments: Mapping[str, float], runs: Mapping[RunKey, RunRow], states: set[str]
) -> Mapping[str, float]:
    """Return by DAG the latest end (Unix seconds) of a run that ended in one of the states."""
    newer = dict(moments)
    for run in runs.values():
        if run.state in states and run.end is not None:
            newer[run.dag_id] = max(run.end.timestamp(), newer.get(run.dag_id, 0.0))
    return newer
