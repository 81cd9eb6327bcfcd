"""One connection to the metadata database: short read-only transactions that cannot hang."""

from __future__ import annotations

import os
import socket
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import psycopg
from sqlalchemy import Connection, Engine, exc

from exporter.collectors.airflow.engine import engine
from exporter.dsn import Dsn
from exporter.errors import ConfigError, SourceTimeoutError, SourceUnavailableError

_CHANGED = (
    psycopg.errors.UndefinedTable,
    psycopg.errors.UndefinedColumn,
    psycopg.errors.InvalidSchemaName,
    psycopg.errors.InsufficientPrivilege,
)
_TIMEOUTS = {
    psycopg.errors.ConnectionTimeout: "the database did not let us in within the time",
    psycopg.errors.LockNotAvailable: "a table is locked, as by a migration",
    psycopg.errors.QueryCanceled: "the database cancelled a statement that took too long",
}


class SchemaChangedError(SourceUnavailableError):
    """A table, column or grant that the probe had found is gone."""


class Database:
    """The way to the metadata database; the address is read again on each reconnect.

    Raises SourceUnavailableError (SourceTimeoutError past the time, SchemaChangedError when the
    tables are not what they were); used by one thread, except for `interrupt` and `close`.
    """

    def __init__(self, dsn: Callable[[], Dsn], timeout_seconds: float) -> None:
        """Prepare; nothing is connected before the first transaction."""
        self._dsn = dsn
        self._timeout_seconds = timeout_seconds
        self._engine: Engine | None = None
        self._backend = ""
        self._file: Path | None = None
        """SQLite's file; None on PostgreSQL."""
        self._inode: tuple[int, int] | None = None
        """The device and inode that it was opened at."""
        self._secrets: tuple[str, ...] = ()
        self._connection: Any = None
        self._lock = threading.Lock()
        self._expired = False
        self.connects = 0
        """Connections made so far: a new one may lead to another database."""

    @contextmanager
    def transaction(self) -> Iterator[Connection]:
        """Open a read-only snapshot; past the time its socket is shut, whatever it waits for."""
        self._expired = False
        watchdog = threading.Timer(self._timeout_seconds, self._expire)
        watchdog.daemon = True
        watchdog.start()
        try:
            with self._connected() as connection, connection.begin():
                yield connection
        except (exc.SQLAlchemyError, psycopg.Error, sqlite3.Error, OSError) as error:
            raise self._translated(error) from None
        finally:
            watchdog.cancel()

    def interrupt(self) -> None:
        """Free the thread that waits for the database; its connection is lost."""
        with self._lock:
            driver = self._connection
        if isinstance(driver, sqlite3.Connection):
            driver.interrupt()
        elif driver is not None:
            with suppress(OSError, psycopg.Error):
                # A stalled peer defeats the server's and the kernel's time-outs. The duplicate
                # keeps the descriptor from being used again before it is shut.
                duplicate = socket.socket(fileno=os.dup(driver.fileno()))
                with duplicate:
                    duplicate.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Close the connection; the next transaction makes a new one."""
        engine, self._engine = self._engine, None
        if engine is not None:
            engine.dispose()

    @contextmanager
    def _connected(self) -> Iterator[Connection]:
        if _inode(self._file) != self._inode:
            # The open file would stay readable for ever, without what Airflow writes to the new.
            self.close()
        engine = self._engine or self._opened()
        with engine.connect() as connection:
            if self._backend == "postgresql":
                # In place: psycopg then opens each transaction with both, in one statement.
                connection.execution_options(
                    isolation_level="REPEATABLE READ", postgresql_readonly=True
                )
            with self._lock:
                self._connection = connection.connection.driver_connection
            try:
                yield connection
            finally:
                with self._lock:
                    self._connection = None

    def _opened(self) -> Engine:
        try:
            dsn = self._dsn()
        except ConfigError as error:
            raise SourceUnavailableError(str(error)) from None
        self._backend = dsn.backend
        self._file = Path(dsn.database) if dsn.backend == "sqlite" else None
        # Before it is opened: what is replaced in between is then noticed the next time.
        self._inode = _inode(self._file)
        self._secrets = dsn.secrets
        self._engine = engine(dsn, self._timeout_seconds)
        self.connects += 1
        return self._engine

    def _expire(self) -> None:
        self._expired = True
        self.interrupt()

    def _translated(self, error: Exception) -> SourceUnavailableError:
        original = getattr(error, "orig", None) or error
        kind, sentence = _verdict(original, self._first_line(original))
        if kind is SchemaChangedError:
            return SchemaChangedError(sentence)
        # Whatever it was: begin anew with a fresh connection and a fresh address.
        self.close()
        if self._expired:
            limit = f"{self._timeout_seconds:g} s"
            return SourceTimeoutError(f"the database did not answer within {limit}")
        return kind(sentence)

    def _first_line(self, error: BaseException) -> str:
        text = str(error)
        # Before anything is cut: half a password could not be recognised any more.
        for secret in sorted(self._secrets, key=len, reverse=True):
            text = text.replace(secret, "***")
        lines = text.strip().splitlines()
        return f"{type(error).__name__}: {lines[0][:200]}" if lines else type(error).__name__


def _inode(file: Path | None) -> tuple[int, int] | None:
    """Return what tells a file from another of the same name, None where there is none."""
    if file is None:
        return None
    try:
        found = file.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _verdict(error: BaseException, told: str) -> tuple[type[SourceUnavailableError], str]:
    """Return the kind of failure and a sentence; `told` is what the driver says of it."""
    of_sqlite = isinstance(error, sqlite3.OperationalError)
    if isinstance(error, _CHANGED) or (of_sqlite and "no such" in str(error)):
        return SchemaChangedError, f"the tables have changed: {told}"
    if of_sqlite and "locked" in str(error):
        return SourceTimeoutError, "the database is locked by another connection"
    for kind, sentence in _TIMEOUTS.items():
        if isinstance(error, kind):
            return SourceTimeoutError, sentence
    return SourceUnavailableError, f"the database cannot be read: {told}"
