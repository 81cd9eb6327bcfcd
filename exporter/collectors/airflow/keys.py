"""Keys of task instances and runs: looked up many at a time, their texts held once."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from sys import intern
from typing import Any, TypeVar

from sqlalchemy import (
    ARRAY,
    Column,
    ColumnElement,
    Connection,
    FromClause,
    Integer,
    Select,
    String,
    Table,
    and_,
    bindparam,
    func,
    tuple_,
)

from exporter.model import TaskKey

T = TypeVar("T")
KEYS_A_STATEMENT = 5_000
"""Keys looked up in one statement on PostgreSQL; a longer list takes several."""
_KEYS_A_STATEMENT_SQLITE = 200


def key_columns(source: Table) -> tuple[Column[Any], ...]:
    """Return the columns of a TaskKey."""
    return (source.c.dag_id, source.c.task_id, source.c.run_id, source.c.map_index)


def interned(row: Sequence[Any]) -> list[Any]:
    """Return a row whose texts are one object with their equals: most are kept, many times over."""
    return [intern(value) if type(value) is str else value for value in row]


def pages(
    connection: Connection, keys: Collection[T], most: int = KEYS_A_STATEMENT
) -> Iterator[Sequence[T]]:
    """Yield the keys in as many parts as they take statements, of at most so many each."""
    postgresql = connection.dialect.name == "postgresql"
    size = most if postgresql else min(most, _KEYS_A_STATEMENT_SQLITE)
    ordered = list(keys)
    for position in range(0, len(ordered), size):
        yield ordered[position : position + size]


def with_keys(
    connection: Connection, statement: Select[Any], source: Table, keys: Sequence[TaskKey]
) -> Select[Any]:
    """Restrict a statement to rows with these keys, in the form whose plan uses the index."""
    if connection.dialect.name != "postgresql":
        return statement.where(tuple_(*key_columns(source)).in_(keys))
    kinds = dict.fromkeys(("dag_id", "task_id", "run_id"), String())
    wanted = unnested(keys, {**kinds, "map_index": Integer()})
    return statement.join(wanted, same_key(source, wanted))


def same_key(source: FromClause, other: FromClause) -> ColumnElement[bool]:
    """Tell whether rows are of one task instance, so that `source` is read by its unique index."""
    # Equal, said in the order of the unique index, which is then the only one that serves. Of plain
    # equalities PostgreSQL picks an index without map_index and reads the whole run for each key.
    names = ("task_id", "run_id", "map_index")
    rest, other_rest = (tuple_(*[each.c[name] for name in names]) for each in (source, other))
    return and_(
        source.c.dag_id == other.c.dag_id,
        source.c.map_index == other.c.map_index,
        rest >= other_rest,
        rest <= other_rest,
    )


def with_runs(
    connection: Connection, statement: Select[Any], source: Table, names: Sequence[tuple[str, str]]
) -> Select[Any]:
    """Restrict a statement to rows with these (dag id, run id)."""
    if connection.dialect.name != "postgresql":
        return statement.where(tuple_(source.c.dag_id, source.c.run_id).in_(names))
    wanted = unnested(names, {"dag_id": String(), "run_id": String()})
    return statement.join(
        wanted, and_(source.c.dag_id == wanted.c.dag_id, source.c.run_id == wanted.c.run_id)
    )


def among(
    connection: Connection, source: Column[Any], values: Sequence[int]
) -> ColumnElement[bool]:
    """Tell whether a column holds one of the values."""
    if connection.dialect.name != "postgresql":
        return source.in_(values)
    array = bindparam("among", list(values), ARRAY(Integer()), unique=True)
    return source == func.any(array)


def unnested(rows: Sequence[Sequence[Any]], columns: dict[str, Any]) -> Any:  # noqa: ANN401 - a table-valued alias
    """Return a table of these rows; PostgreSQL only."""
    arrays = [
        bindparam(f"wanted_{name}", [row[position] for row in rows], ARRAY(kind), unique=True)
        for position, (name, kind) in enumerate(columns.items())
    ]
    return func.unnest(*arrays).table_valued(*columns, name="wanted").render_derived()
