"""The health of the metadata database itself: sizes, dead rows, slow statements."""

from __future__ import annotations

from typing import NamedTuple

from sqlalchemy import Connection, Float, Integer, String, cast, column, func, or_, select, table

TABLES = 12
STATEMENTS = 8
MAX_CHARACTERS = 160
_VERBS = ("SELECT", "INSERT", "UPDATE", "DELETE", "WITH")

_USER_TABLES = table(
    "pg_stat_user_tables",
    *map(column, ("relid", "schemaname", "relname", "n_live_tup", "n_dead_tup")),
    schema="pg_catalog",
)
_STATEMENTS = table(
    "pg_stat_statements",
    *map(column, ("query", "calls", "total_exec_time", "mean_exec_time", "dbid")),
)
_DATABASES = table("pg_database", *map(column, ("oid", "datname")), schema="pg_catalog")


class TableHealth(NamedTuple):
    """One table as PostgreSQL's statistics see it; bytes with its indexes."""

    name: str
    size_bytes: int
    live_rows: int
    dead_rows: int


class Statement(NamedTuple):
    """A statement without its values, as pg_stat_statements sums it up."""

    text: str
    calls: int
    total_seconds: float
    mean_seconds: float


def tables(connection: Connection, schema_name: str | None) -> list[TableHealth]:
    """Return the largest tables of Airflow's schema; PostgreSQL only."""
    each = _USER_TABLES.c
    size = func.pg_total_relation_size(each.relid)
    ours = (
        each.schemaname == func.any(func.current_schemas(False))
        if schema_name is None
        else each.schemaname == schema_name
    )
    statement = select(cast(each.relname, String), size, each.n_live_tup, each.n_dead_tup)
    found = connection.execute(statement.where(ours).order_by(size.desc()).limit(TABLES))
    return [TableHealth(*row) for row in found]


def slow_statements(connection: Connection) -> list[Statement]:
    """Return what took most time in this database, where pg_stat_statements may be read.

    Statements with values in them, as those that set a password, are left out.
    """
    each = _STATEMENTS.c
    ours = select(_DATABASES.c.oid).where(_DATABASES.c.datname == func.current_database())
    verb = or_(*[func.upper(func.ltrim(each.query)).startswith(verb) for verb in _VERBS])
    seconds = cast(each.total_exec_time, Float) / 1000, cast(each.mean_exec_time, Float) / 1000
    text = func.left(func.regexp_replace(each.query, r"\s+", " ", "g"), MAX_CHARACTERS)
    statement = select(text, cast(each.calls, Integer), *seconds)
    found = connection.execute(
        statement.where(each.dbid == ours.scalar_subquery(), verb)
        .order_by(each.total_exec_time.desc())
        .limit(STATEMENTS)
    )
    return [Statement(*row) for row in found]
