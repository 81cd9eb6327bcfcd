"""Databases of each kind, and collectors on them that end with the test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from exporter.demo import schema
from tests.integration.collectors.airflow.reader import Reader
from tests.integration.collectors.airflow.subject import Make, Subject
from tests.integration.collectors.airflow.world import World, made
from tests.support.postgres import PostgresServer


@pytest.fixture(params=["postgresql", "sqlite"])
def address(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Return the DSN of an empty database of each kind."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'airflow.db'}"
    return str(request.getfixturevalue("database"))


@pytest.fixture
def newest(database: str) -> World:
    """Return the known world in the newest version, on PostgreSQL."""
    world = made(database, schema.VERSIONS[-1])
    world.fill()
    return world


@pytest.fixture
def reader(postgres: PostgresServer, database: str) -> Iterator[Reader]:
    """Return a role of the database's own that may read nothing yet."""
    reader = Reader(postgres, database)
    yield reader
    reader.drop()


@pytest.fixture
def subject() -> Iterator[Make]:
    """Return what makes subjects; they are closed at the end."""
    made: list[Subject] = []

    def make(*arguments: Any, **options: Any) -> Subject:
        made.append(Subject(*arguments, **options))
        return made[-1]

    yield make
    for each in made:
        each.close()
