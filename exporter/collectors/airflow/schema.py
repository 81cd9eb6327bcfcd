"""What the metadata database at hand offers: tables, columns and features, found by probing.

Versions are never trusted: a patch release may move the schema.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any, TypeAlias

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Connection,
    DateTime,
    Float,
    Integer,
    MetaData,
    String,
    Table,
    TypeDecorator,
    select,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.engine import Dialect
from sqlalchemy.types import NULLTYPE, TypeEngine

from exporter.collectors.airflow.granted import granted
from exporter.collectors.airflow.missing import explained, missing
from exporter.errors import SourceUnavailableError


class UtcDateTime(TypeDecorator[datetime]):
    """A moment in UTC: naive values, as SQLite and MySQL hold them, are UTC already."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Send what the backend compares with: naive UTC where it knows no time zones."""
        if value is None or dialect.name == "postgresql":
            return value
        return value.astimezone(timezone.utc).replace(tzinfo=None)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002 - SQLAlchemy's signature
        """Return an aware datetime in UTC."""
        if value is None:
            return None
        if value.tzinfo is None:
            return value.replace(tzinfo=timezone.utc)
        return value.astimezone(timezone.utc)


_Columns: TypeAlias = Mapping[str, TypeEngine[Any]]
_MOMENT: TypeEngine[Any] = UtcDateTime()
_TEXT: TypeEngine[Any] = String()
_INTEGER: TypeEngine[Any] = Integer()

_TRY: _Columns = {
    **dict.fromkeys(("dag_id", "task_id", "run_id", "state"), _TEXT),
    **dict.fromkeys(("map_index", "try_number"), _INTEGER),
    **dict.fromkeys(("start_date", "end_date", "queued_dttm", "scheduled_dttm"), _MOMENT),
    "duration": Float(),
    "pid": _INTEGER,
    **dict.fromkeys(("operator", "queue", "pool", "executor"), _TEXT),
}

_KINDS: _Columns = {"jsonb": JSONB()}
"""Types that are told from the database, for the columns whose type depends on the version."""

READ: Mapping[str, _Columns] = {
    "alembic_version": {"version_num": _TEXT},
    "task_instance": {
        **_TRY,
        "id": _TEXT,
        "pool_slots": _INTEGER,
        "last_heartbeat_at": _MOMENT,
        "job_id": _INTEGER,
    },
    "task_instance_history": _TRY,
    "dag_run": {
        "id": BigInteger(),
        **dict.fromkeys(("dag_id", "run_id", "run_type", "state"), _TEXT),
        **dict.fromkeys(("start_date", "end_date", "updated_at", "run_after"), _MOMENT),
        "data_interval_end": _MOMENT,
        "clear_number": _INTEGER,
    },
    "dag": {
        "dag_id": _TEXT,
        "owners": _TEXT,
        **dict.fromkeys(
            ("is_paused", "is_stale", "is_active", "exceeds_max_non_backfill"),
            Boolean(create_constraint=False),
        ),
        **dict.fromkeys(
            (
                "next_dagrun_create_after",
                "next_dagrun_data_interval_start",
                "next_dagrun_data_interval_end",
                "last_parsed_time",
            ),
            _MOMENT,
        ),
        **dict.fromkeys(("max_active_runs", "max_active_tasks"), _INTEGER),
        "last_parse_duration": Float(),
    },
    "dag_tag": {"dag_id": _TEXT, "name": _TEXT},
    "slot_pool": {
        "pool": _TEXT,
        "slots": _INTEGER,
        "include_deferred": Boolean(create_constraint=False),
    },
    "job": {
        "id": _INTEGER,
        **dict.fromkeys(("job_type", "state", "hostname"), _TEXT),
        "latest_heartbeat": _MOMENT,
    },
    "import_error": {"id": _INTEGER},
    "trigger": {"id": _INTEGER, "triggerer_id": _INTEGER},
    "deadline": {"id": _TEXT, "missed": Boolean(create_constraint=False)},
    "xcom": {
        **dict.fromkeys(("dag_id", "task_id", "run_id", "key"), _TEXT),
        "map_index": _INTEGER,
        "value": NULLTYPE,
    },
}
"""Every table and column that this collector may read."""

SERIALIZED: _Columns = {
    "dag_id": _TEXT,
    "data": NULLTYPE,
    **dict.fromkeys(("last_updated", "created_at"), _MOMENT),
}
"""What commands that look back may read of `serialized_dag`; the daemon never does."""

REQUIRED: Mapping[str, frozenset[str]] = {
    "task_instance": frozenset(_TRY) - {"scheduled_dttm"} | {"pool_slots"},
    "task_instance_history": frozenset(_TRY) - {"scheduled_dttm"},
    "dag_run": frozenset({"id", "dag_id", "run_id", "run_type", "state", "start_date", "end_date"}),
}
"""What counting tries cannot do without."""

FEATURES: Mapping[str, Mapping[str, frozenset[str]]] = {
    "dags": {"dag": frozenset({"dag_id", "is_paused"})},
    "dag_tags": {"dag_tag": frozenset({"dag_id", "name"})},
    "pools": {"slot_pool": frozenset({"pool", "slots"})},
    "components": {"job": frozenset({"job_type", "state", "hostname", "latest_heartbeat"})},
    "import_errors": {"import_error": frozenset({"id"})},
    "triggers": {"trigger": frozenset({"id", "triggerer_id"})},
    "deadlines": {"deadline": frozenset({"missed"})},
    "revision": {"alembic_version": frozenset({"version_num"})},
    "xcom": {"xcom": frozenset(READ["xcom"])},
}
"""What each optional part of a sample reads; a missing one costs that part alone."""

HEARTBEAT = "heartbeats"
"""The feature that finds finished tries by their heartbeat; without it runs are swept."""

_VERSIONS = {
    "22ed7efa9da2": "2.10",
    "5f2621c13b39": "2.11",
    "29ce7909c52b": "3.0",
    "fe199e1abd77": "3.0",
    "cc92b33c6709": "3.1",
    "509b94a1042d": "3.1",
    "1d6611b6ab7c": "3.2",
    "d2f4e1b3c5a7": "3.3",
}
"""Airflow minor version by alembic revision; 2.10.3 and later share 2.11's."""


@dataclass(frozen=True, slots=True)
class Schema:
    """The tables at hand, each with only the columns that may be read."""

    backend: str
    tables: Mapping[str, Table]
    revision: str | None

    @property
    def version(self) -> str | None:
        """The Airflow minor version, where the revision is a known one."""
        return _VERSIONS.get(self.revision or "")

    def has(self, name: str, *columns: str) -> bool:
        """Tell whether the table and all the columns may be read."""
        found = self.tables.get(name)
        return found is not None and all(column in found.c for column in columns)

    def features(self) -> dict[str, bool]:
        """Tell by name which optional features the database offers."""
        offered = {
            name: all(self.has(each, *columns) for each, columns in needs.items())
            for name, needs in FEATURES.items()
        }
        return {**offered, HEARTBEAT: self.heartbeat_in_row or self.heartbeat_in_job}

    @property
    def heartbeat_in_row(self) -> bool:
        """Tell whether a try's heartbeat is in its own row (Airflow 3)."""
        return self.has("task_instance", "last_heartbeat_at")

    @property
    def heartbeat_in_job(self) -> bool:
        """Tell whether a try's heartbeat is in the row of its job (Airflow 2)."""
        return self.has("task_instance", "job_id") and self.has(
            "job", "id", "job_type", "latest_heartbeat"
        )


def probed(
    connection: Connection, schema_name: str | None, read: Mapping[str, _Columns] = READ
) -> Schema:
    """Look for what is read; raise SourceUnavailableError when no tries can be counted."""
    backend = connection.dialect.name
    present = granted(connection, schema_name, read)
    if lacks := missing(REQUIRED, present):
        raise SourceUnavailableError(explained(connection, schema_name, lacks))
    metadata = MetaData(schema=schema_name if backend == "postgresql" else None)
    tables = {
        name: _table(metadata, name, columns, present[name])
        for name, columns in read.items()
        if name in present
    }
    return Schema(backend, tables, _revision(connection, tables))


def _table(metadata: MetaData, name: str, columns: _Columns, present: Mapping[str, str]) -> Table:
    # Where versions differ in the type as well, the statements that are sent differ.
    kinds = {each: _KINDS.get(present.get(each, ""), kind) for each, kind in columns.items()}
    return Table(name, metadata, *[Column(c, kind) for c, kind in kinds.items() if c in present])


def _revision(connection: Connection, tables: Mapping[str, Table]) -> str | None:
    versions = tables.get("alembic_version")
    if versions is None or "version_num" not in versions.c:
        return None
    return connection.execute(select(versions.c.version_num).limit(1)).scalar()
