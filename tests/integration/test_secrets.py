"""A password appears nowhere: not in a log line, page, metric, traceback, or process title."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from urllib.parse import quote, quote_plus

import pytest

from tests.integration.faults.conftest import with_airflow
from tests.integration.faults.watched import Scrape, Watched
from tests.support.exporter import ROOT, ExporterProcess
from tests.support.postgres import PostgresServer

PASSWORD = "Qz7@Kx:9/Vj?Wq#3%Yb&Hm+Tk 'Pf\"Rd\\üG"
"""What people put into passwords, and nothing that a page or a log line has of its own."""
WRONG = "Xw4@Jn:8/Zc?Bv#6%Lp"
LINES = "Mf5%Nb\nDs2!Wk"
PASSWORDS = (PASSWORD, WRONG, LINES)
ROLE = "secrets_reader"
DATABASE = "secrets"
PATHS = ("/", "/metrics", "/-/ready", "/-/healthy", "/nowhere")

# Imported by Python itself before the daemon: breaks it from inside, as the file `mode` says.
_LAUNCHER = """
import os, threading
from pathlib import Path
from sqlalchemy import text
from exporter.parts import airflow as parts
from exporter.collectors.airflow import queries

PASSWORD, ADDRESS = os.environ["TEST_PASSWORD"], os.environ["TEST_ADDRESS"]
original, collector = queries.active_groups, parts.airflow_collector

def broken(connection, schema):
    mode, local, address = Path(os.environ["TEST_MODE"]).read_text(), PASSWORD, ADDRESS
    if mode == "bug":
        raise RuntimeError(f"cannot use {address} or {local} or {local!r} or {[address]!r}")
    if mode == "chained":
        try:
            {}[address]
        except KeyError as error:
            raise LookupError(local) from error
    if mode == "bound":
        connection.execute(text("SELECT CAST(:value AS integer)"), {"value": local})
    if mode == "cut":
        connection.execute(text("SELECT CAST(:value AS integer)"), {"value": "x" * 136 + local})
    if mode == "slow":
        connection.execute(text("SELECT set_config('statement_timeout', '200', true)"))
        connection.execute(text("SELECT pg_sleep(60), :value"), {"value": local})
    if mode == "thread":
        thread = threading.Thread(target=lambda: int(local))
        thread.start()
        thread.join()
        raise KeyError(local)
    return original(connection, schema)

def collector_or_crash(*arguments, **named):
    if Path(os.environ["TEST_MODE"]).read_text() == "start":
        raise RuntimeError(f"cannot start with {ADDRESS}")
    return collector(*arguments, **named)

queries.active_groups, parts.airflow_collector = broken, collector_or_crash
"""


def pieces(text: str) -> set[str]:
    return {text[start : start + 4] for start in range(len(text) - 3)}


ALL_PIECES = {
    piece
    for password in PASSWORDS
    for spelling in (password, quote(password, safe=""), quote_plus(password), repr(password)[1:-1])
    for piece in pieces(spelling)
}


def tells(text: str) -> set[str]:
    """Return the pieces of four characters of any password, in any spelling, in the text."""
    return pieces(text) & ALL_PIECES


@pytest.fixture(scope="module")
def server(postgres: PostgresServer) -> Iterator[PostgresServer]:
    """Yield the server with a database and a role whose password is PASSWORD."""
    dsn = postgres.create_database(DATABASE)
    with_airflow(dsn)
    postgres.create_role(ROLE, PASSWORD)
    with postgres.connect(DATABASE) as connection:
        connection.execute(f"GRANT SELECT ON ALL TABLES IN SCHEMA public TO {ROLE}")
    yield postgres
    postgres.drop_database(DATABASE)
    postgres.drop_role(ROLE)


def address(server: PostgresServer, password: str = PASSWORD, **parts: object) -> str:
    """Return the role's address, with some of its parts replaced."""
    where = {"host": "127.0.0.1", "port": server.port, "database": DATABASE, "more": "", **parts}
    login = f"{ROLE}:{quote(password, safe='')}"
    return "postgresql://{}@{host}:{port}/{database}{more}".format(login, **where)


def unusable(server: PostgresServer) -> dict[str, tuple[str, str]]:
    """Return by kind an address that cannot be used, and what is said of it instead."""
    raw, port = PASSWORD.replace(" ", "").replace("\\", ""), server.port
    encoded = quote(PASSWORD, safe="")
    as_query = f"postgresql://127.0.0.1:{port}/none?user={ROLE}&password="
    return {
        "wrong password": (address(server, WRONG), "password authentication failed"),
        "password of two lines": (address(server, LINES), "password authentication failed"),
        "unresolvable host": (address(server, host="no.such.host.invalid"), "resolve host"),
        "refused port": (address(server, port=1), "Connection refused"),
        "unknown database": (address(server, database="none"), '"none.{1,2} does not exist'),
        "unescaped": (f"postgresql://{ROLE}:{raw}@127.0.0.1:{port}/none", "authentication failed"),
        "unescaped with a bad port": (f"postgresql://{ROLE}:{raw}@h:port/d", "is not host:port"),
        "unescaped without a host": (f"postgresql://{ROLE}:{raw}", "is not host:port"),
        "port too high": (address(server, port=99999), "port must be a number"),
        "path behind the database": (address(server, more="/more"), "is not host:port/database"),
        "in the query": (as_query + encoded, '"none.{1,2} does not exist'),
        "in the query, unescaped": (as_query + WRONG.partition("#")[0], "authentication failed"),
        "behind a fragment": (address(server, more=f"#{encoded}"), "is not host:port/database"),
        "a NUL in it": (address(server, PASSWORD + "\0"), "holds a NUL"),
        "keywords": (f"host=127.0.0.1 user={ROLE} password={raw}", "not a database URL"),
        "no scheme": (f"{ROLE}:{encoded}@127.0.0.1/{DATABASE}", "not a database URL"),
        "other driver": (f"postgresql+{raw}://{ROLE}@h/d", "kind is not supported"),
        "other database": (f"mysql://{ROLE}:{encoded}@h/d", "kind is not supported"),
        "unknown option": (address(server, more="?nonsense=1"), "invalid connection option"),
        "bad option": (address(server, more="?sslmode=nonsense"), "invalid sslmode"),
        "no root certificate": (address(server, more="?sslmode=verify-full"), "certificate|SSL"),
        "password as certificate": (
            address(server, more=f"?sslmode=verify-ca&sslpassword={encoded}"), "certificate|SSL"
        ),
    }  # fmt: skip


def files(directory: Path, dsn: str) -> dict[str, tuple[Callable[[Path], object], str]]:
    """Return by kind how to make a file that holds no address, and what is said of it."""
    return {
        "too large": (lambda path: path.write_text(dsn * 1000), "larger than"),
        "a directory": (lambda path: path.mkdir(), "not a regular file"),
        "a pipe": (os.mkfifo, "not a regular file"),
        "a device": (lambda path: path.symlink_to("/dev/zero"), "not a regular file"),
        "missing": (lambda path: None, "no such file"),
        "empty": (lambda path: path.write_text("\n"), "is empty"),
        "two lines": (lambda path: path.write_text(f"{dsn}\n{PASSWORD}"), "is not host:port"),
    }


MODES = {
    "bug": "cannot use",
    "chained": "LookupError",
    "bound": "invalid input syntax for type integer",
    "cut": "invalid input syntax for type integer",
    "slow": "cancelled a statement",
    "thread": "exporter.crashed",
}


class Confession:
    """A daemon that is led from one failure into the next, and everything that it says."""

    def __init__(self, daemon: Watched) -> None:
        self._daemon = daemon
        self._told = ""
        self._read = 0

    def expect(self, kind: str, evidence: str) -> None:
        """Wait until the log has the evidence and some more samples have failed; note all."""
        before = _errors(self._daemon.latest)
        self._daemon.until(
            lambda now: _errors(now) >= before + 3 and bool(re.search(evidence, self._news())), 30
        )
        self.note(kind)

    def note(self, kind: str) -> None:
        """Check everything that can be seen from outside, now."""
        process = self._daemon.process
        told = [process.request(path).body.decode() for path in PATHS]
        told.append(Path(f"/proc/{process.pid}/cmdline").read_text().replace("\0", " "))
        told.append(self._news())
        assert tells("\n".join(told)) == set(), kind
        self._read = len(self._daemon.log())

    def _news(self) -> str:
        return self._daemon.log()[self._read :]


def _errors(scrape: Scrape) -> float:
    return sum(map(scrape.errors, ("unavailable", "timeout", "bug")))


@pytest.mark.parametrize("log_format", ["json", "console"])
def test_a_running_daemon_tells_no_piece_of_a_password_in_any_failure(
    log_format: str, server: PostgresServer, tmp_path: Path
) -> None:
    file, mode = tmp_path / "dsn", tmp_path / "mode"
    file.write_text(address(server, WRONG))
    mode.touch()
    arguments = (
        "--airflow.dsn-file", str(file), "--log.level", "debug", "--log.format", log_format,
        "--collector.airflow.interval", "100ms", "--collector.airflow.timeout", "2s",
    )  # fmt: skip
    with Watched(tmp_path, None, *arguments, environment=_launcher(tmp_path, server)) as daemon:
        confession = Confession(daemon)
        daemon.until_down("unavailable")
        for kind, (dsn, evidence) in unusable(server).items():
            _replace(file, dsn)
            confession.expect(kind, evidence)
        for kind, (make, evidence) in files(tmp_path, address(server)).items():
            _remove(file)
            make(file)
            confession.expect(kind, evidence)
        _remove(file)
        file.write_text(address(server))
        daemon.until_good()
        confession.note("good")
        for kind, evidence in MODES.items():
            _replace(mode, kind)
            confession.expect(kind, evidence)
            # A collector that stays down shows no second traceback.
            _replace(mode, "")
            daemon.until_good()
        with server.connect(DATABASE) as connection:
            connection.execute("BEGIN")
            connection.execute("LOCK TABLE dag_run IN ACCESS EXCLUSIVE MODE")
            confession.expect("locked", "a table is locked")
            connection.execute("ROLLBACK")
            daemon.until_good()
            connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = %s", [ROLE]
            )
            daemon.until(
                lambda _: re.search("terminating conn|server closed", daemon.log()) is not None
            )
            connection.execute(f"REVOKE SELECT ON task_instance FROM {ROLE}")
            confession.expect("not granted", "does not grant: task_instance")
            connection.execute(f"GRANT SELECT ON task_instance TO {ROLE}")
        daemon.until_good()
        daemon.terminate()
        assert "exporter.stopped" in daemon.log()
        assert tells(daemon.log()) == set()
        assert "***" in daemon.log()


def _launcher(directory: Path, server: PostgresServer) -> dict[str, str]:
    package = directory / "launcher"
    package.mkdir()
    (package / "sitecustomize.py").write_text(_LAUNCHER)
    return {
        "PYTHONPATH": f"{package}:{ROOT}",
        "TEST_MODE": str(directory / "mode"),
        "TEST_PASSWORD": PASSWORD,
        "TEST_ADDRESS": address(server),
    }


def _replace(path: Path, text: str) -> None:
    """Write the file as a secret is rotated: at once."""
    new = path.with_name("new")
    new.write_text(text)
    new.replace(path)


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        path.rmdir()
    else:
        path.unlink(missing_ok=True)


# What ends the start.


def said(
    directory: Path, *arguments: str, environment: dict[str, str], command: str = "serve"
) -> tuple[int, str]:
    """Return the exit code of the daemon and everything it printed."""
    with ExporterProcess(
        directory, *arguments, environment={"AIRFLOW_HOME": str(directory), **environment},
        command=command,
    ) as process:  # fmt: skip
        return process.wait(30), process.log()


def refused(evidence: str, told: Iterable[tuple[int, str]], code: int = 2) -> None:
    for exit_code, log in told:
        assert re.search(evidence, log), log
        assert tells(log) == set()
        assert exit_code == code


@pytest.mark.parametrize("command", ["serve", "check"])
def test_an_address_that_cannot_be_read_is_told_without_a_piece_of_it(
    command: str, server: PostgresServer, tmp_path: Path
) -> None:
    for kind in ("unescaped with a bad port", "keywords"):
        dsn, evidence = unusable(server)[kind]
        environment = {"AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": dsn}
        refused(evidence, [said(tmp_path, environment=environment, command=command)])


def test_check_tells_no_piece_of_a_password(server: PostgresServer, tmp_path: Path) -> None:
    kinds = unusable(server)
    for kind in ("wrong password", "unresolvable host", "unescaped", "no root certificate"):
        dsn, evidence = kinds[kind]
        environment = {"AIRFLOW_PERF_EXPORTER_AIRFLOW_DSN": dsn}
        refused(evidence, [said(tmp_path, environment=environment, command="check")])
    environment = {"AIRFLOW_PERF_EXPORTER_AIRFLOW_DSN": address(server)}
    told = [said(tmp_path, environment=environment, command="check")]
    refused(rf"{ROLE}:\*\*\*@127\.0\.0\.1", told, code=0)


def test_airflows_own_ways_to_the_address_tell_no_piece_of_it(
    server: PostgresServer, tmp_path: Path
) -> None:
    dsn, name = address(server), "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"
    allow = "--airflow.allow-dsn-command"
    script = tmp_path / "print-dsn"
    script.write_text(f"cat <<'END'\n{dsn}\nEND\ncat {script} >&2\nexit 3\n")
    commands = {f"{name}_CMD": f"sh {script}"}
    refused("the program failed", [said(tmp_path, allow, environment=commands)])
    commands = {f"{name}_CMD": f"echo 'not closed {PASSWORD}"}
    refused("the program failed", [said(tmp_path, allow, environment=commands)])
    refused(r"allow it with", [said(tmp_path, environment=commands)])
    refused("only Airflow can read", [said(tmp_path, environment={f"{name}_SECRET": PASSWORD})])
    good = f"[database]\nsql_alchemy_conn = {dsn}\n"
    for broken, evidence in (
        (f"{good} {PASSWORD}\n", "is not host:port"),
        (f"{good}{WRONG[8:]}\n", "cannot be read as an Airflow configuration"),
        (good[1:], "cannot be read as an Airflow configuration"),
    ):
        (tmp_path / "airflow.cfg").write_text(broken)
        refused(evidence, [said(tmp_path, environment={})])


def test_an_address_where_it_does_not_belong_is_not_repeated(
    server: PostgresServer, tmp_path: Path
) -> None:
    dsn = address(server)
    refused("use --airflow.dsn-file", [said(tmp_path, dsn, environment={})])
    variable = {"AIRFLOW_PERF_EXPORTER_AIRFLOW_DSN_FILE": dsn}
    refused("takes the path of a file", [said(tmp_path, environment=variable)])
    (tmp_path / "exporter.yml").write_text(f'airflow: {{dsn: "{dsn}"}}\n')
    told = [said(tmp_path, "--config.file", str(tmp_path / "exporter.yml"), environment={})]
    refused("airflow.dsn: no such setting", told)
    (tmp_path / "exporter.yml").write_text(f'airflow:\n  - "{dsn}\n : "{PASSWORD}\n')
    told = [said(tmp_path, "--config.file", str(tmp_path / "exporter.yml"), environment={})]
    refused("is not valid YAML near line", told)


def test_help_shows_nothing_of_the_environment(server: PostgresServer, tmp_path: Path) -> None:
    environment = {"AIRFLOW_PERF_EXPORTER_AIRFLOW_DSN": address(server)}
    refused("Usage:", [said(tmp_path, "--help", environment=environment)], code=0)


@pytest.mark.parametrize("log_format", ["json", "console"])
def test_a_crash_at_the_start_tells_no_piece_of_a_password(
    log_format: str, server: PostgresServer, tmp_path: Path
) -> None:
    (tmp_path / "mode").write_text("start")
    environment = {
        **_launcher(tmp_path, server),
        "AIRFLOW_PERF_EXPORTER_AIRFLOW_DSN": address(server),
    }
    told = said(tmp_path, "--log.format", log_format, environment=environment)
    refused(r"exporter\.crashed", [told], code=1)
    assert "cannot start with" in told[1]
