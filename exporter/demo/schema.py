"""The tables of real Airflow versions, from the files that `make schemas` recorded."""

from __future__ import annotations

import json
import re
from datetime import datetime, timezone
from importlib.resources import files
from typing import Any, Final, TypedDict, cast
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.schema import CreateSchema, SchemaItem
from sqlalchemy.types import TypeEngine

from exporter.errors import ConfigError

VERSIONS: Final = ("2.10", "2.11", "3.0", "3.1", "3.2", "3.3")
"""The minor versions of Airflow that there are files of, oldest first."""


class UtcTimestamp(sa.TypeDecorator[datetime]):
    """A moment as Airflow stores it: timestamptz, and naive UTC text on SQLite.

    Takes aware datetimes only; returns them in UTC.
    """

    impl = sa.TIMESTAMP(timezone=True)
    cache_ok = True
    python_type = datetime

    def process_bind_param(self, value: datetime | None, dialect: sa.Dialect) -> datetime | None:
        """Return what the driver gets; raise ValueError for a naive datetime."""
        if value is None:
            return None
        if value.tzinfo is None:
            message = f"{value} has no time zone"
            raise ValueError(message)
        utc = value.astimezone(timezone.utc)
        return utc.replace(tzinfo=None) if dialect.name == "sqlite" else utc

    def process_result_value(self, value: datetime | None, dialect: sa.Dialect) -> datetime | None:
        """Return the stored moment in UTC."""
        if value is None:
            return None
        if dialect.name == "sqlite":
            return value.replace(tzinfo=timezone.utc)
        return value.astimezone(timezone.utc)


class DashedUuid(sa.TypeDecorator[UUID]):
    """A UUID as text with dashes: what Airflow 3.0 and 3.1 do to `task_instance.id` on SQLite."""

    impl = sa.String(36)
    cache_ok = True
    python_type = UUID

    def process_bind_param(self, value: UUID | None, dialect: sa.Dialect) -> str | None:  # noqa: ARG002
        """Return what the driver gets."""
        return None if value is None else str(value)

    def process_result_value(self, value: str | None, dialect: sa.Dialect) -> UUID | None:  # noqa: ARG002
        """Return the stored UUID."""
        return None if value is None else UUID(value)


class _Constraint(TypedDict):
    name: str
    columns: list[str]


class _Column(TypedDict, total=False):
    name: str
    type: str
    nullable: bool
    serial: bool
    dashed: bool
    default: str


class _ForeignKey(_Constraint, total=False):
    table: str
    referred: list[str]
    ondelete: str
    onupdate: str


class _Index(_Constraint, total=False):
    unique: bool
    where: str


class _Table(TypedDict, total=False):
    columns: list[_Column]
    primary_key: _Constraint
    unique: list[_Constraint]
    foreign_keys: list[_ForeignKey]
    indexes: list[_Index]


class _Recording(TypedDict):
    airflow: str
    revision: str
    tables: dict[str, _Table]


def load(version: str, schema: str | None = None) -> sa.MetaData:
    """Return the tables of a minor version; `schema` is one of PostgreSQL's, such as "airflow".

    `info` of the result holds the exact `airflow` version and the Alembic `revision`.
    Raises ConfigError for a version that is not in VERSIONS.
    """
    recording = _recording(version)
    info = {"airflow": recording["airflow"], "revision": recording["revision"]}
    metadata = sa.MetaData(schema=schema, info=info)
    for name, table in recording["tables"].items():
        _add(metadata, name, table)
    return metadata


def create(bind: sa.Engine | sa.Connection, version: str, schema: str | None = None) -> sa.MetaData:
    """Create every table of a minor version and enter its Alembic revision; return the tables.

    A connection stays in its transaction, which is the caller's to commit. A PostgreSQL schema
    is created if it is missing; tables must not exist.
    """
    if isinstance(bind, sa.Engine):
        with bind.begin() as connection:
            return create(connection, version, schema)
    metadata = load(version, schema)
    if schema is not None and bind.dialect.name == "postgresql":
        bind.execute(CreateSchema(schema, if_not_exists=True))
    metadata.create_all(bind, checkfirst=False)
    alembic_version = _table(metadata, "alembic_version")
    bind.execute(alembic_version.insert().values(version_num=metadata.info["revision"]))
    return metadata


def _recording(version: str) -> _Recording:
    if version not in VERSIONS:
        known = ", ".join(VERSIONS)
        message = f"The schema of Airflow {version} is not recorded; there are {known}."
        raise ConfigError(message)
    path = files(__package__) / "schemas" / f"airflow-{version}.json"
    return cast(_Recording, json.loads(path.read_text(encoding="utf-8")))


def _table(metadata: sa.MetaData, name: str) -> sa.Table:
    return metadata.tables[name if metadata.schema is None else f"{metadata.schema}.{name}"]


def _add(metadata: sa.MetaData, name: str, recorded: _Table) -> None:
    parts: list[SchemaItem] = [_column(column) for column in recorded["columns"]]
    key = recorded["primary_key"]
    parts.append(sa.PrimaryKeyConstraint(*key["columns"], name=key["name"]))
    parts.extend(
        sa.UniqueConstraint(*unique["columns"], name=unique["name"])
        for unique in recorded.get("unique", ())
    )
    parts.extend(_foreign_key(foreign) for foreign in recorded.get("foreign_keys", ()))
    table = sa.Table(name, metadata, *parts)
    for index in recorded.get("indexes", ()):
        _add_index(table, index)


def _column(recorded: _Column) -> sa.Column[Any]:
    default = recorded.get("default")
    return sa.Column(
        recorded["name"],
        _type("dashed uuid" if recorded.get("dashed") else recorded["type"]),
        nullable=recorded["nullable"],
        autoincrement=recorded.get("serial", False),
        server_default=None if default is None else sa.text(default),
    )


def _type(name: str) -> TypeEngine[Any]:
    if length := re.fullmatch(r"varchar\((\d+)\)", name):
        return sa.String(int(length[1]))
    # None is NULL in both JSON types, as it is where Airflow leaves a column out.
    types: dict[str, TypeEngine[Any]] = {
        "bigint": sa.BigInteger(),
        "boolean": sa.Boolean(),
        "bytea": sa.LargeBinary(),
        "dashed uuid": sa.Uuid().with_variant(DashedUuid(), "sqlite"),
        "double precision": sa.Float(),
        "integer": sa.Integer(),
        "json": sa.JSON(none_as_null=True),
        "jsonb": sa.JSON(none_as_null=True).with_variant(JSONB(none_as_null=True), "postgresql"),
        "text": sa.Text(),
        "timestamp": sa.DateTime(),
        "timestamptz": UtcTimestamp(),
        "uuid": sa.Uuid(),
    }
    return types[name]


def _foreign_key(recorded: _ForeignKey) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(
        recorded["columns"],
        [f"{recorded['table']}.{column}" for column in recorded["referred"]],
        name=recorded["name"],
        ondelete=recorded.get("ondelete"),
        onupdate=recorded.get("onupdate"),
    )


def _add_index(table: sa.Table, recorded: _Index) -> None:
    where = sa.text(recorded["where"]) if "where" in recorded else None
    sa.Index(
        recorded["name"],
        *(_index_column(table, column) for column in recorded["columns"]),
        unique=recorded.get("unique", False),
        postgresql_where=where,
        sqlite_where=where,
    )


def _index_column(table: sa.Table, recorded: str) -> sa.ColumnElement[Any]:
    name, _, direction = recorded.partition(" ")
    return table.c[name].desc() if direction == "desc" else table.c[name]
