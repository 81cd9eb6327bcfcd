"""Fixtures and settings of all tests: hypothesis profiles and one shared PostgreSQL."""

from __future__ import annotations

import os
from collections.abc import Iterator
from itertools import count

import pytest
from hypothesis import settings

from tests.support.postgres import NO_POSTGRES, PostgresServer, postgres_binaries
from tests.support.require import require

# No deadline: the machine is shared, and a slow example is no wrong one.
settings.register_profile("dev", deadline=None)
settings.register_profile("ci", deadline=None, derandomize=True, max_examples=50)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci" if "CI" in os.environ else "dev"))


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the option of `make golden`."""
    text = "write the golden scrape again instead of comparing"
    parser.addoption("--update-golden", action="store_true", help=text)


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """Yield the session's PostgreSQL; a test that stops it must start one of its own instead."""
    require(postgres_binaries(), NO_POSTGRES)
    server = PostgresServer.start()
    yield server
    server.close()


@pytest.fixture(scope="session")
def _database_names() -> Iterator[str]:
    return (f"test_{number}" for number in count(1))


@pytest.fixture
def database(postgres: PostgresServer, _database_names: Iterator[str]) -> Iterator[str]:
    """Yield the DSN of a fresh empty database and drop it afterwards."""
    name = next(_database_names)
    yield postgres.create_database(name)
    postgres.drop_database(name)
