"""The loop that drives the demo: its components, and when each has its turn."""

from __future__ import annotations

import random
import select
import shutil
import socket
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import sqlalchemy as sa

from exporter.demo.dags import BY_ID
from exporter.demo.database import Tables
from exporter.demo.executor import Executor
from exporter.demo.facts import FactRows
from exporter.demo.process import Processes
from exporter.demo.pushes import Pushes
from exporter.demo.rows import TaskRows
from exporter.demo.runs import RunRows
from exporter.demo.scheduler import Scheduler
from exporter.demo.telling import Telling
from exporter.demo.user import User

STEP_SECONDS = 0.5
"""How often the scheduler and the executor have their turn."""
KEPT = timedelta(hours=1)
"""How long the rows and logs of finished runs stay."""
_LISTEN_SECONDS = 0.25
"""How soon the loop notices at the latest that it must stop."""
_LOGS = "logs"
_DBT = "dbt"

Action = Callable[[sa.Connection, datetime], object]


@dataclass(slots=True)
class _Timer:
    """Something to be done again and again; times in monotonic seconds."""

    interval_seconds: float
    action: Action
    due: float


class Workload:
    """The parts of the demo and when each has its turn; used by one thread."""

    def __init__(
        self,
        *,
        connection: sa.Connection,
        tables: Tables,
        processes: Processes,
        pushes: Pushes,
        directory: Path,
        now: Callable[[], datetime],
        monotonic: Callable[[], float],
        chance: random.Random,
        pace: float,
    ) -> None:
        """Start the components, and take over what earlier ones have left."""
        self._connection = connection
        self._processes = processes
        self._pushes = pushes
        self._directory = directory
        self._now = now
        self._monotonic = monotonic
        hostname = socket.gethostname()
        tasks, self._runs = TaskRows(tables, chance), RunRows(tables, chance, pace)
        self._facts = FactRows(tables, chance)
        with connection.begin():
            self._jobs = self._facts.started(connection, hostname, now())
            versions = self._facts.versions(connection)
            scheduler = Scheduler(
                tables=tables, tasks=tasks, runs=self._runs, versions=versions,
                jobs=self._jobs, pace=pace,
            )  # fmt: skip
            scheduler.adopt(connection, now())
            self._replan(tables)
        telling = Telling(tables, tasks, pushes, dbt_path(directory), chance)
        self._executor = Executor(
            tables=tables, tasks=tasks, processes=processes, telling=telling,
            logs=directory / _LOGS, hostname=hostname, chance=chance, pace=pace,
        )  # fmt: skip
        user = User(tables, tasks, self._runs, scheduler, chance)
        self._timers = self._timetable(scheduler, user, pace)

    def turn(self) -> None:
        """Wait for the next report or the next timer, and do what it asks for."""
        due = min(timer.due for timer in self._timers)
        wait = max(0.0, due - self._monotonic())
        readable, _, _ = select.select([self._processes], [], [], min(wait, _LISTEN_SECONDS))
        if readable:
            for report in self._processes.reports():
                with self._connection.begin():
                    self._executor.report(self._connection, report, self._now())
        for timer in self._timers:
            if self._monotonic() >= timer.due:
                timer.due = self._monotonic() + timer.interval_seconds
                with self._connection.begin():
                    timer.action(self._connection, self._now())

    def close(self) -> None:
        """End the components in order; what was told is sent if somebody still listens."""
        self._pushes.send()
        with self._connection.begin():
            self._facts.stopped(self._connection, self._jobs, self._now())

    def _timetable(self, scheduler: Scheduler, user: User, pace: float) -> list[_Timer]:
        # Seconds to the first time, seconds between two, and what.
        table: list[tuple[float, float, Action]] = [
            (0.0, STEP_SECONDS, scheduler.step),
            (0.0, STEP_SECONDS, self._work),
            (0.0, 1.0, scheduler.look),
            (5.0, 5.0, self._live),
            (3.0, 20.0, self._facts.parsed),
            (10.0, 10.0, scheduler.find_lost),
            (60.0, 60.0, self._purge),
            (2.0, 8.0, user.trigger),
            (14.0, 20.0, user.clear_finished),
            (17.0, 30.0, user.clear_running),
            (23.0, 25.0, user.mark_task),
            (31.0, 40.0, user.mark_run),
        ]
        start = self._monotonic()
        return [_Timer(each / pace, action, start + first / pace) for first, each, action in table]

    def _work(self, connection: sa.Connection, now: datetime) -> None:
        self._processes.check()
        self._executor.launch(connection)
        self._executor.heartbeat(connection, now)
        self._pushes.send()

    def _live(self, connection: sa.Connection, now: datetime) -> None:
        self._facts.alive(connection, self._jobs, now)

    def _purge(self, connection: sa.Connection, now: datetime) -> None:
        for dag_id, run_id in self._runs.purged(connection, now - KEPT):
            for kept in (self._directory / _LOGS, dbt_path(self._directory)):
                folder = kept / f"dag_id={dag_id}" / f"run_id={run_id}"
                shutil.rmtree(folder, ignore_errors=True)

    def _replan(self, tables: Tables) -> None:
        """Leave out the runs that would have been due while no scheduler was there."""
        dag = tables.dag
        planned = sa.select(dag.c.dag_id, dag.c.next_dagrun_data_interval_start)
        for dag_id, start in self._connection.execute(planned).all():
            if start is not None:
                self._runs.planned(self._connection, BY_ID[dag_id], self._now(), after=start)


def dbt_path(directory: Path) -> Path:
    """Return where dbt leaves its results in the directory of a demo."""
    return directory.absolute() / _DBT
