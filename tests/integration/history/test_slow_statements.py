"""Slow statements, of a PostgreSQL server that has pg_stat_statements."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import NullPool, create_engine

from exporter.history.health import MAX_CHARACTERS, STATEMENTS, Statement, slow_statements
from tests.support.postgres import PostgresServer
from tests.support.require import require

LIBRARY = "lib/pg_stat_statements.so"


@pytest.fixture(scope="module")
def server() -> Iterator[PostgresServer]:
    found = sorted(Path("/usr/lib/postgresql").glob(f"*/{LIBRARY}"))
    require(found, "there is no PostgreSQL with pg_stat_statements: install postgresql")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TEST_POSTGRES_BIN", str(found[-1].parents[1] / "bin"))
        server = PostgresServer.start(settings={"shared_preload_libraries": "pg_stat_statements"})
    yield server
    server.close()


@pytest.fixture
def database(server: PostgresServer) -> Iterator[psycopg.Connection]:
    server.create_database("airflow")
    with server.connect("airflow") as connection:
        connection.execute("CREATE EXTENSION pg_stat_statements")
        connection.execute("SELECT pg_stat_statements_reset()")
        yield connection
    server.drop_database("airflow")
    server.drop_role("reader")


def told(server: PostgresServer, user: str = "postgres", password: str = "") -> list[Statement]:
    dsn = server.dsn("airflow", user, password).replace("postgresql:", "postgresql+psycopg:")
    with create_engine(dsn, poolclass=NullPool).connect() as connection:
        return slow_statements(connection)


def test_statements_are_summed_up_without_their_values_the_costliest_first(
    server: PostgresServer, database: psycopg.Connection
) -> None:
    for _ in range(3):
        database.execute("SELECT\n    pg_sleep(0.02),   'hush'")
    database.execute("SELECT 1 AS cheap, pg_sleep(0.001)")
    first, *others = told(server)
    assert first.text == "SELECT pg_sleep($1), $2"
    assert first.calls == 3
    assert first.total_seconds >= 0.06
    assert first.mean_seconds == pytest.approx(first.total_seconds / 3)
    assert "SELECT $1 AS cheap, pg_sleep($2)" in [each.text for each in others]


def test_what_may_hold_a_secret_or_is_another_database_s_is_left_out(
    server: PostgresServer, database: psycopg.Connection
) -> None:
    database.execute("CREATE ROLE reader LOGIN PASSWORD 'hush'")
    with server.connect() as elsewhere:
        elsewhere.execute("SELECT 'elsewhere', pg_sleep(0.05)")
    assert not [each for each in told(server) if "hush" in each.text or "elsewhere" in each.text]


def test_long_statements_are_cut_and_so_is_their_number(
    server: PostgresServer, database: psycopg.Connection
) -> None:
    for number in range(STATEMENTS + 3):
        columns = ", ".join(map(str, range(60 + number)))
        database.execute(f"SELECT {columns}, pg_sleep(0.002)")
    found = told(server)
    assert len(found) == STATEMENTS
    assert max(len(each.text) for each in found) == MAX_CHARACTERS


def test_a_role_without_rights_on_others_statements_is_told_none_of_their_text(
    server: PostgresServer, database: psycopg.Connection
) -> None:
    database.execute("SELECT 'of somebody else', pg_sleep(0.01)")
    server.create_role("reader", "word")
    assert not [each for each in told(server, "reader", "word") if "pg_sleep" in each.text]
    database.execute("GRANT pg_read_all_stats TO reader")
    assert [each for each in told(server, "reader", "word") if "pg_sleep" in each.text]
