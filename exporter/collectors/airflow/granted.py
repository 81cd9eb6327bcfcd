"""Which tables and columns of a database may be read.

A missing grant looks the same as a missing column: what is not granted is not there.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, TypeAlias

from sqlalchemy import Connection, Select, and_, column, func, select, table, text

Granted: TypeAlias = dict[str, dict[str, str]]
"""By table, the columns that may be read and their declared types."""

_MOST_SCHEMAS = 100
# information_schema shows what is granted, pg_catalog everything.
_COLUMNS = table(
    "columns",
    *map(column, ("table_schema", "table_name", "column_name", "data_type")),
    schema="information_schema",
)


def granted(connection: Connection, schema_name: str | None, tables: Collection[str]) -> Granted:
    """Return what may be read of some tables."""
    if connection.dialect.name == "postgresql":
        rows = connection.execute(_postgresql_columns(schema_name, tables))
    else:
        rows = connection.execute(
            text(
                "SELECT m.name, c.name, c.type"
                " FROM sqlite_master AS m, pragma_table_info(m.name) AS c WHERE m.type = 'table'"
            )
        )
    found: Granted = {}
    for table_name, column_name, kind in rows:
        found.setdefault(table_name, {})[column_name] = kind
    return found


def schemas_with(connection: Connection, table_name: str) -> list[str]:
    """Return the names of the schemas that have such a table; SQLite has no schemas."""
    if connection.dialect.name != "postgresql":
        return []
    statement = select(_COLUMNS.c.table_schema).where(_COLUMNS.c.table_name == table_name)
    return sorted({name for (name,) in connection.execute(statement.limit(_MOST_SCHEMAS))})


def _postgresql_columns(
    schema_name: str | None, tables: Collection[str]
) -> Select[tuple[Any, Any, Any]]:
    if schema_name is None:
        where = _COLUMNS.c.table_schema == func.any(func.current_schemas(False))
    else:
        where = _COLUMNS.c.table_schema == schema_name
    names = select(_COLUMNS.c.table_name, _COLUMNS.c.column_name, _COLUMNS.c.data_type)
    return names.where(and_(where, _COLUMNS.c.table_name.in_(list(tables))))
