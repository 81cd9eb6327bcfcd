"""A real PgBouncer in transaction mode in front of a PostgreSQL server."""

from __future__ import annotations

import os
import shutil
import signal
from collections.abc import Mapping

import psycopg
from psycopg.rows import dict_row

from tests.support.account import Account
from tests.support.child import Child
from tests.support.ports import free_port
from tests.support.postgres import SUPERUSER, postgres_dsn

NO_PGBOUNCER = "there is no pgbouncer: install Debian's package pgbouncer"

_SETTINGS = {
    "pool_mode": "transaction",
    "ignore_startup_parameters": "extra_float_digits",
    "max_client_conn": "200",
    "server_login_retry": "1",  # 15 s by default: how long it sulks after the server was away
}
# As PostgresServer has it: the superuser is trusted, other roles prove themselves.
_HBA = f"""\
host all {SUPERUSER} 127.0.0.1/32 trust
host all all 127.0.0.1/32 scram-sha-256
"""


def pgbouncer_binary() -> str | None:
    """Return the path of pgbouncer; Debian keeps it where only root looks."""
    return shutil.which("pgbouncer", path=f"{os.environ.get('PATH', '')}:/usr/sbin")


class PgBouncer:
    """One PgBouncer on 127.0.0.1 that pools any database of one server."""

    def __init__(
        self, server_port: int, passwords: Mapping[str, str], settings: Mapping[str, str]
    ) -> None:
        """Start the process, perhaps not yet listening; `start` is the usual way here."""
        self.port = free_port()
        self._account = Account.unprivileged()
        self._directory = self._account.scratch("pgbouncer-")
        known = {SUPERUSER: "", **passwords}
        self._write("hba", _HBA)
        self._write("users", "".join(f'"{name}" "{known[name]}"\n' for name in known))
        self._write("ini", self._configuration(server_port, settings))
        self._child = Child.start(
            [pgbouncer_binary() or "pgbouncer", self._directory / "ini"],
            log=self._directory / "log",
            environment={"PATH": "/usr/bin:/bin", "TZ": "UTC"},
            account=self._account,
        )

    @classmethod
    def start(
        cls,
        server_port: int,
        pool_size: int = 2,
        passwords: Mapping[str, str] | None = None,
        settings: Mapping[str, str] | None = None,
    ) -> PgBouncer:
        """Start before the server on `server_port`, with `pool_size` connections a pool.

        `passwords` names the roles beside the superuser that may log in through it, and
        `settings` override those of its [pgbouncer] section.
        """
        own = {"default_pool_size": str(pool_size)}
        bouncer = cls(server_port, passwords or {}, {**_SETTINGS, **own, **(settings or {})})
        try:
            bouncer._child.wait_until(bouncer._answers, timeout=10)
        except BaseException:
            bouncer.close()
            raise
        return bouncer

    def dsn(self, database: str, user: str = SUPERUSER, password: str | None = None) -> str:
        """Return the DSN of a database of the server, by way of the pool."""
        return postgres_dsn(self.port, database, user, password)

    def admin(self, command: str) -> list[dict[str, object]]:
        """Run a command of the admin console (`SHOW POOLS`, `PAUSE`) and return its rows."""
        dsn = self.dsn("pgbouncer")
        with psycopg.connect(dsn, autocommit=True, connect_timeout=5, row_factory=dict_row) as it:
            cursor = it.execute(command.encode())
            return cursor.fetchall() if cursor.description else []

    def pools(self) -> list[dict[str, object]]:
        """Return SHOW POOLS, one dict a pool (`database`, `cl_active`, `sv_active`, ...)."""
        return self.admin("SHOW POOLS")

    def log(self) -> str:
        """Return everything that PgBouncer has logged."""
        return self._child.log()

    def close(self) -> None:
        """Stop PgBouncer and remove its files."""
        try:
            self._child.stop(signal.SIGTERM, timeout=10)
        finally:
            shutil.rmtree(self._directory, ignore_errors=True)

    def _configuration(self, server_port: int, settings: Mapping[str, str]) -> str:
        own = {
            **settings,
            "listen_port": str(self.port),
            "listen_addr": "127.0.0.1",
            "unix_socket_dir": "",
            "auth_type": "hba",
            "auth_hba_file": str(self._directory / "hba"),
            "auth_file": str(self._directory / "users"),
            "admin_users": SUPERUSER,
        }
        lines = [f"{name} = {value}" for name, value in own.items()]
        target = f"* = host=127.0.0.1 port={server_port}"
        return "\n".join(["[databases]", target, "[pgbouncer]", *lines, ""])

    def _write(self, name: str, text: str) -> None:
        path = self._directory / name
        path.write_text(text)
        self._account.own(path)

    def _answers(self) -> bool:
        try:
            self.pools()
        except psycopg.OperationalError:
            return False
        return True
