"""The daemon as a child process, started and asked as a user and Prometheus do."""

from __future__ import annotations

import signal
import ssl
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from pathlib import Path

import psutil
from prometheus_client.parser import text_string_to_metric_families

from tests.support.child import Child
from tests.support.ports import free_port

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Response:
    """An answer of the daemon; header names are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class ExporterProcess:
    """`python -m exporter serve ARGUMENTS` on a free port of 127.0.0.1."""

    def __init__(
        self,
        directory: Path,
        *arguments: str,
        environment: Mapping[str, str] | None = None,
        command: str = "serve",
        port: int | None = None,
        python: str = sys.executable,
        tls: ssl.SSLContext | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        """Start the daemon in `directory`, where its log goes too.

        It sees the variables of `environment` and none of ours. A port is free unless
        named, which is how a test starts a daemon again where the last one was. With `tls` it is
        asked over HTTPS, and always with these headers.
        """
        self._tls = tls
        self._headers = headers or {}
        self.port = port or free_port()
        listen = ["--web.listen-address", f"127.0.0.1:{self.port}"]
        self._child = Child.start(
            [python, "-m", "exporter", command, *listen, *arguments],
            log=directory / f"exporter-{self.port}.log",
            environment={
                "PATH": "/usr/bin:/bin",
                "LANG": "C.UTF-8",
                "PYTHONPATH": str(ROOT),
                **(environment or {}),
            },
        )

    def __enter__(self) -> ExporterProcess:
        """Return the daemon, perhaps not yet listening."""
        return self

    def __exit__(self, *_: object) -> None:
        """Kill the daemon if the test did not end it."""
        self.kill()

    @property
    def pid(self) -> int:
        """Return the process id."""
        return self._child.pid

    @property
    def exit_code(self) -> int | None:
        """Return the exit code, or None while the daemon runs."""
        return self._child.exit_code

    @property
    def url(self) -> str:
        """Return the address without a path."""
        return f"http://127.0.0.1:{self.port}"

    def wait_ready(self, timeout: float = 20) -> None:
        """Wait until /-/ready says 200; raise with the log's end if it ends or takes longer."""
        self._child.wait_until(self._ready, timeout)

    def request(
        self,
        path: str,
        method: str = "GET",
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
        timeout: float = 10,
    ) -> Response:
        """Send one request on a connection of its own; any status is an answer."""
        connection = self._connection(timeout)
        try:
            connection.request(method, path, body, {**self._headers, **(headers or {})})
            answer = connection.getresponse()
            names = {name.lower(): value for name, value in answer.getheaders()}
            return Response(answer.status, names, answer.read())
        finally:
            connection.close()

    def scrape(self, path: str = "/metrics") -> str:
        """Return the metrics as text; raise when the status is not 200."""
        answer = self.request(path)
        if answer.status != 200:
            raise RuntimeError(f"GET {path}: {answer.status} {answer.body[:200]!r}")
        return answer.body.decode()

    def families(self) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
        """Scrape and return (sample name, its labels) -> value; two alike are an error."""
        values: dict[tuple[str, frozenset[tuple[str, str]]], float] = {}
        for family in text_string_to_metric_families(self.scrape()):
            for sample in family.samples:
                key = (sample.name, frozenset(sample.labels.items()))
                if key in values:
                    raise ValueError(f"exposed twice: {key}")
                values[key] = sample.value
        return values

    def wait_for(self, line: str, timeout: float = 20) -> None:
        """Wait until a scrape holds this line; raise with the log's end if it never does."""
        self._child.wait_until(lambda: line in self.scrape().splitlines(), timeout)

    def log(self) -> str:
        """Return everything the daemon has printed on standard output and error."""
        return self._child.log()

    def signal(self, number: signal.Signals) -> None:
        """Send a signal, such as SIGHUP or SIGSTOP."""
        psutil.Process(self.pid).send_signal(number)

    def terminate(self, timeout: float = 10) -> int:
        """Send SIGTERM and return the exit code; kill and raise TimeoutError if too slow."""
        return self._child.stop(signal.SIGTERM, timeout)

    def wait(self, timeout: float = 10) -> int:
        """Wait for an end of its own accord and return the exit code, or raise TimeoutError."""
        return self._child.wait(timeout)

    def kill(self) -> None:
        """End the daemon as a power cut does (SIGKILL)."""
        self._child.kill()

    def rss_bytes(self) -> int:
        """Return the resident memory of the process."""
        return int(psutil.Process(self.pid).memory_info().rss)

    def _connection(self, timeout: float) -> HTTPConnection:
        if self._tls is None:
            return HTTPConnection("127.0.0.1", self.port, timeout=timeout)
        return HTTPSConnection("127.0.0.1", self.port, timeout=timeout, context=self._tls)

    def _ready(self) -> bool:
        try:
            return self.request("/-/ready", timeout=2).status == 200
        except (OSError, HTTPException):
            return False
