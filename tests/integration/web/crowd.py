"""Clients that want nothing good, and what the daemon looks like meanwhile."""

from __future__ import annotations

import os
import select
import socket
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from time import monotonic

import psutil

from exporter import catalogue
from exporter.clock import Clock
from exporter.samples import Batch, Sample
from exporter.telemetry.ledger import Ledger
from exporter.telemetry.limits import Limits
from exporter.telemetry.store import Store
from tests.support.exporter import ExporterProcess

CHILDREN = 7_693
"""Of a histogram with 13 lines each: 100,009 lines, some 15 MB."""
GOOD_SECONDS, GONE_SECONDS, GROWTH_BYTES = 1.0, 15.0, 20 << 20


def slowness() -> float:
    """Return how many programs share a processor: 1 on a machine that has the time."""
    return max(1.0, os.getloadavg()[0] / (os.cpu_count() or 1))


def large_state(directory: Path) -> Path:
    """Make a ledger from which a daemon exposes 100,009 lines more."""
    store = Store(catalogue.FAMILIES, Limits(hold_seconds=0), Ledger(directory, Clock()), Clock())
    labels = [(f"dag_{n // 20}", f"task_{n}", "PythonOperator") for n in range(CHILDREN)]
    samples = [Sample(catalogue.TASK_DURATION, each, 1.5) for each in labels]
    store.put("test", Batch(increments=samples))
    store.close()
    return directory


class Watch:
    """The daemon before, and what of it may have grown since."""

    def __init__(self, daemon: ExporterProcess) -> None:
        self._process = psutil.Process(daemon.pid)
        self._daemon = daemon
        for _ in range(3):  # What is made once is there.
            self.scrape()
        self._threads = self._process.num_threads()
        self._memory = self._process.memory_info().rss
        self.connections = self.open_connections()
        self.slowest = 0.0
        self.growth = 0

    def scrape(self) -> None:
        """Scrape as Prometheus does; a busy daemon may be asked again, within the second."""
        started = monotonic()
        while answer := self._daemon.request("/metrics", headers={"Accept-Encoding": "gzip"}):
            if answer.status == 200 or monotonic() - started > GOOD_SECONDS * slowness():
                break
        assert answer.status == 200
        took = monotonic() - started
        assert took <= GOOD_SECONDS * slowness()
        self.slowest = max(getattr(self, "slowest", 0.0), took)

    def check(self) -> None:
        """Scrape, and look at the process."""
        self.scrape()
        # A sample under way may have a watchdog.
        assert self._process.num_threads() <= self._threads
        self.growth = max(self.growth, self._process.memory_info().rss - self._memory)
        assert self.growth <= GROWTH_BYTES

    def open_connections(self) -> int:
        """Return how many connections the daemon has."""
        found = self._process.net_connections(kind="tcp")
        return sum(each.status != psutil.CONN_LISTEN for each in found)

    def until_alone(self, since: float) -> float:
        """Check on until all of the crowd are gone; return after how many seconds that was."""
        while self.open_connections() > self.connections:
            assert monotonic() - since <= GONE_SECONDS + slowness()
            self.check()
        return monotonic() - since


@contextmanager
def crowd(
    daemon: ExporterProcess,
    size: int,
    first: bytes = b"",
    prepared: Callable[[socket.socket], object] = lambda _: None,
) -> Iterator[Sequence[socket.socket]]:
    """Connect so many clients, who each say one thing and are not heard of again."""
    clients: list[socket.socket] = []
    try:
        for _ in range(size):
            client = socket.socket()
            clients.append(client)
            prepared(client)
            client.settimeout(20)
            client.connect(("127.0.0.1", daemon.port))
            with suppress(OSError):  # It was let go already.
                client.sendall(first)
        yield clients
    finally:
        for client in clients:
            client.close()


def trickle(clients: Sequence[socket.socket], seconds: float) -> None:
    """Have each say one byte, then wait as long."""
    for client in clients:
        with suppress(OSError):
            client.send(b"x")
    select.select([], [], [], seconds)
