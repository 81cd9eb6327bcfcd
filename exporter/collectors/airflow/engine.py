"""SQLAlchemy's engine for the metadata database: one connection, nothing left in its session."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine import URL
from sqlalchemy.pool import QueuePool

from exporter.dsn import Dsn

APPLICATION_NAME = "airflow-perf-exporter"
SQLITE_BUSY_SECONDS = 0.25
MIN_CONNECT_SECONDS = 2
"""libpq takes no shorter connect_timeout."""


def engine(dsn: Dsn, timeout_seconds: float) -> Engine:
    """Make an engine of one connection that leaves nothing behind in a pooled session."""
    if dsn.backend == "sqlite":
        return _sqlite_engine(dsn)
    url = URL.create(
        "postgresql+psycopg",
        username=dsn.username,
        password=dsn.password,
        database=dsn.database or None,
        query={**dsn.query, **_hosts(dsn.hosts)},
    )
    return create_engine(
        url,
        poolclass=QueuePool,
        pool_size=1,
        max_overflow=0,
        hide_parameters=True,
        use_native_hstore=False,
        connect_args={
            "application_name": APPLICATION_NAME,
            "connect_timeout": max(MIN_CONNECT_SECONDS, int(timeout_seconds)),
            # Prepared statements live in a session that PgBouncer may hand to others.
            "prepare_threshold": None,
        },
    )


def _hosts(hosts: str) -> dict[str, str]:
    """Return libpq's `host` and `port` for one server or several."""
    if not hosts:
        return {}
    names, ports = [], []
    for each in hosts.split(","):
        name, colon, port = each.rpartition("]:" if each.startswith("[") else ":")
        if not colon:
            name, port = each.rstrip("]"), ""
        names.append(name.removeprefix("["))
        ports.append(port or "5432")
    return {"host": ",".join(names), "port": ",".join(ports)}


def _sqlite_engine(dsn: Dsn) -> Engine:
    path = Path(dsn.database).absolute()

    def connect() -> sqlite3.Connection:
        if not path.is_file():
            message = f"{path} does not exist"
            raise sqlite3.OperationalError(message)
        return sqlite3.connect(
            f"{path.as_uri()}?mode=ro",
            uri=True,
            timeout=SQLITE_BUSY_SECONDS,
            isolation_level=None,
            check_same_thread=False,
        )

    made = create_engine(
        "sqlite://", creator=connect, poolclass=QueuePool, pool_size=1, max_overflow=0,
        hide_parameters=True,
    )  # fmt: skip

    @event.listens_for(made, "begin")
    def begin(connection: Connection) -> None:
        # The driver would open no transaction for reads: each statement would see another state.
        connection.exec_driver_sql("BEGIN")

    return made
