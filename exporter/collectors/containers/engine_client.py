"""What every question to a Docker engine needs: its address, its version, a deadline, an end."""

from __future__ import annotations

import os
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NoReturn

from exporter.clock import Clock
from exporter.collectors.containers.engine_wire import Address, Exchange
from exporter.errors import ConfigError, SourceUnavailableError

CALL_SECONDS = 5.0
DEFAULT_HOST = "unix:///var/run/docker.sock"

_PING_BYTES = 4096
_API_VERSION = re.compile(r"[0-9]{1,2}\.[0-9]{1,3}")
_NO_TLS = "DOCKER_TLS_VERIFY is set, but an engine behind TLS cannot be asked: use its socket"


class EngineClient:
    """Asks one engine, a connection a question; may be used by several threads at once."""

    def __init__(self, host: str | None, clock: Clock) -> None:
        """Prepare for an engine (DOCKER_HOST when None); raise ConfigError for a bad address."""
        self.address = Address.of(host or os.environ.get("DOCKER_HOST") or DEFAULT_HOST)
        if self.address.host and os.environ.get("DOCKER_TLS_VERIFY"):
            raise ConfigError(_NO_TLS)
        self.prefix = ""
        """The first part of paths, for the version that the last answer to a ping named."""
        self._clock = clock
        self._lock = threading.Lock()
        self._closed = False
        self._exchanges: set[Exchange] = set()

    @contextmanager
    def exchange(self) -> Iterator[Exchange]:
        """Connect for one question; raise SourceUnavailableError."""
        with Exchange(self.address, self._clock.monotonic, CALL_SECONDS) as exchange:
            with self._lock:
                closed = self._closed
                self._exchanges.add(exchange)
            try:
                if closed:
                    self.fail("is not wanted any more")
                yield exchange
            finally:
                with self._lock:
                    self._exchanges.discard(exchange)

    def ping(self) -> None:
        """Ask for a sign of life, and for the version."""
        with self.exchange() as exchange:
            version = exchange.get("/_ping").get("api-version", "")
            exchange.body(_PING_BYTES)
        self.prefix = f"/v{version}" if _API_VERSION.fullmatch(version) else ""

    def close(self) -> None:
        """Break off every question, but for a TCP connection being made, and ask no more."""
        with self._lock:
            self._closed = True
            for exchange in self._exchanges:
                exchange.abort()

    def fail(self, what: str) -> NoReturn:
        """Raise SourceUnavailableError about this engine."""
        raise SourceUnavailableError(self.sentence(what)) from None

    def sentence(self, what: str) -> str:
        """Return what is said of this engine, with its address."""
        return f"the Docker engine at {self.address} {what}"
