"""The demo: an Airflow installation in a directory, with a database and a workload."""

from __future__ import annotations

import fcntl
import random
import threading
from contextlib import ExitStack
from datetime import datetime, timezone
from pathlib import Path

import sqlalchemy as sa
import structlog

from exporter.clock import Clock
from exporter.demo import database, past, server
from exporter.demo.database import Tables
from exporter.demo.process import Processes
from exporter.demo.pushes import Pushes
from exporter.demo.workload import Workload, dbt_path
from exporter.dsn_source import DsnSource
from exporter.errors import ConfigError

_CLOSE_SECONDS = 1.0


class Demo:
    """An Airflow installation in a directory, alive between `start` and `stop`."""

    def __init__(
        self,
        directory: Path,
        clock: Clock | None = None,
        seed: int = 0,
        pace: float = 1.0,
        *,
        intake: str | None = None,
        token_file: Path | None = None,
        source: DsnSource | None = None,
    ) -> None:
        """Prepare; `pace` is how many times faster than life everything goes, for tests.

        `intake` is the address that tasks push to; without one nothing is pushed.
        `token_file` holds the bearer token that it asks for. `source` tells the address of a
        PostgreSQL database to write to; without one it is a file in the directory.
        """
        self._directory = directory.absolute()
        self._clock = clock or Clock()
        self._seed = seed
        self._pace = pace
        self._intake = intake
        self._token_file = token_file
        self._source = source
        self._log = structlog.get_logger("exporter.demo")
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self._close_seconds = _CLOSE_SECONDS

    @property
    def dsn(self) -> str:
        """The address of the metadata database."""
        if self._source is not None:
            return self._source.read()
        return f"sqlite:///{database.path(self._directory)}"

    def start(self) -> None:
        """Open or create the database, start the executor, and set the workload going.

        Raises ConfigError when another demo uses the directory, or the database is not a demo's.
        """
        with ExitStack() as stack:
            dbt_path(self._directory).mkdir(parents=True, exist_ok=True)
            stack.enter_context(_locked(self._directory))
            engine, tables = self._database()
            stack.callback(engine.dispose)
            connection = stack.enter_context(engine.connect())
            processes = Processes()
            stack.callback(lambda: processes.close(self._close_seconds))
            workload = self._workload(connection, tables, processes)
            stack.callback(workload.close)
            resources = stack.pop_all()
        self._stop.clear()
        self._thread = threading.Thread(
            target=self._run, args=(workload, resources), name="demo", daemon=True
        )
        self._thread.start()
        self._log.info("demo.started", directory=str(self._directory), executor=processes.pid)

    def stop(self, timeout_seconds: float) -> None:
        """End the workload and every process of it; raise TimeoutError if that fails."""
        thread, self._thread = self._thread, None
        if thread is None:
            return
        self._close_seconds = timeout_seconds
        self._stop.set()
        # The executor is given the time, and what is left of it is killed after that.
        thread.join(timeout_seconds + 2 * _CLOSE_SECONDS)
        if thread.is_alive():
            message = f"the demo did not stop within {timeout_seconds:g} s"
            raise TimeoutError(message)
        self._log.info("demo.stopped")

    @property
    def running(self) -> bool:
        """Tell whether the workload is alive."""
        return self._thread is not None and self._thread.is_alive()

    def _database(self) -> tuple[sa.Engine, Tables]:
        if self._source is None:
            return database.opened(self._directory, self._fill)
        return server.opened(self._source.dsn(), self._source.origin, self._fill)

    def _fill(self, connection: sa.Connection, tables: Tables) -> None:
        past.fill(connection, tables, self._now(), self._chance(), self._pace)

    def _workload(
        self, connection: sa.Connection, tables: Tables, processes: Processes
    ) -> Workload:
        return Workload(
            connection=connection,
            tables=tables,
            processes=processes,
            pushes=Pushes(self._intake, self._token_file),
            directory=self._directory,
            now=self._now,
            monotonic=self._clock.monotonic,
            chance=self._chance(),
            pace=self._pace,
        )

    def _run(self, workload: Workload, resources: ExitStack) -> None:
        try:
            with resources:
                while not self._stop.is_set():
                    workload.turn()
        except Exception:  # noqa: BLE001 - the exporter goes on, and its log says why the demo does not
            self._log.exception("demo.failed")

    def _now(self) -> datetime:
        return datetime.fromtimestamp(self._clock.wall(), timezone.utc)

    def _chance(self) -> random.Random:
        return random.Random(self._seed)  # noqa: S311 - nothing here is secret


def _locked(directory: Path) -> ExitStack:
    """Keep a second demo off the directory until the returned stack is closed."""
    stack = ExitStack()
    file = stack.enter_context((directory / "demo.lock").open("w"))
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        stack.close()
        message = f"--demo.path: another demo runs in {directory}."
        raise ConfigError(message) from None
    return stack
