"""A role that may read nothing but the columns that it was granted."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import psycopg
from psycopg import sql

from exporter.collectors.airflow.schema import READ
from tests.support.postgres import PostgresServer


class Reader:
    """A role that may read nothing but the columns that it was granted."""

    def __init__(self, postgres: PostgresServer, database: str) -> None:
        self._direct = database
        name = database.rpartition("/")[2]
        self.role = f"reader_{name}"
        postgres.create_role(self.role, "secret")
        self.dsn = postgres.dsn(name, self.role, "secret")

    def grant(self, *, leave_out: Mapping[str, str] | None = None) -> None:
        """Grant every column that the collector knows, but for one here and there."""
        with psycopg.connect(self._direct, autocommit=True) as connection:
            there = connection.execute(
                "SELECT table_name, column_name FROM information_schema.columns"
                " WHERE table_schema = 'public'"
            ).fetchall()
            for table, columns in READ.items():
                names = [
                    sql.Identifier(column)
                    for column in columns
                    if (table, column) in there and (leave_out or {}).get(table) != column
                ]
                if names:
                    self._run(connection, "GRANT SELECT ({}) ON {} TO {}", table, names)

    def revoke(self, table: str) -> None:
        """Take back every column of a table."""
        with psycopg.connect(self._direct, autocommit=True) as connection:
            columns = connection.execute(
                "SELECT column_name FROM information_schema.columns WHERE table_name = %s", (table,)
            ).fetchall()
            names = [sql.Identifier(column) for (column,) in columns]
            self._run(connection, "REVOKE SELECT ({}) ON {} FROM {}", table, names)

    def drop(self) -> None:
        with psycopg.connect(self._direct, autocommit=True) as connection:
            connection.execute(sql.SQL("DROP OWNED BY {}").format(sql.Identifier(self.role)))
            connection.execute(sql.SQL("DROP ROLE {}").format(sql.Identifier(self.role)))

    def _run(
        self,
        connection: psycopg.Connection[tuple[Any, ...]],
        statement: str,
        table: str,
        columns: list[sql.Identifier],
    ) -> None:
        what = sql.SQL(", ").join(columns)
        whom = sql.Identifier(self.role)
        connection.execute(sql.SQL(statement).format(what, sql.Identifier(table), whom))
