"""Fixtures of the fault tests: databases with the tables of a real Airflow, quickly made."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import count

import pytest
import sqlalchemy as sa

from exporter.demo import schema
from tests.support.postgres import PostgresServer

TEMPLATE = "faults_template"


def with_airflow(dsn: str, version: str = "3.3", name: str | None = None) -> None:
    """Create the tables of an Airflow version, in a PostgreSQL schema of that name."""
    engine = sa.create_engine(dsn.replace("postgresql://", "postgresql+psycopg://"))
    try:
        schema.create(engine, version, name)
    finally:
        engine.dispose()


@pytest.fixture(scope="session")
def _template(postgres: PostgresServer) -> str:
    with_airflow(postgres.create_database(TEMPLATE))
    return TEMPLATE


@pytest.fixture(scope="session")
def _names() -> Iterator[int]:
    return count(1)


@pytest.fixture
def airflow_database(
    postgres: PostgresServer, _template: str, _names: Iterator[int]
) -> Iterator[str]:
    """Yield the name of a database with Airflow's tables on the session's PostgreSQL."""
    name = f"faults_{next(_names)}"
    postgres.create_database(name, _template)
    yield name
    postgres.drop_database(name)


@pytest.fixture
def execute(postgres: PostgresServer, airflow_database: str) -> Callable[[str], None]:
    """Return what runs one statement in that database as its owner."""

    def run(statement: str) -> None:
        with postgres.connect(airflow_database) as connection:
            connection.execute(statement)  # type: ignore[call-overload]

    return run
