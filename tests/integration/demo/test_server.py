"""The demo in a PostgreSQL database: it lives there as in its file, and nowhere else."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from time import monotonic, sleep

import psycopg
import pytest

from exporter.demo.installation import Demo
from exporter.dsn_source import DsnFile, read_from
from exporter.errors import ConfigError

PATIENCE_SECONDS = 40.0


@pytest.fixture
def demo(database: str, tmp_path: Path) -> Callable[[], Demo]:
    """Return what makes demos of the same database, the last one's directory left behind."""
    address = tmp_path / "dsn"
    address.write_text(database)
    source = read_from(DsnFile(str(address), "--demo.dsn-file"), lambda _secrets: None)
    return lambda: Demo(tmp_path / "demo", pace=8.0, source=source)


@contextmanager
def running(demo: Demo) -> Iterator[Demo]:
    demo.start()
    try:
        yield demo
    finally:
        demo.stop(2.0)


def count(database: str, statement: str) -> int:
    with psycopg.connect(database) as connection:
        row = connection.execute(statement).fetchone()
    assert row is not None
    return int(row[0])


def wait_until_there_is(database: str, demo: Demo, *statements: str) -> None:
    end = monotonic() + PATIENCE_SECONDS
    while not all(count(database, each) for each in statements):
        assert demo.running
        assert monotonic() < end, statements
        sleep(0.2)


def test_tries_come_and_end_there_and_go_on_after_a_restart(
    demo: Callable[[], Demo], database: str
) -> None:
    with running(demo()) as first:
        wait_until_there_is(
            database,
            first,
            "SELECT count(*) FROM task_instance WHERE state = 'success' AND map_index >= 0",
            "SELECT count(*) FROM task_instance_history",
            "SELECT count(*) FROM xcom",
            "SELECT count(*) FROM trigger",
        )
    assert count(database, "SELECT count(*) FROM job WHERE state = 'running'") == 0
    runs = count(database, "SELECT max(id) FROM dag_run")
    with running(demo()) as second:
        wait_until_there_is(database, second, f"SELECT count(*) FROM dag_run WHERE id > {runs}")


def test_a_database_that_holds_anything_else_is_refused_and_left_alone(
    demo: Callable[[], Demo], database: str
) -> None:
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute("CREATE TABLE alembic_version (version_num text)")
    with pytest.raises(ConfigError, match=r"^--demo\.dsn-file .*: .* not the demo's$"):
        demo().start()
    tables = "SELECT count(*) FROM information_schema.tables WHERE table_schema = 'public'"
    assert count(database, tables) == 1


def test_a_server_that_is_away_is_told_without_its_password(tmp_path: Path) -> None:
    address = tmp_path / "dsn"
    address.write_text("postgresql://owner:hunter2@127.0.0.1:1/airflow")
    source = read_from(DsnFile(str(address), "--demo.dsn-file"), lambda _secrets: None)
    with pytest.raises(ConfigError, match="cannot be written to") as raised:
        Demo(tmp_path / "demo", source=source).start()
    assert "hunter2" not in str(raised.value)
