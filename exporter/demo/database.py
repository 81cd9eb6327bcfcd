"""The demo's metadata database: one SQLite file with the tables of real Airflow 3.3."""

from __future__ import annotations

import random
import sqlite3
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any, cast
from uuid import UUID

import sqlalchemy as sa

from exporter.demo import schema

VERSION = "3.3"
_FILE = "airflow.db"
_BUSY_SECONDS = 10.0

Fill = Callable[[sa.Connection, "Tables"], None]


class Tables:
    """The tables that the demo writes, by Airflow's names."""

    def __init__(self, metadata: sa.MetaData) -> None:
        """Look them up."""
        self.task_instance = metadata.tables["task_instance"]
        self.history = metadata.tables["task_instance_history"]
        self.reschedule = metadata.tables["task_reschedule"]
        self.xcom = metadata.tables["xcom"]
        self.trigger = metadata.tables["trigger"]
        self.dag_run = metadata.tables["dag_run"]
        self.deadline = metadata.tables["deadline"]
        self.callback = metadata.tables["callback"]
        self.dag = metadata.tables["dag"]
        self.dag_version = metadata.tables["dag_version"]
        self.serialized_dag = metadata.tables["serialized_dag"]
        self.dag_bundle = metadata.tables["dag_bundle"]
        self.dag_tag = metadata.tables["dag_tag"]
        self.dag_owner_attributes = metadata.tables["dag_owner_attributes"]
        self.slot_pool = metadata.tables["slot_pool"]
        self.import_error = metadata.tables["import_error"]
        self.job = metadata.tables["job"]


def path(directory: Path) -> Path:
    """Return where the database of a demo is."""
    return directory / _FILE


def opened(directory: Path, fill: Fill) -> tuple[sa.Engine, Tables]:
    """Open the database of a directory; where there is none, create one and `fill` it."""
    if not path(directory).exists():
        _create(directory, fill)
    engine = _engine(path(directory))
    with engine.connect() as connection:
        # As Airflow 3 sets it: readers and the writer do not wait for one another.
        connection.exec_driver_sql("PRAGMA journal_mode=WAL")
    return engine, Tables(schema.load(VERSION))


def _create(directory: Path, fill: Fill) -> None:
    """Create under another name, so that a half-made database is never taken for one."""
    new = directory / f"{_FILE}.new"
    new.unlink(missing_ok=True)
    engine = _engine(new)
    try:
        with engine.begin() as connection:
            fill(connection, Tables(schema.create(connection, VERSION)))
    finally:
        engine.dispose()
    new.replace(path(directory))


def _engine(file: Path) -> sa.Engine:
    engine = sa.create_engine(
        f"sqlite:///{file}", poolclass=sa.pool.StaticPool,
        connect_args={"timeout": _BUSY_SECONDS, "check_same_thread": False},
    )  # fmt: skip

    @sa.event.listens_for(engine, "connect")
    def connected(connection: sqlite3.Connection, _record: object) -> None:
        connection.execute("PRAGMA foreign_keys=ON")
        # A demo may lose its last second in a power cut, and must not wear out a disk.
        connection.execute("PRAGMA synchronous=OFF")

    return engine


def inserted_id(result: sa.CursorResult[Any]) -> int:
    """Return the number that the database has given to the row that was inserted."""
    # The type says that there may be none, as for tables without a key.
    return int(cast("sa.Row[Any]", result.inserted_primary_key)[0])


def new_id(now: datetime, chance: random.Random) -> UUID:
    """Return a UUID of version 7, as Airflow 3 makes them (RFC 9562, section 5.7)."""
    milliseconds = int(now.timestamp() * 1000) & (1 << 48) - 1
    bits = milliseconds << 80 | chance.getrandbits(80)
    bits &= ~(0xF << 76 | 0x3 << 62)
    return UUID(int=bits | 0x7 << 76 | 0x2 << 62)
