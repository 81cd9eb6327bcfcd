"""The ledger's file: its tables, read whole, and written by changes."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path

from exporter.errors import ConfigError
from exporter.samples import Labels
from exporter.telemetry.amount import Amount, Held
from exporter.telemetry.change import Change, Total
from exporter.telemetry.native import Native

SCHEMA_VERSION = 2

_TABLES = """
CREATE TABLE total (
    family TEXT NOT NULL, labels TEXT NOT NULL,
    amount TEXT NOT NULL, pending TEXT, touched REAL NOT NULL,
    native TEXT, pending_native TEXT, created REAL,
    PRIMARY KEY (family, labels)) WITHOUT ROWID;
CREATE TABLE entry (
    collector TEXT NOT NULL, section TEXT NOT NULL, key TEXT NOT NULL, value TEXT NOT NULL,
    PRIMARY KEY (collector, section, key)) WITHOUT ROWID;
CREATE TABLE folding (family TEXT PRIMARY KEY) WITHOUT ROWID;
"""
_COLUMNS = "family, labels, amount, native, pending, pending_native, created, touched"
_MIGRATIONS = {
    1: """
ALTER TABLE total ADD COLUMN native TEXT;
ALTER TABLE total ADD COLUMN pending_native TEXT;
ALTER TABLE total ADD COLUMN created REAL;
""",
}
"""By the version that is left, what leads to the next one."""


@dataclass(frozen=True, slots=True)
class Saved:
    """A total as it was read from the file."""

    family: str
    labels: Labels
    total: float
    counts: list[int] | None
    native: Native | None
    pending: Amount | None
    created: float | None
    touched: float
    exemplar: None = None


def opened(path: Path) -> sqlite3.Connection:
    """Open and migrate the file; raise ConfigError when a newer version wrote it."""
    # One that is there keeps its mode: it may be another user's, whose group we are in.
    with suppress(FileExistsError):
        path.touch(0o600, exist_ok=False)
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=1.0)
    try:
        # FULL: what has been published must not be forgotten by a power cut, or Prometheus would
        # take the lower total for a counter reset and add the whole of it again.
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=FULL")
        # The file is written, hardly read: the usual two megabytes of cache would lie idle.
        connection.execute("PRAGMA cache_size=-256")
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
        steps = (
            [_MIGRATIONS[each] for each in range(version, SCHEMA_VERSION)] if version else [_TABLES]
        )
        # Also without a step: learn now, not at the first batch, whether the file can be written.
        connection.executescript(
            f"BEGIN IMMEDIATE; {''.join(steps)} PRAGMA user_version={SCHEMA_VERSION}; COMMIT;"
        )
    except BaseException:
        connection.close()
        raise
    return connection


def problem(path: Path) -> str | None:
    """Return what is wrong with a ledger's file, without changing it; None when nothing is."""
    if not path.exists():
        return None
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as found:
            verdict = found.execute("PRAGMA quick_check(1)").fetchone()[0]
            version = found.execute("PRAGMA user_version").fetchone()[0]
    except sqlite3.Error as error:
        return f"{path}: {error}"
    if verdict != "ok":
        return f"{path}: {verdict}"
    return f"{path} was written by a newer version" if version > SCHEMA_VERSION else None


def contents(connection: sqlite3.Connection) -> Change:
    """Return all that the file holds; raise ValueError or TypeError when it makes no sense."""
    change = Change()
    for family, labels, amount, native, pending, pending_native, created, touched in (
        connection.execute(f"SELECT {_COLUMNS} FROM total")  # noqa: S608 - a constant
    ):
        waits = _amount(pending, pending_native) if pending else None
        held = _amount(amount, native)
        label_set = tuple(json.loads(labels))
        change.put_total(
            Saved(family, label_set, held.total, held.counts, held.native, waits, created, touched)
        )
    for collector, section, key, value in connection.execute(
        "SELECT collector, section, key, value FROM entry"
    ):
        change.entries[collector, (section, key)] = value
    change.folding = {name: True for (name,) in connection.execute("SELECT family FROM folding")}
    return change


def apply(connection: sqlite3.Connection, change: Change, *, replace: bool = False) -> None:
    """Write a change in one transaction, in place of all there is when `replace` is set."""
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
        f"INSERT OR REPLACE INTO total ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",  # noqa: S608 - a constant
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


def _total_row(total: Total) -> tuple[object, ...]:
    pending = (None, None) if total.pending is None else _texts(total.pending)
    key = (total.family, json.dumps(total.labels))
    return (*key, *_texts(total), *pending, total.created, total.touched)


def _texts(amount: Held) -> tuple[str, str | None]:
    native = None if amount.native is None else json.dumps(amount.native.saved())
    return json.dumps([amount.total, *(amount.counts or ())]), native


def _amount(text: str, native: str | None) -> Amount:
    total, *counts = json.loads(text)
    amount = Amount()
    amount.total = float(total)
    amount.counts = [int(count) for count in counts] or None
    amount.native = None if native is None else Native.loaded(json.loads(native))
    return amount
