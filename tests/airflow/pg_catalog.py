"""What PostgreSQL's catalogue says about tables, in the form of the recorded schema files."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, inspect
from sqlalchemy.dialects import postgresql
from sqlalchemy.types import TypeEngine

if TYPE_CHECKING:
    from sqlalchemy.engine.interfaces import (
        ReflectedColumn,
        ReflectedForeignKeyConstraint,
        ReflectedIndex,
    )

_DIALECT = postgresql.dialect()  # type: ignore[no-untyped-call]
_SHORT = {
    "timestamp with time zone": "timestamptz",
    "timestamp without time zone": "timestamp",
}
_CAST = re.compile(r"::[a-z]+( [a-z]+)*")
_SURPLUS = re.compile(r"\((\w+)\)|^\((.*)\)$")


def described(
    connection: Connection, tables: Collection[str], schema: str | None = None
) -> dict[str, dict[str, Any]]:
    """Return columns, keys and indexes of those of `tables` that are there, by table name.

    Foreign keys to other tables are left out. Raises ValueError for what the files cannot say
    (an index on an expression, say): better no file than one that leaves something out.
    """
    inspector = inspect(connection)
    present = sorted(set(tables) & set(inspector.get_table_names(schema)))
    answer: dict[str, dict[str, Any]] = {}
    for name in present:
        if checks := inspector.get_check_constraints(name, schema):
            raise ValueError(f"{name} has check constraints: {checks}")
        key = inspector.get_pk_constraint(name, schema)
        parts: dict[str, Sequence[Any] | dict[str, Any]] = {
            "columns": [_column(name, column) for column in inspector.get_columns(name, schema)],
            "primary_key": {"name": key["name"], "columns": key["constrained_columns"]},
            "unique": [
                {"name": unique["name"], "columns": unique["column_names"]}
                for unique in _by_name(inspector.get_unique_constraints(name, schema))
            ],
            "foreign_keys": [
                _foreign_key(foreign)
                for foreign in _by_name(inspector.get_foreign_keys(name, schema))
                if foreign["referred_table"] in present
            ],
            "indexes": [
                _index(index)
                for index in _by_name(inspector.get_indexes(name, schema))
                if not index.get("duplicates_constraint")
            ],
        }
        answer[name] = {part: value for part, value in parts.items() if value}
    return answer


def _by_name(reflected: Sequence[Any]) -> list[Any]:
    return sorted(reflected, key=lambda item: item["name"])


def _type(kind: TypeEngine[Any]) -> str:
    name = kind.compile(dialect=_DIALECT).lower()
    return _SHORT.get(name, name)


def _column(table: str, column: ReflectedColumn) -> dict[str, Any]:
    if column.get("identity") or column.get("computed") or column.get("comment"):
        raise ValueError(f"{table}.{column['name']} is more than a plain column: {column}")
    described: dict[str, Any] = {
        "name": column["name"],
        "type": _type(column["type"]),
        "nullable": column["nullable"],
    }
    default = column["default"]
    if default is not None and default.startswith("nextval("):
        described["serial"] = True
    elif default is not None:
        literal = _CAST.sub("", default)
        described["default"] = literal.strip("'") if described["type"] == "integer" else literal
    return described


def _foreign_key(foreign: ReflectedForeignKeyConstraint) -> dict[str, Any]:
    described: dict[str, Any] = {
        "name": foreign["name"],
        "columns": foreign["constrained_columns"],
        "table": foreign["referred_table"],
        "referred": foreign["referred_columns"],
    }
    options = dict(foreign.get("options", {}))
    for action in ("ondelete", "onupdate"):
        if action in options:
            described[action] = options.pop(action)
    if options:
        raise ValueError(f"foreign key {foreign['name']} has more options: {options}")
    return described


def _index(index: ReflectedIndex) -> dict[str, Any]:
    if index.get("expressions") or index.get("include_columns"):
        raise ValueError(f"index {index['name']} is more than columns: {index}")
    order: Mapping[Any, tuple[str, ...]] = index.get("column_sorting", {})
    columns = [" ".join((str(name), *order.get(name, ()))) for name in index["column_names"]]
    described: dict[str, Any] = {"name": index["name"], "columns": columns}
    if index["unique"]:
        described["unique"] = True
    options = {name: value for name, value in index.get("dialect_options", {}).items() if value}
    if where := options.pop("postgresql_where", None):
        described["where"] = _SURPLUS.sub(r"\1\2", _CAST.sub("", _SURPLUS.sub(r"\1\2", where)))
    if options:
        raise ValueError(f"index {index['name']} has more options: {options}")
    return described
