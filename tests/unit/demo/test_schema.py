"""The recorded schemas on SQLite: made as real Airflow makes them there."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from importlib.resources import files
from itertools import count
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from exporter.demo import schema
from exporter.errors import ConfigError

_AFTERNOON = datetime(2025, 3, 1, 14, 30, 15, tzinfo=timezone(timedelta(hours=2)))
_UUID = UUID("0190a1b2-c3d4-7e5f-8a9b-0c1d2e3f4a5b")
_NUMBERS = count(1)


@pytest.fixture
def connection() -> Iterator[sa.Connection]:
    """Yield a connection to an empty SQLite database that enforces foreign keys."""
    engine = sa.create_engine("sqlite://")
    with engine.connect() as connection:
        connection.execute(sa.text("PRAGMA foreign_keys = ON"))
        yield connection
    engine.dispose()


@pytest.fixture(params=schema.VERSIONS)
def version(request: pytest.FixtureRequest) -> str:
    """Return every version in turn."""
    return str(request.param)


def _recorded(version: str) -> dict[str, Any]:
    path = files("exporter.demo") / "schemas" / f"airflow-{version}.json"
    return dict(json.loads(path.read_text()))


def _insert(connection: sa.Connection, table: sa.Table, **values: object) -> None:
    """Insert a row: the given values, and something in each other column that must have one."""
    filler: dict[type, object] = {
        bool: False,
        bytes: b"",
        datetime: _AFTERNOON,
        float: 0.5,
        int: next(_NUMBERS),
        str: f"text {next(_NUMBERS)}",
        UUID: UUID(int=next(_NUMBERS)),
    }
    for column in table.columns:
        required = not (column.nullable or column.server_default or column.autoincrement is True)
        if required and column.name not in values:
            # What JSON takes differs between the releases of SQLAlchemy: it is the one left over.
            values[column.name] = filler.get(column.type.python_type, {})
    connection.execute(table.insert().values(**values))


def _stored(connection: sa.Connection, column: str, table: str) -> tuple[str, Any]:
    bare: sa.ColumnElement[Any] = sa.literal_column(column)  # untyped: as SQLite has it
    query = sa.select(sa.func.typeof(bare), bare).select_from(sa.table(table))
    kind, value = connection.execute(query).one()
    return kind, value


def _with_task_instance(connection: sa.Connection, version: str, **values: object) -> sa.MetaData:
    metadata = schema.create(connection, version)
    tables = metadata.tables
    given: dict[str, object] = {"dag_id": "d", "run_id": "r"}
    if "dag_bundle" in tables:
        _insert(connection, tables["dag_bundle"], name="b")
        _insert(connection, tables["dag"], dag_id="d", bundle_name="b")
    if "dag_version" in tables:
        _insert(connection, tables["dag_version"], id=_UUID, dag_id="d", version_number=1)
        given["dag_version_id"] = _UUID
    _insert(connection, tables["dag_run"], id=1, dag_id="d", run_id="r")
    _insert(connection, tables["task_instance"], **{"task_id": "t", **given, **values})
    return metadata


def test_there_is_a_file_for_each_version_and_no_other() -> None:
    names = {path.name for path in (files("exporter.demo") / "schemas").iterdir()}
    assert names == {f"airflow-{version}.json" for version in schema.VERSIONS}


def test_an_unknown_version_is_refused_with_the_known_ones() -> None:
    with pytest.raises(ConfigError, match=r"Airflow 2\.9 .*2\.10, .*3\.3\.$"):
        schema.load("2.9")


def test_loading_a_version_makes_typed_tables(version: str) -> None:
    metadata = schema.load(version, schema="airflow")
    table = metadata.tables["airflow.task_instance"]
    assert metadata.info["airflow"].startswith(f"{version}.")
    assert table.c.start_date.type.python_type is datetime
    assert isinstance(table.c.dag_id.type, sa.String)
    assert table.c.dag_id.type.length == 250
    assert not table.c.dag_id.nullable


def test_creating_enters_the_revision(connection: sa.Connection, version: str) -> None:
    metadata = schema.create(connection, version)
    revisions = connection.scalars(sa.select(metadata.tables["alembic_version"].c.version_num))
    assert revisions.all() == [_recorded(version)["revision"]]


def test_creating_on_an_engine_commits(version: str, tmp_path: Path) -> None:
    engine = sa.create_engine(f"sqlite:///{tmp_path}/airflow.db", poolclass=sa.NullPool)
    metadata = schema.create(engine, version)
    assert set(sa.inspect(engine).get_table_names()) == set(metadata.tables)


def test_every_index_is_there(connection: sa.Connection, version: str) -> None:
    schema.create(connection, version)
    inspector = sa.inspect(connection)
    for name, table in _recorded(version)["tables"].items():
        recorded = {
            (index["name"], index.get("unique", False)) for index in table.get("indexes", ())
        }
        made = {(index["name"], bool(index["unique"])) for index in inspector.get_indexes(name)}
        assert made == recorded


def test_running_and_queued_runs_have_partial_indexes(
    connection: sa.Connection, version: str
) -> None:
    schema.create(connection, version)
    text = sa.text("SELECT sql FROM sqlite_master WHERE name = 'idx_dag_run_' || :s || '_dags'")
    for state in ("running", "queued"):
        statement = connection.scalar(text, {"s": state})
        assert statement.endswith(f"ON dag_run (state, dag_id) WHERE state = '{state}'")


def test_a_descending_index_column_stays_so(connection: sa.Connection) -> None:
    schema.create(connection, "3.3")
    text = "SELECT sql FROM sqlite_master WHERE name = 'idx_task_reschedule_ti_id_id_desc'"
    assert connection.scalar(sa.text(text)).endswith("(ti_id, id DESC)")


def test_a_task_instance_is_there_once(connection: sa.Connection, version: str) -> None:
    metadata = _with_task_instance(connection, version)
    extra = {"dag_version_id": _UUID} if version.startswith("3") else {}
    table = metadata.tables["task_instance"]
    with pytest.raises(IntegrityError, match="UNIQUE"):
        _insert(connection, table, task_id="t", dag_id="d", run_id="r", **extra)


def test_deleting_a_run_deletes_its_task_instances(connection: sa.Connection, version: str) -> None:
    tables = _with_task_instance(connection, version).tables
    connection.execute(tables["dag_run"].delete())
    assert connection.scalar(sa.select(sa.func.count()).select_from(tables["task_instance"])) == 0


def test_a_timestamp_is_stored_as_naive_utc_and_comes_back_aware(
    connection: sa.Connection, version: str
) -> None:
    metadata = _with_task_instance(connection, version, start_date=_AFTERNOON)
    stored = _stored(connection, "start_date", "task_instance")
    assert stored == ("text", "2025-03-01 12:30:15.000000")
    read = connection.scalar(sa.select(metadata.tables["task_instance"].c.start_date))
    assert read == _AFTERNOON
    assert read.tzinfo is timezone.utc


def test_a_naive_timestamp_is_refused(connection: sa.Connection) -> None:
    metadata = schema.create(connection, "3.3")
    row = {"latest_heartbeat": _AFTERNOON.replace(tzinfo=None)}
    with pytest.raises(sa.exc.StatementError, match="no time zone"):
        connection.execute(metadata.tables["job"].insert().values(**row))


@pytest.mark.parametrize(
    ("version", "text"),
    [("3.0", str(_UUID)), ("3.1", str(_UUID)), ("3.2", _UUID.hex), ("3.3", _UUID.hex)],
)
def test_a_uuid_is_stored_as_that_version_does(
    connection: sa.Connection, version: str, text: str
) -> None:
    metadata = _with_task_instance(connection, version, id=_UUID)
    assert _stored(connection, "id", "task_instance") == ("text", text)
    assert connection.scalar(sa.select(metadata.tables["task_instance"].c.id)) == _UUID
    assert _stored(connection, "id", "dag_version") == ("text", _UUID.hex)


@pytest.mark.parametrize(
    ("version", "value", "stored"),
    [
        ("2.11", b'{"rows": 7}', ("blob", b'{"rows": 7}')),
        ("3.3", {"rows": 7}, ("text", '{"rows": 7}')),
        # The declared type JSON means numeric to SQLite: a bare number is stored as one.
        ("3.3", 777, ("integer", 777)),
        ("3.3", None, ("null", None)),
    ],
)
def test_an_xcom_is_stored_as_that_version_does(
    connection: sa.Connection, version: str, value: object, stored: tuple[str, object]
) -> None:
    tables = _with_task_instance(connection, version).tables
    key = {"dag_run_id": 1, "dag_id": "d", "run_id": "r", "task_id": "t", "key": "k"}
    _insert(connection, tables["xcom"], **key, value=value)
    assert _stored(connection, "value", "xcom") == stored
    assert connection.scalar(sa.select(tables["xcom"].c.value)) == value
