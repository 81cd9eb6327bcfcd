"""The shipped role on a real PostgreSQL with Airflow's tables: all that is read, and no more."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
import sqlalchemy as sa
from click.testing import CliRunner
from psycopg import sql

from exporter.cli import main
from exporter.clock import Clock
from exporter.collectors.airflow.collector import AirflowCollector, Options
from exporter.collectors.airflow.database import Database
from exporter.demo import schema
from exporter.dsn import parsed
from tests.integration.collectors.airflow.world import World
from tests.support.postgres import PostgresServer

SHIPPED = Path(__file__).parents[3] / "deploy" / "sql" / "reader.sql"
ROLE = "airflow_reader"
VERSIONS = ("2.11", "3.3")
NOT_RECORDED = """\
CREATE TABLE connection (conn_id text, password text);
CREATE TABLE variable (key text, val text);
CREATE TABLE log (id integer, extra text);
"""
"""Tables of Airflow that the recordings leave out, with the columns that tests name."""


class Airflow:
    """An Airflow database in which something happens, and what the shipped role sees of it."""

    def __init__(self, postgres: PostgresServer, owner: str, version: str) -> None:
        self.owner = owner
        self.reader = postgres.dsn(owner.rpartition("/")[2], ROLE, "secret")
        url = owner.replace("postgresql:", "postgresql+psycopg:", 1)
        engine = sa.create_engine(url, poolclass=sa.NullPool)
        world = World(engine, schema.create(engine, version), version)
        world.fill()
        with psycopg.connect(owner, autocommit=True) as connection:
            connection.execute(NOT_RECORDED)

    def grant(self, script: str) -> None:
        with psycopg.connect(self.owner, autocommit=True) as connection:
            connection.execute(script)
            connection.execute(
                sql.SQL("ALTER ROLE {} PASSWORD 'secret'").format(sql.Identifier(ROLE))
            )

    def families(self, dsn: str) -> set[str]:
        """Return what the collector tells, and each feature that it has."""
        database = Database(lambda: parsed(dsn, "test"), 30.0)
        try:
            options = Options(timeout_seconds=30.0, xcom=True)
            batch = AirflowCollector(database, options, {}, Clock()).sample()
        finally:
            database.close()
        samples = [each for group in batch.gauges.values() for each in group]
        return {each.family.name for each in samples} | {
            f"feature {each.labels[-1]}"
            for each in samples
            if each.family.name.endswith("feature_available") and each.value
        }

    def read(self, statement: str) -> Any:
        with psycopg.connect(self.reader, autocommit=True) as connection:
            # What the role sets by default, a session may change: the grants must do without.
            connection.execute("SET default_transaction_read_only = off")
            return connection.execute(statement).fetchall()


@pytest.fixture(params=VERSIONS)
def airflow(
    postgres: PostgresServer, database: str, request: pytest.FixtureRequest
) -> Iterator[Airflow]:
    yield Airflow(postgres, database, request.param)
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute(sql.SQL("DROP OWNED BY {}").format(sql.Identifier(ROLE)))
    postgres.drop_role(ROLE)


def printed(*arguments: str) -> str:
    result = CliRunner().invoke(main, ["bundle", "grants", *arguments])
    assert result.exit_code == 0
    return result.stdout


def test_the_collector_tells_with_the_role_what_it_tells_the_owner_but_for_xcom(
    airflow: Airflow,
) -> None:
    airflow.grant(SHIPPED.read_text(encoding="utf-8"))
    everything = airflow.families(airflow.owner)
    assert "feature xcom" in everything
    assert airflow.families(airflow.reader) == everything - {"feature xcom"}
    airflow.grant(printed("--with", "xcom"))
    assert airflow.families(airflow.reader) == everything


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT password FROM connection",
        "SELECT val FROM variable",
        "SELECT extra FROM log",
        "SELECT conf FROM dag_run",
        "SELECT executor_config FROM task_instance",
        "SELECT value FROM xcom",
        "SELECT data FROM serialized_dag",
        "INSERT INTO dag_tag (dag_id, name) VALUES ('a', 'b')",
        "UPDATE task_instance SET state = 'failed'",
        "DELETE FROM dag_run",
        "SELECT dag_id FROM dag_run FOR UPDATE",
    ],
)
def test_the_role_may_neither_write_nor_read_anything_else(
    airflow: Airflow, statement: str
) -> None:
    airflow.grant(printed("--with", "xcom", "--with", "serialized_dag"))
    airflow.grant(SHIPPED.read_text(encoding="utf-8"))
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        airflow.read(statement)


def test_report_reads_dependencies_with_the_role_that_asks_for_them(airflow: Airflow) -> None:
    airflow.grant(printed("--with", "serialized_dag"))
    assert airflow.read("SELECT dag_id, data, last_updated FROM serialized_dag") == []


def test_a_database_that_is_not_airflows_is_refused(database: str) -> None:
    with (
        psycopg.connect(database, autocommit=True) as connection,
        pytest.raises(psycopg.errors.RaiseException, match="no task_instance in schema public"),
    ):
        connection.execute(SHIPPED.read_text(encoding="utf-8"))


def test_names_that_would_have_to_be_quoted_are_refused() -> None:
    for option in ("--role", "--schema"):
        result = CliRunner().invoke(main, ["bundle", "grants", option, "x'; DROP TABLE dag; --"])
        assert result.exit_code == 2
        assert "small letters, digits and underscores" in result.stderr
