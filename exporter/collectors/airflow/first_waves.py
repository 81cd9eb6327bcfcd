"""First waves of runs: what was queued soon after a run began, read from its task instances."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from datetime import datetime

from sqlalchemy import Connection, and_, func, null, or_, select

from exporter.collectors.airflow.keys import interned
from exporter.collectors.airflow.schema import Schema
from exporter.insight.experience import RunName, Widths

WORKERS = "CeleryExecutor"
"""The executor whose tasks wait in queues for workers."""

Waves = Mapping[RunName, Widths]


def read(connection: Connection, schema: Schema, until: Mapping[RunName, datetime]) -> Waves:
    """Return the pool slots by queue that each run had queued until its moment.

    Read by the index on (dag_id, run_id), a range of it for each run.
    """
    ti = schema.tables["task_instance"]
    executor = ti.c.get("executor", null())
    one_of_them = or_(
        *[
            and_(ti.c.dag_id == run.dag_id, ti.c.run_id == run.run_id, ti.c.queued_dttm <= moment)
            for run, moment in until.items()
        ]
    )
    by = [ti.c.dag_id, ti.c.run_id, ti.c.queue, *([executor] if "executor" in ti.c else [])]
    statement = select(
        ti.c.dag_id, ti.c.run_id, ti.c.queue, executor, func.sum(ti.c.pool_slots)
    ).where(one_of_them)
    # A run without any has taught that as well.
    found: dict[RunName, dict[str, float]] = {run: defaultdict(float) for run in until}
    for row in connection.execute(statement.group_by(*by)):
        dag_id, run_id, queue, named, slots = interned(row)
        if queue and is_of_workers(named):
            found[RunName(dag_id, run_id)][queue] += float(slots or 0)
    return found


def is_of_workers(executor: str | None) -> bool:
    """Tell of a task instance's own executor whether workers run it: none is the default one."""
    return executor is None or executor.rpartition(".")[2] == WORKERS
