"""The ledger: totals, collectors' memories and folds in one SQLite file, one transaction a batch.

Without a directory, or while the disk refuses, everything lives in memory only.
"""

from __future__ import annotations

import fcntl
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import IO, Final

import structlog

from exporter.clock import Clock
from exporter.errors import ConfigError
from exporter.telemetry import ledger_file
from exporter.telemetry.change import Change

RETRY_SECONDS = 30.0
"""How long to go on in memory before the disk is tried again."""
_MEANWHILE: Final = (
    "totals are kept in memory alone: after a restart they begin at 0, and what finished during it "
    "is not counted"
)


class Ledger:
    """One writer of `ledger.sqlite` in a state directory; raises ConfigError at start only.

    A file that another exporter has open, or that a newer version wrote, is a ConfigError.
    A full, read-only or corrupt disk is not: the process goes on in memory, says so once, and
    writes everything again when the disk takes it.
    """

    def __init__(self, directory: Path | None, clock: Clock) -> None:
        """Open the ledger below `directory`; None keeps everything in memory."""
        self._directory = directory
        self._clock = clock
        self._log = structlog.get_logger("exporter.telemetry.ledger")
        self._connection: sqlite3.Connection | None = None
        self._lock_file: IO[bytes] | None = None
        self._retry_at = 0.0
        self._loaded = False
        """Whether what the file held is in memory, so that the file may be written over."""
        if directory is not None:
            self._open_or_go_on(directory)

    @property
    def persistent(self) -> bool:
        """Tell whether what is counted is written to the disk."""
        return self._connection is not None

    def load(self) -> Change:
        """Return everything that the ledger holds."""
        if self._connection is None or self._directory is None:
            return Change()
        try:
            found = ledger_file.contents(self._connection)
        except (sqlite3.DatabaseError, ValueError, TypeError) as error:
            if isinstance(error, sqlite3.DatabaseError) and not _is_corrupt(error):
                self._fall(error)
            else:
                self._set_aside_corrupt(self._directory, error)
            return Change()
        self._loaded = True
        return found

    def write(self, change: Change, everything: Callable[[], Change]) -> None:
        """Write a change in one transaction; after a failure, `everything` when it heals."""
        if self._directory is None:
            return
        if self._connection is None:
            self._heal(self._directory, everything)
            return
        if not change:
            return
        try:
            ledger_file.apply(self._connection, change)
        except sqlite3.Error as error:
            self._fall(error)

    def close(self) -> None:
        """Close the file for good and free the directory for another process."""
        self._directory = None
        if self._connection is not None:
            self._connection.close()
            self._connection = None
        if self._lock_file is not None:
            self._lock_file.close()
            self._lock_file = None

    def _open_or_go_on(self, directory: Path) -> None:
        try:
            self._lock(directory)
            self._connection = ledger_file.opened(directory / "ledger.sqlite")
        except ConfigError:
            self.close()
            raise
        except (sqlite3.DatabaseError, OSError) as error:
            if _is_corrupt(error):
                self._set_aside_corrupt(directory, error)
            else:
                self._fall(error)

    def _lock(self, directory: Path) -> None:
        if self._lock_file is not None:
            return
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock_file = (directory / "ledger.lock").open("wb")
        try:
            fcntl.flock(lock_file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock_file.close()
            message = f"--state.path {directory}: another exporter is using this directory"
            raise ConfigError(message) from None
        except OSError:
            lock_file.close()
            raise
        self._lock_file = lock_file

    def _fall(self, error: Exception) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None
        self._retry_at = self._clock.monotonic() + RETRY_SECONDS
        self._log.warning(
            "ledger.unavailable",
            path=str(self._directory),
            reason=str(error),
            meanwhile=_MEANWHILE,
            retry_seconds=RETRY_SECONDS,
        )

    def _heal(self, directory: Path, everything: Callable[[], Change]) -> None:
        if self._clock.monotonic() < self._retry_at:
            return
        self._retry_at = self._clock.monotonic() + RETRY_SECONDS
        try:
            self._lock(directory)
            if not self._loaded:
                self._set_aside_unread(directory)
            connection = ledger_file.opened(directory / "ledger.sqlite")
        except (sqlite3.DatabaseError, OSError, ConfigError) as error:
            if not _is_corrupt(error):
                self._log.debug("ledger.still_unavailable", reason=str(error))
                return
            self._set_aside_corrupt(directory, error)
            # The new file is as empty as any other: what is in memory goes there, too.
            fresh, self._connection = self._connection, None
            if fresh is None:
                return
            connection = fresh
        try:
            ledger_file.apply(connection, everything(), replace=True)
        except sqlite3.Error as error:
            connection.close()
            self._log.debug("ledger.still_unavailable", reason=str(error))
            return
        self._connection = connection
        self._log.info("ledger.recovered")

    def _set_aside_unread(self, directory: Path) -> None:
        """Keep a file that could not be read at the start: counting went on without its totals."""
        path = directory / "ledger.sqlite"
        if path.exists():
            kept = _moved(path, "unread")
            self._log.error("ledger.unread", path=str(path), kept_as=kept.name)
        self._loaded = True

    def _set_aside_corrupt(self, directory: Path, error: Exception) -> None:
        """Keep a corrupt file under another name and begin a new one; nothing is deleted."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None
        path = directory / "ledger.sqlite"
        try:
            kept = _moved(path, "corrupt")
            self._log.error("ledger.corrupt", path=str(path), reason=str(error), kept_as=kept.name)
            self._loaded = True
            self._connection = ledger_file.opened(path)
        except (sqlite3.Error, OSError) as failure:
            self._fall(failure)


def _is_corrupt(error: Exception) -> bool:
    # Of the operational errors, only a table or column that is not there is the file's own fault.
    operational = isinstance(error, sqlite3.OperationalError) and "no such" not in str(error)
    return isinstance(error, sqlite3.DatabaseError) and not operational


def _moved(path: Path, why: str) -> Path:
    """Rename a ledger with all its parts to the next free name, and return that."""
    number = 1
    while (kept := path.with_name(f"{path.name}.{why}-{number}")).exists():
        number += 1
    for suffix in ("-wal", "-shm", ""):
        part = path.with_name(path.name + suffix)
        if part.exists():
            part.rename(kept.with_name(kept.name + suffix))
    return kept
