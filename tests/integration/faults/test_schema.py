"""Tables are locked, missing, not granted or elsewhere: each costs what it must and no more."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from psycopg import sql

from exporter.collectors.airflow.schema import READ, REQUIRED
from tests.integration.faults.conftest import with_airflow
from tests.integration.faults.watched import HELD, OWN, RECOVERY_SECONDS, Watched
from tests.support.postgres import PostgresServer

FACTS = ("--collector.airflow.facts-interval", "500ms")
FAST = ("--collector.airflow.facts-interval", "200ms", "--collector.airflow.interval", "200ms")
FEATURE_OF = {
    "alembic_version": "revision",
    "dag": "dags",
    "dag_tag": "dag_tags",
    "slot_pool": "pools",
    "job": "components",
    "import_error": "import_errors",
    "trigger": "triggers",
    "deadline": "deadlines",
    "xcom": "xcom",
}
"""What each table that counting tries can do without is for (Airflow 3.3)."""


def test_a_locked_task_instance_is_given_up_soon_and_read_again_later(
    postgres: PostgresServer, airflow_database: str, tmp_path: Path
) -> None:
    with Watched(tmp_path, postgres.dsn(airflow_database)) as daemon:
        daemon.until_good()
        with postgres.connect(airflow_database) as connection:
            connection.execute("BEGIN")
            connection.execute("LOCK TABLE task_instance IN ACCESS EXCLUSIVE MODE")
            down = daemon.until_down("timeout")
            assert down.value(HELD) == 0
            # The server's own limit ends the wait, long before the deadline of 5 s.
            took = daemon.until_down("timeout").value(
                f"{OWN}collector_duration_seconds", collector="airflow"
            )
            assert took is not None
            assert took < 4
            connection.execute("ROLLBACK")
        daemon.until_good(RECOVERY_SECONDS)
        assert "a table is locked" in daemon.log()
        assert daemon.log().count("collector.failed") == 1


def test_a_locked_dag_costs_the_slow_facts_alone(
    postgres: PostgresServer, airflow_database: str, tmp_path: Path
) -> None:
    with Watched(tmp_path, postgres.dsn(airflow_database), *FACTS) as daemon:
        daemon.until(lambda now: now.feature("facts") == 1)
        with postgres.connect(airflow_database) as connection:
            connection.execute("BEGIN")
            connection.execute("LOCK TABLE dag IN ACCESS EXCLUSIVE MODE")
            daemon.until(lambda now: now.feature("facts") == 0)
            daemon.successes.clear()
            for _ in range(3):
                daemon.until_good(RECOVERY_SECONDS)
            locked = daemon.until(lambda now: now.value("airflow_dags", state="active") is None)
            assert locked.value(HELD) == 0
            assert locked.feature("facts") == 0
            connection.execute("ROLLBACK")
        healed = daemon.until(lambda now: now.feature("facts") == 1, RECOVERY_SECONDS)
        assert healed.value("airflow_dags", state="active") == 0
        assert daemon.successes == {1.0}


# Grants.


@pytest.fixture
def reader(
    postgres: PostgresServer, airflow_database: str, execute: Callable[[str], None]
) -> Iterator[str]:
    """Yield the DSN of a role that may read every table that we read."""
    name = f"{airflow_database}_reader"
    postgres.create_role(name, "a password")
    execute(f"GRANT SELECT ON {', '.join(READ)} TO {name}")
    yield postgres.dsn(airflow_database, name, "a password")
    execute(f"DROP OWNED BY {name}")
    postgres.drop_role(name)


def test_each_grant_that_is_taken_away_costs_what_it_is_for(
    reader: str, airflow_database: str, execute: Callable[[str], None], tmp_path: Path
) -> None:
    role = f"{airflow_database}_reader"
    assert {*FEATURE_OF, *REQUIRED} == {*READ}
    with Watched(tmp_path, reader, *FAST) as daemon:
        daemon.until(lambda now: now.success == 1 and now.feature("facts") == 1)
        for table, feature in FEATURE_OF.items():
            daemon.successes.clear()
            execute(f"REVOKE SELECT ON {table} FROM {role}")
            without = daemon.until(lambda now, feature=feature: now.feature(feature) == 0)  # type: ignore[misc]
            others = {*FEATURE_OF.values()} - {feature}
            assert {each: without.feature(each) for each in others} == dict.fromkeys(others, 1)
            daemon.until_good()
            assert daemon.successes == {1.0}
            execute(f"GRANT SELECT ON {table} TO {role}")
            daemon.until(lambda now, feature=feature: now.feature(feature) == 1, RECOVERY_SECONDS)  # type: ignore[misc]
        for table in REQUIRED:
            execute(f"REVOKE SELECT ON {table} FROM {role}")
            if table == "task_instance_history":
                # Nothing is read of it before a try ends; the probe tells it earlier.
                daemon.until(lambda now: now.feature("facts") == 0)
            else:
                daemon.until_down("unavailable")
            assert f"the database lacks or does not grant: {table}" in daemon.log()
            execute(f"GRANT SELECT ON {table} TO {role}")
            daemon.until_good(RECOVERY_SECONDS)
        assert daemon.next_scrape().errors("bug") == 0


def test_a_role_that_may_read_the_required_tables_alone_counts_tries(
    reader: str, airflow_database: str, execute: Callable[[str], None], tmp_path: Path
) -> None:
    execute(f"REVOKE SELECT ON {', '.join(FEATURE_OF)} FROM {airflow_database}_reader")
    with Watched(tmp_path, reader) as daemon:
        scrape = daemon.until_good()
        assert scrape.value(HELD) == 0
        assert {each: scrape.feature(each) for each in FEATURE_OF.values()} == dict.fromkeys(
            FEATURE_OF.values(), 0
        )
        assert scrape.feature("heartbeats") == 1
        assert scrape.value("airflow_metadata_info", backend="postgresql") == 1


def test_a_column_that_is_not_granted_is_named(
    reader: str, airflow_database: str, execute: Callable[[str], None], tmp_path: Path
) -> None:
    role = f"{airflow_database}_reader"
    execute(f"REVOKE SELECT ON dag_run FROM {role}")
    execute(f"GRANT SELECT (id, dag_id, run_id, run_type, state, start_date) ON dag_run TO {role}")
    with Watched(tmp_path, reader) as daemon:
        daemon.until_down("unavailable")
        assert "does not grant: dag_run.end_date" in daemon.log()


# Tables.


def test_tables_that_are_dropped_and_made_again_are_found_again(
    postgres: PostgresServer,
    airflow_database: str,
    execute: Callable[[str], None],
    tmp_path: Path,
) -> None:
    def drop(table: str) -> None:
        execute(f"CREATE TABLE kept (LIKE {table} INCLUDING ALL)")
        execute(f"DROP TABLE {table} CASCADE")

    def make_again(table: str) -> None:
        execute(f"ALTER TABLE kept RENAME TO {table}")

    with Watched(tmp_path, postgres.dsn(airflow_database), *FACTS) as daemon:
        daemon.until(lambda now: now.success == 1 and now.feature("pools") == 1)
        daemon.successes.clear()
        drop("slot_pool")
        daemon.until(lambda now: now.feature("pools") == 0)
        make_again("slot_pool")
        daemon.until(lambda now: now.feature("pools") == 1, RECOVERY_SECONDS)
        assert daemon.successes == {1.0}
        drop("task_instance")
        down = daemon.until_down("unavailable")
        assert down.value(HELD) == 0
        assert "lacks or does not grant: task_instance" in daemon.log()
        make_again("task_instance")
        daemon.until_good(RECOVERY_SECONDS)
        execute("ALTER TABLE task_instance DROP COLUMN last_heartbeat_at")
        daemon.until(lambda now: now.feature("heartbeats") == 0)
        good = daemon.until_good()
        assert good.value(HELD) is None
        assert good.errors("bug") == 0


def test_an_unknown_revision_is_exposed_without_a_version(
    postgres: PostgresServer,
    airflow_database: str,
    execute: Callable[[str], None],
    tmp_path: Path,
) -> None:
    execute("UPDATE alembic_version SET version_num = 'ffffffffffff'")
    with Watched(tmp_path, postgres.dsn(airflow_database), *FACTS) as daemon:
        unknown = {"backend": "postgresql", "revision": "ffffffffffff"}
        daemon.until(lambda now: now.value("airflow_metadata_info", **unknown) == 1)
        assert daemon.until_good().feature("revision") == 1
        execute("DELETE FROM alembic_version")
        daemon.until(lambda now: now.value("airflow_metadata_info", backend="postgresql") == 1)
        daemon.until_good()


def test_tables_in_another_schema_are_read_where_it_is_named_and_else_it_is_told(
    postgres: PostgresServer, tmp_path: Path
) -> None:
    name = "faults_in_schema"
    dsn = postgres.create_database(name)
    try:
        with Watched(tmp_path / "empty", dsn) as daemon:
            daemon.until_down("unavailable")
            lacking = "the database lacks or does not grant: task_instance, "
            assert lacking in daemon.log()
            with_airflow(dsn, name="airflow")
            daemon.until_down("unavailable")
        with Watched(tmp_path / "without", dsn) as daemon:
            daemon.until_down("unavailable")
            hint = "Airflow's tables are in schema airflow: set --airflow.schema"
            assert hint in daemon.log()
        with Watched(tmp_path / "wrong", dsn, "--airflow.schema", "Airflow") as daemon:
            daemon.until_down("unavailable")
            assert "schema Airflow lacks or does not grant" in daemon.log()
            assert hint in daemon.log()
            with postgres.connect(name) as connection:
                connection.execute(
                    sql.SQL("ALTER SCHEMA airflow RENAME TO {}").format(sql.Identifier("Airflow"))
                )
            scrape = daemon.until_good(RECOVERY_SECONDS)
            assert scrape.value(HELD) == 0
    finally:
        postgres.drop_database(name)
