"""How the demo's tasks tell what they have written: returned, pushed, or left behind by dbt."""

from __future__ import annotations

import random
from datetime import datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sa
import structlog

from exporter.demo import run_results
from exporter.demo.dags import Task, Way, Writes
from exporter.demo.database import Tables
from exporter.demo.pushes import Pushes
from exporter.demo.rows import TaskRows

_TRY = ("dag_id", "task_id", "run_id", "map_index", "try_number")

Row = sa.Row[Any]


class Telling:
    """Tells of tries that have just ended, each in the way of its task."""

    def __init__(
        self, tables: Tables, tasks: TaskRows, pushes: Pushes, dbt: Path, chance: random.Random
    ) -> None:
        """Take what writes XCom, what pushes, and the directory for dbt's results."""
        self._run = tables.dag_run
        self._tasks = tasks
        self._pushes = pushes
        self._dbt = dbt
        self._chance = chance
        self._log = structlog.get_logger("exporter.demo")

    def ended(
        self, connection: sa.Connection, row: Row, task: Task, state: str, now: datetime
    ) -> None:
        """Tell what a try has written, unless it tells nothing; `state` is how it ended."""
        if task.writes is None or not self._is_told(task.writes, state):
            return
        rows = round(task.writes.rows * self._chance.uniform(0.8, 1.2))
        if state != "success":
            rows = round(rows * self._chance.random())
        written = {"rows": rows, "bytes": rows * task.writes.row_bytes}
        way = task.writes.way
        if way is Way.RETURN:
            self._tasks.pushed(connection, row, self._run_number(connection, row), written, now)
        elif way is Way.DBT:
            seconds = task.seconds * self._chance.uniform(0.7, 1.0)
            built = run_results.Built(**written, seconds=seconds)
            run_results.write(self._target(row), _try_of(row), built, now)
        else:
            self._pushes.add({**_try_of(row), "source": way.value, "state": state, **written})
        self._log.debug(
            "demo.told", source=way.value, dag_id=row.dag_id, task_id=row.task_id, state=state,
            **written,
        )  # fmt: skip

    def _is_told(self, writes: Writes, state: str) -> bool:
        if writes.way in (Way.PUSH, Way.PLUGIN) and not self._pushes.possible:
            return False
        failed_after_writing = writes.way is Way.PLUGIN and state in ("failed", "up_for_retry")
        if state != "success" and not failed_after_writing:
            return False
        return self._chance.random() >= writes.silent

    def _target(self, row: Row) -> Path:
        run = self._dbt / f"dag_id={row.dag_id}" / f"run_id={row.run_id}"
        return run / f"task_id={row.task_id}" / f"attempt={row.try_number}"

    def _run_number(self, connection: sa.Connection, row: Row) -> int:
        same = sa.and_(self._run.c.dag_id == row.dag_id, self._run.c.run_id == row.run_id)
        return int(connection.execute(sa.select(self._run.c.id).where(same)).scalar_one())


def _try_of(row: Row) -> dict[str, Any]:
    return {name: getattr(row, name) for name in _TRY}
