"""What keeps the daemon from starting is one sentence; what comes at a bad moment ends it well."""

from __future__ import annotations

import signal
import socket
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
import sqlalchemy as sa

from exporter.demo import schema
from tests.integration.faults.watched import Watched
from tests.support.exporter import ExporterProcess
from tests.support.ports import free_port

END_SECONDS = 2.0


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Return the DSN of a SQLite database with Airflow's tables."""
    path = tmp_path_factory.mktemp("airflow") / "airflow.db"
    engine = sa.create_engine(f"sqlite:///{path}")
    schema.create(engine, "3.3")
    engine.dispose()
    return f"sqlite:///{path}"


def refusal(directory: Path, dsn: str, *arguments: str, port: int | None = None) -> str:
    """Return the sentence with which the daemon refuses to start."""
    environment = {"AIRFLOW_PERF_EXPORTER_AIRFLOW_DSN": dsn}
    directory.mkdir(exist_ok=True)
    with ExporterProcess(directory, *arguments, environment=environment, port=port) as process:
        assert process.wait(30) == 2
        log = process.log()
    assert "Traceback" not in log
    assert log.count("\n") == 1
    return log.removeprefix("airflow-perf-exporter: ")


def test_a_second_exporter_on_the_same_state_directory_is_refused(
    database: str, tmp_path: Path
) -> None:
    state = ("--state.path", str(tmp_path / "state"))
    with Watched(tmp_path / "first", database, *state) as daemon:
        daemon.until_good()
        assert refusal(tmp_path / "second", database, *state) == (
            f"{' '.join(state)}: another exporter is using this directory\n"
        )
        daemon.until_good()
    with Watched(tmp_path / "third", database, *state) as daemon:
        assert daemon.until_good().persistent == 1


def test_a_ledger_of_a_newer_version_is_refused_and_left_as_it_is(
    database: str, tmp_path: Path
) -> None:
    state = tmp_path / "state"
    state.mkdir()
    with closing(sqlite3.connect(state / "ledger.sqlite")) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA user_version = 999")
    before = (state / "ledger.sqlite").read_bytes()
    sentence = refusal(tmp_path, database, "--state.path", str(state))
    assert "written by a newer version of the exporter" in sentence
    assert "upgrade, or give another --state.path" in sentence
    assert (state / "ledger.sqlite").read_bytes() == before


def test_an_address_in_use_is_refused(database: str, tmp_path: Path) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as taken:
        port = taken.getsockname()[1]
        sentence = refusal(tmp_path, database, "--state.path", str(tmp_path / "state"), port=port)
    assert sentence == (
        f"--web.listen-address: Cannot listen on 127.0.0.1:{port}: Address already in use.\n"
    )


def test_an_unusable_address_of_the_database_is_refused(tmp_path: Path) -> None:
    assert "not a database URL" in refusal(tmp_path, "no address")
    assert "the database kind is not supported" in refusal(tmp_path, "mysql://u@h/d")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_during_the_start_ends_it_well(number: signal.Signals, tmp_path: Path) -> None:
    started = tmp_path / "started"
    # The start waits for this program for as long as it takes, or so it seems.
    environment = {
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN_CMD": f"sh -c 'echo > {started}; exec sleep 8'"
    }
    arguments = ("--airflow.allow-dsn-command", "--state.path", str(tmp_path / "state"))
    with ExporterProcess(tmp_path, *arguments, environment=environment) as process:
        process._child.wait_until(started.exists, timeout=30)
        process.signal(number)
        assert process.wait(END_SECONDS) == 0
        assert "Traceback" not in process.log()


def test_a_log_that_cannot_be_written_ends_nothing(database: str, tmp_path: Path) -> None:
    port = free_port()
    (tmp_path / f"exporter-{port}.log").symlink_to("/dev/full")
    missing = {"AIRFLOW_PERF_EXPORTER_AIRFLOW_DSN": f"{database}.later"}
    with ExporterProcess(
        tmp_path, "--collector.airflow.interval", "200ms", environment=missing, port=port
    ) as process:
        process._child._log = tmp_path / "nothing"  # reading /dev/full has no end
        (tmp_path / "nothing").touch()
        process.wait_ready()
        # What fails is logged; what would have been the log's end must not be the sampling's.
        later = Path(f"{database}.later".removeprefix("sqlite:///"))
        later.write_bytes(Path(database.removeprefix("sqlite:///")).read_bytes())
        success = ("airflow_perf_exporter_collector_success", frozenset({("collector", "airflow")}))
        process._child.wait_until(lambda: process.families()[success] == 1.0, timeout=10)
        assert process.terminate() == 0


def test_a_storm_of_reloads_neither_leaks_nor_swallows_the_end(
    database: str, tmp_path: Path
) -> None:
    with Watched(tmp_path, database) as daemon:
        daemon.until_good()
        threads, descriptors = daemon.threads(), daemon.descriptors()
        for _ in range(500):
            daemon.process.signal(signal.SIGHUP)
        daemon.until(lambda _: "config.reloaded" in daemon.log())
        daemon.until_good()
        # A sample under way has a watchdog and the database's files, and each scrape a socket.
        daemon.until(lambda _: daemon.threads() <= threads + 1)
        daemon.until(lambda _: daemon.descriptors() <= descriptors + 2)
        for number in (signal.SIGHUP, signal.SIGHUP):
            daemon.process.signal(number)
        assert daemon.terminate() <= END_SECONDS
