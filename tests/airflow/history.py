"""What happened in an Airflow database, written down by triggers: its tables at any moment.

The server must have track_commit_timestamp on.

Airflow overwrites its rows, so the tables alone cannot tell what a gauge should have been a
minute ago, nor that a run ended twice. The triggers can: they record every changed row.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from typing import Any

import psycopg
from psycopg import sql

Row = dict[str, Any]
"""A row as JSON has it: moments are text in ISO format, in UTC."""

TABLES = (
    *("alembic_version", "dag", "dag_run", "dag_tag", "deadline", "import_error", "job"),
    *("slot_pool", "task_instance", "task_instance_history", "trigger"),
)
_DESIRED = "SELECT tablename FROM pg_tables WHERE schemaname = 'public' AND tablename = ANY(%s)"
# Pickles and whatever a task was called with are nobody's business here, and large.
_ROW = "to_jsonb({}) - 'executor_config' - 'next_kwargs' - 'encrypted_kwargs'"
_INSTALL = f"""
SET TIME ZONE 'UTC';
CREATE SCHEMA audit;
CREATE TABLE audit.event (
    id bigserial PRIMARY KEY,
    named text NOT NULL, before jsonb, after jsonb
);
CREATE FUNCTION audit.note() RETURNS trigger LANGUAGE plpgsql SET timezone = 'UTC' AS $$
BEGIN
    IF tg_op = 'INSERT' THEN
        INSERT INTO audit.event (named, after) VALUES (tg_table_name, {_ROW.format("NEW")});
    ELSIF tg_op = 'DELETE' THEN
        INSERT INTO audit.event (named, before) VALUES (tg_table_name, {_ROW.format("OLD")});
    ELSE
        INSERT INTO audit.event (named, before, after)
        VALUES (tg_table_name, {_ROW.format("OLD")}, {_ROW.format("NEW")});
    END IF;
    RETURN NULL;
END $$;
"""
# A scheduler's transaction stays open for seconds: what counts is when others could see it.
_EVENTS = """
SELECT extract(epoch FROM pg_xact_commit_timestamp(xmin))::float8, named, before, after
FROM audit.event ORDER BY pg_xact_commit_timestamp(xmin), id
"""


@dataclass(frozen=True)
class Tables:
    """The rows of the tables at one moment (Unix seconds); a table that is not there has none."""

    moment: float
    rows: dict[str, list[Row]]

    def __getitem__(self, name: str) -> list[Row]:
        """Return the rows of a table."""
        return self.rows.get(name, [])

    def has(self, name: str, column: str) -> bool:
        """Tell whether a table is there, is not empty, and has the column."""
        return any(column in row for row in self[name][:1])


@dataclass(frozen=True)
class Event:
    """One changed row; `before` is None for a new one, `after` for a deleted one."""

    moment: float
    """When its transaction was committed; all its changes have the same."""
    table: str
    before: Row | None
    after: Row | None


@dataclass(frozen=True)
class History:
    """The tables as they were when the recording began, and every change since."""

    start: Tables
    events: tuple[Event, ...]

    def moments(self) -> Iterator[Tables]:
        """Yield the tables after each transaction, in the order of their commits."""
        now = {name: list(rows) for name, rows in self.start.rows.items()}
        yield self.start
        for moment, events in groupby(self.events, key=lambda event: event.moment):
            now = dict(now)
            for event in events:
                rows = [row for row in now.get(event.table, []) if row != event.before]
                now[event.table] = rows + ([event.after] if event.after else [])
            yield Tables(moment, now)

    def changes(self, table: str, column: str, to: set[str]) -> Iterator[Row]:
        """Yield the row each time its column became one of some values."""
        for event in self.events:
            before, after = (event.before or {}).get(column), (event.after or {}).get(column)
            if event.table == table and event.after and before != after and after in to:
                yield event.after


def record(dsn: str) -> Tables:
    """Begin to record in a migrated database; return the tables as they are."""
    with psycopg.connect(dsn) as connection:
        connection.execute(_INSTALL)
        names = [name for (name,) in connection.execute(_DESIRED, [list(TABLES)])]
        for name in names:
            connection.execute(
                sql.SQL(
                    "CREATE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON {} "
                    "FOR EACH ROW EXECUTE FUNCTION audit.note()"
                ).format(sql.Identifier(name))
            )
        return _tables(connection, names)


def recorded(dsn: str, start: Tables) -> tuple[History, Tables]:
    """Return what was recorded since `start`, and the tables as they are, in one snapshot."""
    with psycopg.connect(dsn) as connection:
        connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        connection.execute("SET TIME ZONE 'UTC'")
        events = tuple(Event(*row) for row in connection.execute(_EVENTS))
        return History(start, events), _tables(connection, list(start.rows))


def _tables(connection: psycopg.Connection[Any], names: list[str]) -> Tables:
    rows = {}
    for name in names:
        query = sql.SQL("SELECT " + _ROW.format("t") + " FROM {} t").format(sql.Identifier(name))
        rows[name] = [row for (row,) in connection.execute(query)]
    (moment,) = connection.execute("SELECT extract(epoch FROM now())").fetchone() or (0,)
    return Tables(float(moment), rows)


def unix(row: Row, column: str) -> float | None:
    """Return a moment of a row in Unix seconds."""
    text = row.get(column)
    return None if text is None else datetime.fromisoformat(text).timestamp()
