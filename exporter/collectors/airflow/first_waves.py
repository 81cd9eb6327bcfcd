"""First waves of runs: what was queued soon after a run began, read from its task instances."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from datetime import datetime

from sqlalchemy import Connection, Select, and_, null, or_, select

from exporter.collectors.airflow.keys import interned
from exporter.collectors.airflow.schema import Schema
from exporter.insight.concurrency import Span, peak
from exporter.insight.experience import RunName, Widths

WORKERS = "CeleryExecutor"
"""The executor whose tasks wait in queues for workers."""

MAX_ROWS = 20_000
"""Task instances that are looked at in one reading: of a larger wave, a part is known."""

Waves = Mapping[RunName, Widths]


def read(
    connection: Connection,
    schema: Schema,
    until: Mapping[RunName, datetime],
    default_queue: str,
) -> Waves:
    """Return the most pool slots by queue that each run held at once until its moment.

    What is queued holds its slots until it ends: tasks that follow upon one another want a worker
    for one of them. What has no queue is in the default one. Read by the index on
    (dag_id, run_id), a range of it for each run.
    """
    spans: dict[tuple[RunName, str], list[Span]] = defaultdict(list)
    for row in connection.execute(_statement(schema, until)):
        dag_id, run_id, queue, named, slots, queued, end = interned(row)
        if is_of_workers(named):
            of = RunName(dag_id, run_id), queue or default_queue
            spans[of].append(Span(queued, end, float(slots or 0)))
    # A run without any has taught that as well.
    found: dict[RunName, dict[str, float]] = {run: {} for run in until}
    for (run, queue), held in spans.items():
        found[run][queue] = peak(held)
    return found


def _statement(schema: Schema, until: Mapping[RunName, datetime]) -> Select[tuple[object, ...]]:
    ti = schema.tables["task_instance"]
    one_of_them = or_(
        *[
            and_(ti.c.dag_id == run.dag_id, ti.c.run_id == run.run_id, ti.c.queued_dttm <= moment)
            for run, moment in until.items()
        ]
    )
    executor = ti.c.get("executor", null())
    return (
        select(
            ti.c.dag_id, ti.c.run_id, ti.c.queue, executor, ti.c.pool_slots,
            ti.c.queued_dttm, ti.c.end_date,
        )
        .where(one_of_them)
        .limit(MAX_ROWS)
    )  # fmt: skip


def is_of_workers(executor: str | None) -> bool:
    """Tell of a task instance's own executor whether workers run it: none is the default one."""
    return executor is None or executor.rpartition(".")[2] == WORKERS
