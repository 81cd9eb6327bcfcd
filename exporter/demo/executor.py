"""The demo's executor and workers: from queued rows to task processes, and from their ends to rows.

A supervisor in real Airflow talks to the API server; here the demo writes for both.
"""

from __future__ import annotations

import json
import random
from collections import Counter
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from exporter.demo.dags import BY_ID, QUEUE_SLOTS, Task, Wait
from exporter.demo.database import Tables
from exporter.demo.process import Job, Processes, Report, Started
from exporter.demo.rows import TaskRows
from exporter.demo.telling import Telling

HEARTBEAT_SECONDS = 5.0
_WAITING_SECONDS = 0.3
"""How long a try takes that only finds that it must wait."""
_TRIGGER = "airflow.providers.standard.triggers.temporal.DateTimeTrigger"

Row = sa.Row[Any]


@dataclass(slots=True)
class _Try:
    """A try that has a process."""

    row: Row
    task: Task
    ending: str
    """How it means to end: success, failed, skipped, or the wait that it goes into."""
    exit_code: int
    pid: int | None = None
    heartbeat_due: datetime | None = None


class Executor:
    """Starts task processes for queued rows and writes what becomes of them."""

    def __init__(
        self,
        *,
        tables: Tables,
        tasks: TaskRows,
        processes: Processes,
        telling: Telling,
        logs: Path,
        hostname: str,
        chance: random.Random,
        pace: float,
    ) -> None:
        """Take what writes the rows, runs the tries and tells of them, and where their logs go."""
        self._tables = tables
        self._tasks = tasks
        self._processes = processes
        self._telling = telling
        self._logs = logs
        self._hostname = hostname
        self._chance = chance
        self._pace = pace
        self._tries: dict[UUID, _Try] = {}

    def launch(self, connection: sa.Connection) -> None:
        """Start what is queued, as far as the queues have workers."""
        ti = self._tables.task_instance
        queued = sa.select(ti).where(ti.c.state == "queued").order_by(ti.c.queued_dttm)
        busy = Counter(each.row.queue for each in self._tries.values())
        for row in connection.execute(queued).all():
            if row.id not in self._tries and busy[row.queue] < QUEUE_SLOTS[row.queue]:
                busy[row.queue] += 1
                self._start(connection, row)

    def report(self, connection: sa.Connection, report: Report, now: datetime) -> None:
        """Write that a task process has started or ended."""
        each = self._tries[report.try_id]
        if isinstance(report, Started):
            each.pid = report.pid
            each.heartbeat_due = now + self._seconds(HEARTBEAT_SECONDS)
            if not self._tasks.running(connection, each.row, report.pid, self._hostname, now):
                self._processes.stop(report.try_id)
            return
        del self._tries[report.try_id]
        ending = each.ending if report.exit_code == each.exit_code else "failed"
        if not self._end(connection, each, ending, now):
            self._end_changed(connection, each.row, now)

    def heartbeat(self, connection: sa.Connection, now: datetime) -> None:
        """Send the heartbeats that are due; end the tries whose state somebody has changed."""
        for try_id, each in self._tries.items():
            if each.pid is None or each.heartbeat_due is None or now < each.heartbeat_due:
                continue
            each.heartbeat_due = now + self._seconds(HEARTBEAT_SECONDS)
            if not self._tasks.heartbeat(connection, try_id, each.pid, now):
                self._processes.stop(try_id)

    # Starting.

    def _start(self, connection: sa.Connection, row: Row) -> None:
        task = BY_ID[row.dag_id].task(row.task_id)
        ending = self._ending(connection, row, task)
        seconds = _WAITING_SECONDS if ending in ("defer", "park") else task.seconds
        exit_code = 1 if ending == "failed" else 0
        self._tries[row.id] = _Try(row, task, ending, exit_code)
        self._processes.run(
            Job(
                try_id=str(row.id),
                log=str(self._log(row)),
                seconds=seconds * self._chance.uniform(0.7, 1.3) / self._pace,
                busy=task.load.busy,
                memory_bytes=task.load.memory_bytes,
                child=task.load.child,
                exit_code=exit_code,
                environ=_environ(row),
            )
        )

    def _ending(self, connection: sa.Connection, row: Row, task: Task) -> str:
        if row.next_method == "__fail__":
            return "failed"
        if row.next_method is None and task.wait is Wait.TRIGGER:
            return "defer"
        if row.next_method is None and task.wait is Wait.INPUT:
            return "park"
        if task.wait is Wait.RESCHEDULE and self._pokes(connection, row) < task.pokes:
            return "reschedule"
        drawn = self._chance.random()
        if drawn < task.fails:
            return "failed"
        return "skipped" if drawn < task.fails + task.skips else "success"

    def _pokes(self, connection: sa.Connection, row: Row) -> int:
        poke = self._tables.reschedule
        count = sa.select(sa.func.count()).select_from(poke).where(poke.c.ti_id == row.id)
        return connection.execute(count).scalar_one()

    def _log(self, row: Row) -> Path:
        """Return the log file of a try, by Airflow's default log_filename_template."""
        folder = self._logs / f"dag_id={row.dag_id}" / f"run_id={row.run_id}"
        folder /= f"task_id={row.task_id}"
        if row.map_index >= 0:
            folder /= f"map_index={row.map_index}"
        return folder / f"attempt={row.try_number}.log"

    # Ending.

    def _end(self, connection: sa.Connection, each: _Try, ending: str, now: datetime) -> bool:
        """Write the end that a try has come to; False if it was not running any more."""
        row, task = each.row, each.task
        wait = self._seconds(task.wait_seconds)
        if ending == "defer":
            limit = task.timeout_seconds
            timeout = None if limit is None else now + self._seconds(limit)
            trigger = {
                "classpath": _TRIGGER,
                "kwargs": json.dumps({"moment": (now + wait).isoformat()}),
                "queue": task.trigger_queue,
            }
            return self._tasks.deferred(connection, row.id, trigger, timeout, now)
        if ending == "park":
            # The answer comes half-way to the time-out.
            return self._tasks.parked(connection, row.id, now + 2 * wait, now)
        if ending == "reschedule":
            return self._tasks.rescheduled(connection, row.id, now + wait, now)
        if ending == "failed" and row.try_number <= row.max_tries:
            ending = "up_for_retry"
            done = self._tasks.retried(connection, row.id, now)
        else:
            done = self._tasks.finished(connection, row.id, ending, now)
        if done:
            self._telling.ended(connection, row, task, ending, now)
        return done

    def _end_changed(self, connection: sa.Connection, row: Row, now: datetime) -> None:
        """Settle a try whose row somebody has changed, or that never came to run."""
        ti = self._tables.task_instance
        names = ("dag_id", "task_id", "run_id", "map_index")
        same = [ti.c[name] == getattr(row, name) for name in names]
        live = connection.execute(sa.select(ti).where(*same)).first()
        if live is not None and live.state == "restarting":
            self._tasks.restarted(connection, live, now)
        elif live is not None and live.id == row.id and live.state == "queued":
            self._tasks.set_state(connection, live, "failed", now)

    def _seconds(self, seconds: float) -> timedelta:
        return timedelta(seconds=seconds / self._pace)


def _environ(row: Row) -> dict[str, str]:
    """Return what Airflow tells the programs that a task starts."""
    return {
        "AIRFLOW_CTX_DAG_ID": row.dag_id,
        "AIRFLOW_CTX_TASK_ID": row.task_id,
        "AIRFLOW_CTX_DAG_RUN_ID": row.run_id,
        "AIRFLOW_CTX_TRY_NUMBER": str(row.try_number),
    }
