"""The demo's metadata database on a PostgreSQL server, where others can sample it."""

from __future__ import annotations

from typing import Final

import sqlalchemy as sa
from sqlalchemy.schema import SetTableComment

from exporter.collectors.airflow.engine import engine
from exporter.demo import schema
from exporter.demo.database import VERSION, Fill, Tables
from exporter.dsn import Dsn
from exporter.errors import ConfigError

_CONNECT_SECONDS: Final = 10.0
_MARKED: Final = "alembic_version"
_MARK: Final = "the demo of airflow-perf-exporter"


def opened(dsn: Dsn, origin: str, fill: Fill) -> tuple[sa.Engine, Tables]:
    """Open a database that is the demo's; one without tables becomes it, and is filled.

    Raises ConfigError, after `origin`, for a database that holds anything else: a real Airflow
    is never written to.
    """
    if dsn.backend != "postgresql":
        message = f"{origin}: the demo writes to PostgreSQL, or to a file of its own"
        raise ConfigError(message)
    server = engine(dsn, _CONNECT_SECONDS)
    try:
        with server.begin() as connection:
            _make(connection, origin, fill)
    except sa.exc.DBAPIError as error:
        server.dispose()
        message = f"{origin}: the database cannot be written to ({type(error.orig).__name__})"
        raise ConfigError(message) from None
    except BaseException:
        server.dispose()
        raise
    return server, Tables(schema.load(VERSION))


def _make(connection: sa.Connection, origin: str, fill: Fill) -> None:
    inspector = sa.inspect(connection)
    names = inspector.get_table_names()
    if _MARKED in names and inspector.get_table_comment(_MARKED)["text"] == _MARK:
        return
    if names:
        message = f"{origin}: the database holds tables that are not the demo's"
        raise ConfigError(message)
    metadata = schema.create(connection, VERSION)
    table = metadata.tables[_MARKED]
    table.comment = _MARK
    connection.execute(SetTableComment(table))
    fill(connection, Tables(metadata))
