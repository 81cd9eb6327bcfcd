"""SQLite as Airflow's database: locked by another connection, and not there."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import sqlalchemy as sa

from exporter.demo import schema
from tests.integration.faults.watched import HELD, RECOVERY_SECONDS, Watched


def with_airflow(path: Path) -> None:
    engine = sa.create_engine(f"sqlite:///{path}")
    schema.create(engine, "3.3")
    engine.dispose()


def test_a_locked_file_is_given_up_soon_and_read_again_later(tmp_path: Path) -> None:
    path = tmp_path / "airflow.db"
    with_airflow(path)
    with Watched(tmp_path, f"sqlite:///{path}") as daemon:
        daemon.until_good()
        with closing(sqlite3.connect(path, isolation_level=None, timeout=10)) as other:
            other.execute("BEGIN EXCLUSIVE")
            down = daemon.until_down("timeout")
            assert down.value(HELD) == 0
            daemon.until_down("timeout")
            other.execute("ROLLBACK")
            daemon.until_good(RECOVERY_SECONDS)
        assert "the database is locked by another connection" in daemon.log()
        assert daemon.log().count("collector.failed") == 1
        assert daemon.next_scrape().errors("bug") == 0


def test_a_file_that_comes_goes_and_breaks_ends_nothing(tmp_path: Path) -> None:
    path = tmp_path / "airflow.db"
    with Watched(tmp_path, f"sqlite:///{path}") as daemon:
        daemon.until_down("unavailable")
        assert "airflow.db does not exist" in daemon.log()
        assert not path.exists()
        with_airflow(path)
        daemon.until_good(RECOVERY_SECONDS)
        path.rename(tmp_path / "moved.db")
        path.write_bytes(b"not a database " * 1000)
        daemon.until_down("unavailable")
        assert "file is not a database" in daemon.log()
        (tmp_path / "moved.db").rename(path)
        daemon.until_good(RECOVERY_SECONDS)
