"""A real Redis server that keeps nothing on the disk: what Celery hands tasks over with."""

from __future__ import annotations

import shutil
import signal
import socket

from tests.support.account import Account
from tests.support.child import Child
from tests.support.ports import free_port

NO_REDIS = "there is no redis-server: install Debian's package redis-server"


def redis_binary() -> str | None:
    """Return the path of redis-server."""
    return shutil.which("redis-server")


class RedisServer:
    """One server on a free port of 127.0.0.1; a context that stops it."""

    def __init__(self) -> None:
        """Start the server and wait until it answers."""
        self.port = free_port()
        account = Account.unprivileged()
        self._directory = account.scratch("redis-")
        settings = {
            "--bind": "127.0.0.1",
            "--port": str(self.port),
            "--dir": str(self._directory),
            "--save": "",  # no snapshots
        }
        self._child = Child.start(
            [
                redis_binary() or "redis-server",
                *(part for pair in settings.items() for part in pair),
            ],
            log=self._directory / "log",
            environment={"PATH": "/usr/bin:/bin", "TZ": "UTC"},
            account=account,
        )
        try:
            self._child.wait_until(self._answers, timeout=10)
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> RedisServer:
        """Return the server, which answers."""
        return self

    def __exit__(self, *_: object) -> None:
        """Stop the server."""
        self.close()

    @property
    def url(self) -> str:
        """Return redis://127.0.0.1:port/0."""
        return f"redis://127.0.0.1:{self.port}/0"

    def close(self) -> None:
        """Stop the server and remove its files."""
        try:
            self._child.stop(signal.SIGTERM, timeout=10)
        finally:
            shutil.rmtree(self._directory, ignore_errors=True)

    def _answers(self) -> bool:
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=5) as connection:
                connection.sendall(b"PING\r\n")
                return connection.recv(16) == b"+PONG\r\n"
        except OSError:
            return False
