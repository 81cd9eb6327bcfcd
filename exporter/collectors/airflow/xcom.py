"""What tries left in XCom: a few keys of known names, looked up by task instance, cut to size.

Airflow 3 keeps JSON: of an object only the fields that are wanted leave the database. Airflow 2
keeps bytes that hold JSON, or a pickle, which nothing here opens.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import (
    ColumnElement,
    Connection,
    LargeBinary,
    Select,
    String,
    Table,
    case,
    cast,
    func,
    literal,
    null,
    select,
)
from sqlalchemy.dialects.postgresql import JSONB

from exporter.collectors.airflow.keys import key_columns, pages, with_keys
from exporter.collectors.airflow.schema import Schema
from exporter.collectors.airflow.try_rows import live_rows
from exporter.errors import RejectedError
from exporter.model import TaskKey
from exporter.rows import dbt
from exporter.rows.claim import Claim
from exporter.rows.told import Names, told_under

TRIES_A_READING = 2_000
"""Task instances whose XCom is read at a time."""
RUN_RESULTS = "run_results"
"""The key under which Cosmos pushes dbt's run_results.json."""
_TRIES_A_STATEMENT = 500
MAX_STORED = 64 * 1024
"""Largest value, in bytes as stored, that is looked into."""
MAX_PAYLOAD = 32 * 1024
"""Most of it that leaves the database."""
MAX_RUN_RESULTS = 1024 * 1024
"""Largest run results, in bytes both as stored and as text."""
RUN_RESULTS_A_READING = 8 * 1024 * 1024
"""Bytes of run results, as text, in one reading; what is left waits for the next."""
PICKLED, TOO_LARGE, UNREADABLE = "pickled", "too_large", "unreadable"
_PICKLE = "80"
"""The first byte, in hexadecimal, of a pickle of protocol 2 or later."""
_LOOKED_INTO = [each.encode().hex() for each in '{"0123456789']
"""First bytes of objects, texts and numbers."""


@dataclass(frozen=True, slots=True)
class Reading:
    """What XCom tells of some task instances."""

    claims: Mapping[TaskKey, tuple[Claim, ...]] = field(default_factory=dict)
    unread: frozenset[TaskKey] = frozenset()
    """Task instances whose run results did not fit into this reading."""
    skipped: Mapping[str, int] = field(default_factory=dict)
    """Values that were not looked into, or made no sense, by reason."""


def is_offered(schema: Schema) -> bool:
    """Tell whether XCom is there and granted."""
    return schema.features()["xcom"]


def read(
    connection: Connection, schema: Schema, tries: Mapping[TaskKey, datetime], names: Names
) -> Reading:
    """Read what these tries, told by their starts, left; of those that another followed nothing."""
    if not is_offered(schema):
        return Reading()
    # A try's XCom goes when the next one starts: while the start stands, what is there is its own.
    rows = live_rows(connection, schema, tries.keys())
    keys = [row.key for row in rows if row.start == tries[row.key]]
    found = _Found(names)
    run_results: dict[TaskKey, int] = {}
    for page in pages(connection, keys, _TRIES_A_STATEMENT):
        for row in connection.execute(_values(connection, schema, page, names)):
            value = _Value(TaskKey(*row[:4]), *row[4:])
            if value.name == RUN_RESULTS and value.size <= MAX_RUN_RESULTS:
                run_results[value.key] = value.size
            else:
                found.take(value)
    now = _fitting(run_results)
    is_text = _is_jsonb(schema.tables["xcom"])
    for page in pages(connection, now):
        for row in connection.execute(_run_results(connection, schema, page)):
            found.take_run_results(TaskKey(*row[:4]), row[4], is_text=is_text)
    return Reading(found.claims, frozenset(run_results.keys() - now), found.skipped)


class _Value(NamedTuple):
    key: TaskKey
    name: str
    size: int
    first: str | None
    payload: str | bytes | None


class _Found:
    """Claims by task instance, as values come in."""

    def __init__(self, names: Names) -> None:
        self.claims: dict[TaskKey, tuple[Claim, ...]] = {}
        self.skipped: Counter[str] = Counter()
        self._names = names

    def take(self, value: _Value) -> None:
        if value.first == _PICKLE:
            self.skipped[PICKLED] += 1
        elif value.size > MAX_STORED or len(value.payload or "") > MAX_PAYLOAD:
            self.skipped[TOO_LARGE] += 1
        elif value.payload is not None:
            with self._reading():
                claim = told_under(value.name, _decoded(value.payload), self._names)
                self._add(value.key, () if claim is None else (claim,))

    def take_run_results(self, key: TaskKey, payload: str | bytes | None, *, is_text: bool) -> None:
        with self._reading():
            text = payload if is_text or payload is None else _decoded(payload)
            self._add(key, dbt.claims(dbt.cosmos_invocation(text if isinstance(text, str) else "")))

    @contextmanager
    def _reading(self) -> Iterator[None]:
        try:
            yield
        except RejectedError:
            self.skipped[UNREADABLE] += 1

    def _add(self, key: TaskKey, claims: tuple[Claim, ...]) -> None:
        self.claims[key] = (*self.claims.get(key, ()), *claims)


def _decoded(payload: str | bytes) -> object:
    try:
        return json.loads(payload)
    except (ValueError, RecursionError):
        message = "this is no JSON"
        raise RejectedError(message) from None


def _fitting(sizes: Mapping[TaskKey, int]) -> Collection[TaskKey]:
    """Return as many keys, one at least, as fit into one reading."""
    total = 0
    fitting: list[TaskKey] = []
    for key, size in sizes.items():
        total += size
        if fitting and total > RUN_RESULTS_A_READING:
            break
        fitting.append(key)
    return fitting


# Statements.


def _values(
    connection: Connection, schema: Schema, keys: Sequence[TaskKey], names: Names
) -> Select[Any]:
    xcom = schema.tables["xcom"]
    size, first, payload = _projection(connection, xcom, names)
    wanted = case((xcom.c.key == RUN_RESULTS, null()), (size > MAX_STORED, null()), else_=payload)
    statement = select(*key_columns(xcom), xcom.c.key, size, first, wanted)
    of_known_name = _key(xcom).in_([*names.keys, RUN_RESULTS])
    statement = statement.where(of_known_name, xcom.c.value.is_not(None))
    return with_keys(connection, statement, xcom, keys)


def _run_results(connection: Connection, schema: Schema, keys: Sequence[TaskKey]) -> Select[Any]:
    xcom = schema.tables["xcom"]
    value = xcom.c.value
    payload = _text_in(value) if _is_jsonb(xcom) else value
    statement = select(*key_columns(xcom), payload).where(
        _key(xcom) == RUN_RESULTS, value.is_not(None)
    )
    return with_keys(connection, statement, xcom, keys)


def _key(xcom: Table) -> ColumnElement[str]:
    # Not the bare column: of the index on it alone PostgreSQL may read all values of a name.
    return func.coalesce(xcom.c.key, "")


def _is_jsonb(xcom: Table) -> bool:
    return isinstance(xcom.c.value.type, JSONB)


def _projection(
    connection: Connection, xcom: Table, names: Names
) -> tuple[ColumnElement[Any], ColumnElement[Any], ColumnElement[Any]]:
    """Return the size of a value, its first byte in hexadecimal, and what is wanted of it."""
    value = xcom.c.value
    if _is_jsonb(xcom):
        return _size_of_json(xcom), null(), _of_json(value, names)
    if connection.dialect.name == "postgresql":
        size, first = func.octet_length(value), func.encode(func.substr(value, 1, 1), "hex")
    else:
        stored = cast(value, LargeBinary)
        size, first = func.length(stored), func.lower(func.hex(func.substr(stored, 1, 1)))
    return size, first, case((first.in_(_LOOKED_INTO), func.substr(value, 1, MAX_PAYLOAD + 1)))


def _size_of_json(xcom: Table) -> ColumnElement[Any]:
    """Return the bytes as stored, which may be compressed; of run results those of the text."""
    stored = func.pg_column_size(xcom.c.value)
    # What is stored as more is not unpacked at all: PostgreSQL packs up to 90 bytes into one.
    is_looked_into = (xcom.c.key == RUN_RESULTS) & (stored <= MAX_RUN_RESULTS)
    return func.coalesce(case((is_looked_into, func.octet_length(_text_in(xcom.c.value)))), stored)


def _text_in(value: ColumnElement[Any]) -> ColumnElement[Any]:
    """Return the text that a JSON value is, without quotes and escapes; NULL if it is none."""
    # Made to JSON text again, a control character takes six bytes, and 80 MB of them 20 s.
    return case((func.jsonb_typeof(value) == "string", value[()].astext))


def _of_json(value: ColumnElement[Any], names: Names) -> ColumnElement[Any]:
    """Return a number, a text that may be an object, or the wanted fields of an object, as text."""
    kind, text = func.jsonb_typeof(value), cast(value, String)
    pairs = [each for name in names.fields for each in (literal(name), value[name])]
    fields = func.jsonb_strip_nulls(func.jsonb_build_object(*pairs))
    # Either is the first character of the text itself: an object, or a text within the text.
    object_like = func.left(text, 2).in_(['"{', '"\\'])
    wanted = case(
        (kind == "number", text),
        ((kind == "string") & object_like, text),
        (kind == "object", cast(fields, String)),
    )
    return func.left(wanted, MAX_PAYLOAD + 1)
