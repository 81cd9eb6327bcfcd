"""The recorded schemas on PostgreSQL: what is made from a file is what the file says."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from importlib.resources import files
from typing import Any

import pytest
import sqlalchemy as sa

from exporter.demo import schema
from tests.airflow.pg_catalog import described

_AFTERNOON = datetime(2025, 3, 1, 14, 30, 15, 123456, tzinfo=timezone(timedelta(hours=2)))


@pytest.fixture
def engine(database: str) -> Iterator[sa.Engine]:
    """Yield an engine on an empty database."""
    url = database.replace("postgresql:", "postgresql+psycopg:", 1)
    engine = sa.create_engine(url, poolclass=sa.NullPool)
    yield engine
    engine.dispose()


def _recorded(version: str) -> dict[str, Any]:
    path = files("exporter.demo") / "schemas" / f"airflow-{version}.json"
    tables = dict(json.loads(path.read_text())["tables"])
    for table in tables.values():
        for column in table["columns"]:
            column.pop("dashed", None)  # says something about SQLite
    return tables


@pytest.mark.parametrize("name", [None, "airflow"])
@pytest.mark.parametrize("version", schema.VERSIONS)
def test_a_made_schema_is_the_recorded_one(
    engine: sa.Engine, version: str, name: str | None
) -> None:
    recorded = _recorded(version)
    metadata = schema.create(engine, version, name)
    with engine.connect() as connection:
        assert described(connection, recorded, name) == recorded
        assert sa.inspect(connection).get_table_names(name) != []
        alembic_version = sa.table("alembic_version", sa.column("version_num"), schema=name)
        revisions = connection.scalars(sa.select(alembic_version.c.version_num)).all()
    assert revisions == [metadata.info["revision"]]


def test_a_connection_stays_in_the_callers_transaction(engine: sa.Engine) -> None:
    with engine.connect() as connection:
        schema.create(connection, "3.3")
        connection.rollback()
    assert sa.inspect(engine).get_table_names() == []


def test_values_come_back_as_they_went_in(engine: sa.Engine) -> None:
    tables = schema.create(engine, "2.11").tables
    row = {"job_type": "SchedulerJob", "latest_heartbeat": _AFTERNOON}
    with engine.connect() as connection:
        inserted = connection.execute(tables["job"].insert().values(**row))
        assert inserted.inserted_primary_key == (1,)
        read = connection.scalar(sa.select(tables["job"].c.latest_heartbeat))
    assert read == _AFTERNOON
    assert read.tzinfo is timezone.utc
