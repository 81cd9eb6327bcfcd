"""The ledger: totals, collectors' memories and folds in one SQLite file, one transaction a batch.

Without a directory, or while the disk refuses, everything lives in memory only.
"""

from __future__ import annotations

import fcntl
import json
import os
import sqlite3
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

import structlog

from exporter.clock import Clock
from exporter.errors import ConfigError
from exporter.samples import EntryKey, Labels
from exporter.telemetry.table import Amount

SCHEMA_VERSION = 1
RETRY_SECONDS = 30.0
"""How long to go on in memory before the disk is tried again."""

_TABLES = """
CREATE TABLE total (
    family TEXT NOT NULL, labels TEXT NOT NULL,
    amount TEXT NOT NULL, pending TEXT, touched REAL NOT NULL,
    PRIMARY KEY (family, labels)) WITHOUT ROWID;
CREATE TABLE entry (
    collector TEXT NOT NULL, section TEXT NOT NULL, key TEXT NOT NULL, value TEXT NOT NULL,
    PRIMARY KEY (collector, section, key)) WITHOUT ROWID;
CREATE TABLE folding (family TEXT PRIMARY KEY) WITHOUT ROWID;
"""


@dataclass(frozen=True, slots=True)
class Total:
    """One child of a counter or histogram as the ledger keeps it."""

    family: str
    labels: Labels
    amount: Amount
    pending: Amount | None
    touched: float


@dataclass(slots=True)
class Change:
    """What one transaction writes."""

    totals: dict[tuple[str, Labels], Total] = field(default_factory=dict)
    removed: set[tuple[str, Labels]] = field(default_factory=set)
    entries: dict[tuple[str, EntryKey], str] = field(default_factory=dict)
    dropped: set[tuple[str, EntryKey]] = field(default_factory=set)
    folding: dict[str, bool] = field(default_factory=dict)

    def __bool__(self) -> bool:
        """Tell whether there is anything to write."""
        return any((self.totals, self.removed, self.entries, self.dropped, self.folding))

    def put_total(self, total: Total) -> None:
        """Write this total, whatever was noted of it before."""
        key = (total.family, total.labels)
        self.totals[key] = total
        self.removed.discard(key)

    def remove_total(self, family: str, labels: Labels) -> None:
        """Remove this total, whatever was noted of it before."""
        self.totals.pop((family, labels), None)
        self.removed.add((family, labels))

    def put_entry(self, collector: str, key: EntryKey, value: str) -> None:
        """Write this entry, whatever was noted of it before."""
        self.entries[collector, key] = value
        self.dropped.discard((collector, key))

    def drop_entry(self, collector: str, key: EntryKey) -> None:
        """Remove this entry, whatever was noted of it before."""
        self.entries.pop((collector, key), None)
        self.dropped.add((collector, key))


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
            return _contents(self._connection)
        except (sqlite3.DatabaseError, ValueError, TypeError) as error:
            if isinstance(error, sqlite3.DatabaseError) and not _is_corrupt(error):
                self._fall(error)
            else:
                self._set_aside(self._directory, error)
            return Change()

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
            _apply(self._connection, change)
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
            self._connection = _opened(directory / "ledger.sqlite")
        except ConfigError:
            self.close()
            raise
        except (sqlite3.DatabaseError, OSError) as error:
            if _is_corrupt(error):
                self._set_aside(directory, error)
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
        self._log.warning("ledger.unavailable", reason=str(error), retry_seconds=RETRY_SECONDS)

    def _heal(self, directory: Path, everything: Callable[[], Change]) -> None:
        if self._clock.monotonic() < self._retry_at:
            return
        self._retry_at = self._clock.monotonic() + RETRY_SECONDS
        try:
            self._lock(directory)
            connection = _opened(directory / "ledger.sqlite")
        except (sqlite3.DatabaseError, OSError, ConfigError) as error:
            if not _is_corrupt(error):
                self._log.debug("ledger.still_unavailable", reason=str(error))
                return
            self._set_aside(directory, error)
            # The new file is as empty as any other: what is in memory goes there, too.
            fresh, self._connection = self._connection, None
            if fresh is None:
                return
            connection = fresh
        try:
            _apply(connection, everything(), replace=True)
        except sqlite3.Error as error:
            connection.close()
            self._log.debug("ledger.still_unavailable", reason=str(error))
            return
        self._connection = connection
        self._log.info("ledger.recovered")

    def _set_aside(self, directory: Path, error: Exception) -> None:
        """Keep a corrupt file under another name and begin a new one; nothing is deleted."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None
        path = directory / "ledger.sqlite"
        kept = _free_name(path)
        self._log.error("ledger.corrupt", reason=str(error), kept_as=kept.name)
        try:
            for suffix in ("", "-wal", "-shm"):
                part = path.with_name(path.name + suffix)
                if part.exists():
                    part.rename(kept.with_name(kept.name + suffix))
            self._connection = _opened(path)
        except (sqlite3.Error, OSError) as failure:
            self._fall(failure)


def _is_corrupt(error: Exception) -> bool:
    # Of the operational errors, only a table or column that is not there is the file's own fault.
    operational = isinstance(error, sqlite3.OperationalError) and "no such" not in str(error)
    return isinstance(error, sqlite3.DatabaseError) and not operational


def _free_name(path: Path) -> Path:
    number = 1
    while (kept := path.with_name(f"{path.name}.corrupt-{number}")).exists():
        number += 1
    return kept


def _opened(path: Path) -> sqlite3.Connection:
    """Open and migrate the file; raise ConfigError when a newer version wrote it."""
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=1.0)
    try:
        # FULL: what has been published must not be forgotten by a power cut, or Prometheus would
        # take the lower total for a counter reset and add the whole of it again.
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=FULL")
        found = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
        if found != "ok":
            raise sqlite3.DatabaseError(found)  # noqa: TRY301 - one clean-up for every way out
        version = connection.execute("PRAGMA user_version").fetchone()[0]
        if version > SCHEMA_VERSION:
            message = (
                f"{path}: written by a newer version of the exporter (ledger format {version}, "
                f"this one knows {SCHEMA_VERSION}); upgrade, or give another --state.path"
            )
            raise ConfigError(message)  # noqa: TRY301 - one clean-up for every way out
        if version == 0:
            connection.executescript(
                f"BEGIN; {_TABLES} PRAGMA user_version={SCHEMA_VERSION}; COMMIT;"
            )
        else:
            # Learn now, not at the first batch, whether the file can be written.
            connection.execute("BEGIN IMMEDIATE")
            connection.execute(f"PRAGMA user_version={SCHEMA_VERSION}")
            connection.execute("COMMIT")
    except BaseException:
        connection.close()
        raise
    os.chmod(path, 0o600)  # noqa: PTH101 - the path may be a bytes-like of another encoding
    return connection


def _contents(connection: sqlite3.Connection) -> Change:
    change = Change()
    for family, labels, amount, pending, touched in connection.execute(
        "SELECT family, labels, amount, pending, touched FROM total"
    ):
        waits = _amount(pending) if pending else None
        label_set = tuple(json.loads(labels))
        change.put_total(Total(family, label_set, _amount(amount), waits, touched))
    for collector, section, key, value in connection.execute(
        "SELECT collector, section, key, value FROM entry"
    ):
        change.entries[collector, (section, key)] = value
    change.folding = {name: True for (name,) in connection.execute("SELECT family FROM folding")}
    return change


def _apply(connection: sqlite3.Connection, change: Change, *, replace: bool = False) -> None:
    connection.execute("BEGIN IMMEDIATE")
    try:
        if replace:
            for table in ("total", "entry", "folding"):
                connection.execute(f"DELETE FROM {table}")  # noqa: S608 - three constants
        _write(connection, change)
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def _write(connection: sqlite3.Connection, change: Change) -> None:
    connection.executemany(
        "INSERT OR REPLACE INTO total VALUES (?, ?, ?, ?, ?)",
        map(_total_row, change.totals.values()),
    )
    connection.executemany(
        "DELETE FROM total WHERE family = ? AND labels = ?",
        ((family, json.dumps(labels)) for family, labels in change.removed),
    )
    connection.executemany(
        "INSERT OR REPLACE INTO entry VALUES (?, ?, ?, ?)",
        ((collector, *key, value) for (collector, key), value in change.entries.items()),
    )
    connection.executemany(
        "DELETE FROM entry WHERE collector = ? AND section = ? AND key = ?",
        ((collector, *key) for collector, key in change.dropped),
    )
    for family, folds in change.folding.items():
        connection.execute("DELETE FROM folding WHERE family = ?", (family,))
        if folds:
            connection.execute("INSERT INTO folding VALUES (?)", (family,))


def _total_row(total: Total) -> tuple[str, str, str, str | None, float]:
    pending = None if total.pending is None else _text(total.pending)
    return (total.family, json.dumps(total.labels), _text(total.amount), pending, total.touched)


def _text(amount: Amount) -> str:
    return json.dumps([amount.total, *(amount.counts or ())])


def _amount(text: str) -> Amount:
    total, *counts = json.loads(text)
    amount = Amount()
    amount.total = float(total)
    amount.counts = [int(count) for count in counts] or None
    return amount
