"""Tests of the PostgreSQL that tests start."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import psutil
import psycopg
import pytest

from tests.support.exporter import ROOT
from tests.support.postgres import NO_POSTGRES, PostgresServer, postgres_binaries
from tests.support.require import require

_OWNER = """
import sys, time
from tests.support.exporter import ROOT
from tests.support.postgres import PostgresServer
print(PostgresServer.start().pid, flush=True)
time.sleep(60)
"""


def test_a_crashed_server_keeps_its_port_and_what_was_committed(
    own_postgres: PostgresServer,
) -> None:
    dsn = own_postgres.create_database("kept")
    with psycopg.connect(dsn) as connection:
        connection.execute("CREATE TABLE fact AS SELECT 42 AS answer")
    own_postgres.restart("immediate")
    with psycopg.connect(dsn) as connection:
        assert connection.execute("SELECT answer FROM fact").fetchone() == (42,)
    assert "not properly shut down" in own_postgres.log()


def test_a_stopped_server_refuses_until_it_is_started_again(own_postgres: PostgresServer) -> None:
    own_postgres.stop()
    assert not own_postgres.running
    with pytest.raises(psycopg.OperationalError, match="refused"):
        own_postgres.connect()
    own_postgres.start_again({"work_mem": "8MB"})
    with own_postgres.connect() as connection:
        assert connection.execute("SHOW work_mem").fetchone() == ("8MB",)


def test_a_closed_server_leaves_no_process_and_no_file(tmp_path: Path) -> None:
    require(postgres_binaries(), NO_POSTGRES)
    server = PostgresServer.start(tmp_path, {"max_connections": "20"})
    with server.connect() as connection:
        assert connection.execute("SHOW max_connections").fetchone() == ("20",)
    process, scratch = psutil.Process(server.pid), server.socket_directory
    family = [process, *process.children()]
    server.close()
    assert not any(each.is_running() for each in family)
    assert not scratch.exists()
    assert not (tmp_path / "postgres" / "data").exists()


def test_the_server_ends_with_the_tests_however_they_end() -> None:
    require(postgres_binaries(), NO_POSTGRES)
    command = [sys.executable, "-c", _OWNER]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as owner:
        assert owner.stdout is not None
        server = psutil.Process(int(owner.stdout.readline()))
        scratch = Path(server.cmdline()[2]).parent
        owner.kill()
    try:
        server.wait(timeout=10)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


@pytest.mark.skipif("TEST_POSTGRES_BIN" in os.environ, reason="only the wheel can be copied")
@pytest.mark.skipif(os.geteuid() != 0, reason="only root starts servers under another account")
def test_binaries_that_the_account_cannot_reach_are_copied(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    binaries = postgres_binaries()
    require(binaries, NO_POSTGRES)
    assert binaries is not None
    package = binaries.parents[1]
    closed = tmp_path / "closed"
    for tree in (binaries.parent, package.with_name(f"{package.name}.libs")):
        shutil.copytree(tree, closed / tree.relative_to(package.parent))
    closed.chmod(0o700)
    monkeypatch.setenv("TEST_POSTGRES_BIN", str(closed / binaries.relative_to(package.parent)))
    server = PostgresServer.start()
    try:
        with server.connect() as connection:
            assert connection.execute("SELECT 1").fetchone() == (1,)
    finally:
        server.close()


def test_each_test_has_an_empty_database(postgres: PostgresServer, database: str) -> None:
    with psycopg.connect(database) as connection:
        query = "SELECT count(*) FROM pg_stat_user_tables"
        assert connection.execute(query).fetchone() == (0,)
    copy = postgres.create_database("a copy", template=database.rpartition("/")[2])
    with psycopg.connect(copy):  # a connection left open is no obstacle
        postgres.drop_database("a copy")
    with pytest.raises(psycopg.OperationalError, match="does not exist"):
        psycopg.connect(copy)


def test_a_role_proves_its_password_on_tcp_and_on_the_socket(
    postgres: PostgresServer, database: str
) -> None:
    name, password = database.rpartition("/")[2], "p@ss:w/rd '\\"
    postgres.create_role("a role", password)
    try:
        with psycopg.connect(postgres.dsn(name, "a role", password)) as connection:
            assert connection.execute("SELECT current_user").fetchone() == ("a role",)
        for host in ("127.0.0.1", str(postgres.socket_directory)):
            wrong = postgres.dsn(name, "a role", "wrong")
            with pytest.raises(psycopg.OperationalError, match="authentication failed"):
                psycopg.connect(wrong, host=host)
    finally:
        postgres.drop_role("a role")


def test_the_server_is_never_root_and_sees_nothing_of_our_environment(
    postgres: PostgresServer,
) -> None:
    process = psutil.Process(postgres.pid)
    assert 0 not in process.uids()
    assert set(process.environ()) <= {"PATH", "LC_ALL", "TZ", "PGDATA", "PGSYSCONFDIR"}
