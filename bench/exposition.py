"""What it costs to publish and to be scraped, beside prometheus_client on the same content.

`python -m bench.exposition [--lines N]`: CPU of the process that serves, the client being another
one; all kinds of work take their turns in one run, so that a busy machine treats them alike.
"""

from __future__ import annotations

import argparse
import random
import socket
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing import get_context
from multiprocessing.connection import Connection
from time import perf_counter, process_time_ns

import prometheus_client
import psutil

from bench.rounds import Cost, Round, costs, timed
from exporter import catalogue
from exporter.clock import Clock
from exporter.sampler.sampler import Sampler
from exporter.samples import Batch, Labels, Sample
from exporter.telemetry.forms import Form
from exporter.telemetry.ledger import Ledger
from exporter.telemetry.limits import Limits
from exporter.telemetry.process import ProcessTables, memory_trimmer
from exporter.telemetry.scrape import Scrape
from exporter.telemetry.store import Store
from exporter.telemetry.text import TEXT
from exporter.web.routes import Routes
from exporter.web.server import Server

FAMILY = catalogue.TASK_DURATION
LINES_PER_CHILD = len(FAMILY.buckets) + 3
OPERATORS = ("PythonOperator", "DockerOperator", "KubernetesPodOperator", "BashOperator")
TASKS = 20
OBSERVATIONS = 5
CHANGED = (10, 77, 770)
FORMATS = {
    "OpenMetrics": "application/openmetrics-text",
    "protobuf": "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;"
    "encoding=delimited",
}
TURNS = 12
THEIR_TURNS = 3
GOAL_TIMES = 100
GOAL_SENDALL = 5
GOAL_CHILD_BYTES = 3000


def main() -> None:
    """Fill both, let everything take its turns, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--lines", type=int, default=100_009)
    children = -(-parser.parse_args().lines // LINES_PER_CHILD)
    print(f"{children:,} children of {FAMILY.name}: {children * LINES_PER_CHILD:,} lines")
    store, labels = filled(children)
    with _served(store) as scraped, _bare(store) as sent:
        rounds = {
            **{f"publish, {n} changed": _published(store, labels, n) for n in CHANGED},
            "scrape, text": lambda: scraped("identity", "*/*"),
            "scrape, gzip": lambda: scraped("gzip", "*/*"),
            "bare sendall of the text": sent,
        }
        ours = costs(rounds, TURNS)
        first = {what: _waited(store, scraped, accept) for what, accept in FORMATS.items()}
        theirs = costs({"generate_latest": _theirs(labels)}, THEIR_TURNS)["generate_latest"]
    for what, cost in (*ours.items(), ("prometheus_client generate_latest", theirs)):
        print(f"{what:34} {cost.best / 1000:10.2f} ms  (typical {cost.typical / 1000:.2f})")
    for what, seconds in first.items():
        print(f"first scrape, {what}, gzip: {seconds:.2f} s until it was answered")
    _verdict(ours, theirs)


def _verdict(ours: dict[str, Cost], theirs: Cost) -> None:
    # Medians: now and then the kernel charges the reader for nearly all that is sent to it.
    text, floor = ours["scrape, text"].typical, ours["bare sendall of the text"].typical
    mark = "kept" if text <= GOAL_SENDALL * floor else "MISSED"
    print(f"text scrape vs bare sendall: {text / floor:.1f} x ({mark} <= {GOAL_SENDALL})")
    cycle = ours["publish, 77 changed"].best + ours["scrape, gzip"].best
    times = theirs.best / cycle
    mark = "kept" if times >= GOAL_TIMES else "MISSED"
    print(f"publish+scrape vs prometheus_client: {times:.0f} x ({mark} >= {GOAL_TIMES})")


def filled(children: int) -> tuple[Store, list[Labels]]:
    """Return a store with some observations in each child, and print what it takes."""
    labels: list[Labels] = [
        (f"bronze_orders_pipeline_{dag:04}", f"transform_silver_{task:03}", OPERATORS[n % 4])
        for n in range(children)
        for dag, task in (divmod(n, TASKS),)
    ]
    clock = Clock()
    before = _rss()
    limits = Limits(0.0, max_histogram_children=children)
    store = Store(catalogue.FAMILIES, limits, Ledger(None, clock), clock)
    for of_child, values in zip(labels, _observations(children), strict=True):
        store.put("bench", Batch(increments=[Sample(FAMILY, of_child, each) for each in values]))
    filled = _rss()
    for packed in (False, True):
        store.exposition.body(Form(TEXT, packed))
    store.publish()
    state, whole = ((rss - before) / children for rss in (filled, _rss()))
    mark = "kept" if whole <= GOAL_CHILD_BYTES else "MISSED"
    print(f"RSS per child: state {state:.0f} B, ", end="")
    print(f"with text and its gzip {whole:.0f} B ({mark} <= {GOAL_CHILD_BYTES})")
    return store, labels


def _rss() -> int:
    """Return the resident memory, what is free given back as the daemon does it now and then."""
    memory_trimmer()()
    return int(psutil.Process().memory_info().rss)


def _observations(children: int) -> Iterator[list[float]]:
    chance = random.Random(7)
    for _ in range(children):
        yield [round(chance.lognormvariate(4, 1.6), 6) for _ in range(OBSERVATIONS)]


def _published(store: Store, labels: Sequence[Labels], changed: int) -> Round:
    chance = random.Random(changed)

    def once() -> float:
        some = chance.sample(labels, min(changed, len(labels)))
        store.put("bench", Batch(increments=[Sample(FAMILY, each, 17.0) for each in some]))
        return timed(store.publish)()

    return once


def _waited(store: Store, scraped: Callable[[str, str], float], accept: str) -> float:
    """Return how many seconds the first scrape of a format takes while the daemon samples."""
    sampler = Sampler(store, Clock(), list)
    sampler.start()
    try:
        began = perf_counter()
        scraped("gzip", accept)
        return perf_counter() - began
    finally:
        sampler.stop(1.0)


def _theirs(labels: Sequence[Labels]) -> Round:
    prometheus_client.disable_created_metrics()
    registry = prometheus_client.CollectorRegistry()
    histogram = prometheus_client.Histogram(
        FAMILY.name, FAMILY.help, FAMILY.labels, buckets=FAMILY.buckets, registry=registry
    )
    for of_child, values in zip(labels, _observations(len(labels)), strict=True):
        child = histogram.labels(*of_child)
        for each in values:
            child.observe(each)
    return timed(lambda: prometheus_client.generate_latest(registry))


@dataclass(frozen=True)
class _Reader:
    """A process that connects to a port and reads what it is told to ask for."""

    pipe: Connection

    def read(self, request: bytes, size: int) -> None:
        """Have `size` bytes read, or one HTTP answer when it is 0; return when it is done."""
        self.pipe.send((request, size))
        self.pipe.recv()


@contextmanager
def _reader(port: int) -> Iterator[_Reader]:
    ours, its = get_context("spawn").Pipe()
    process = get_context("spawn").Process(target=_read, args=(port, its), daemon=True)
    process.start()
    try:
        yield _Reader(ours)
    finally:
        process.terminate()
        process.join()


def _read(port: int, pipe: Connection) -> None:
    buffer = bytearray(1 << 20)
    with socket.create_connection(("127.0.0.1", port)) as connection:
        while True:
            request, left = pipe.recv()
            connection.sendall(request)
            if not left:
                head = b""
                while b"\r\n\r\n" not in head:
                    head += connection.recv(1 << 16)
                start, _, rest = head.partition(b"\r\n\r\n")
                left = int(start.lower().partition(b"content-length: ")[2].split()[0]) - len(rest)
            while left:
                left -= connection.recv_into(buffer)
            pipe.send(None)


@contextmanager
def serving(store: Store) -> Iterator[int]:
    """Serve the store; yield the port."""
    routes = Routes(
        scrape=Scrape(store.exposition, ProcessTables(Clock())),
        healthy=lambda: None,
        ready=lambda: None,
        collectors=list,
        version="bench",
    )
    server = Server(["127.0.0.1:0"], routes)
    server.start()
    try:
        yield int(server.addresses[0].rpartition(":")[2])
    finally:
        server.stop()


@contextmanager
def _served(store: Store) -> Iterator[Callable[[str, str], float]]:
    """Serve the store; yield what scrapes it once, in a coding and format: returns the CPU."""
    with serving(store) as port, _reader(port) as reader:

        def scrape(coding: str, accept: str) -> float:
            headers = f"Host: bench\r\nAccept: {accept}\r\nAccept-Encoding: {coding}"
            request = f"GET /metrics HTTP/1.1\r\n{headers}\r\n\r\n".encode()
            began = process_time_ns()
            reader.read(request, 0)
            return (process_time_ns() - began) / 1000

        yield scrape


@contextmanager
def _bare(store: Store) -> Iterator[Round]:
    """Yield what sends the text by one system call's worth of Python, the floor of a scrape."""
    body = store.exposition.body(Form(TEXT))
    text = b"".join(body.blocks)  # type: ignore[union-attr]
    with (
        socket.create_server(("127.0.0.1", 0)) as listening,
        _reader(listening.getsockname()[1]) as reader,
        listening.accept()[0] as connection,
    ):

        def once() -> float:
            reader.pipe.send((b"", len(text)))
            began = process_time_ns()
            connection.sendall(text)
            taken = process_time_ns() - began
            reader.pipe.recv()
            return taken / 1000

        yield once


if __name__ == "__main__":
    main()
