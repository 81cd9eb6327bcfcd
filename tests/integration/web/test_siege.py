"""Whoever comes, and however many: the next good scrape is answered, and nothing of them stays."""

from __future__ import annotations

import resource
import signal
import socket
import statistics
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from time import monotonic

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from tests.integration.web.crowd import (
    CHILDREN,
    GROWTH_BYTES,
    Watch,
    crowd,
    large_state,
    slowness,
    trickle,
)
from tests.integration.web.world import ALONE, LOGIN, World
from tests.support.exporter import ExporterProcess
from tests.unit.web.client import Client
from tests.unit.web.test_hostile import REQUESTS

ASK = b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n"
NEEDED_DESCRIPTORS = 2_000
ROUNDS, REQUESTS_A_ROUND = 200, 50


@pytest.fixture(scope="module", autouse=True)
def _descriptors() -> Iterator[None]:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < NEEDED_DESCRIPTORS:
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(NEEDED_DESCRIPTORS, hard), hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.fixture(scope="module")
def daemon(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ExporterProcess]:
    """Run a daemon that exposes 100,000 lines."""
    folder = tmp_path_factory.mktemp("siege")
    state = large_state(folder / "state")
    with ExporterProcess(folder, *ALONE, "--state.path", str(state)) as daemon:
        daemon.wait_ready()
        assert daemon.scrape().count("\n") > 13 * CHILDREN
        yield daemon
        assert "Traceback" not in daemon.log()
        assert '"level": "error"' not in daemon.log()
        assert daemon.terminate() == 0


@pytest.fixture
def watch(daemon: ExporterProcess) -> Watch:
    return Watch(daemon)


def told(what: str, watch: Watch, gone: float = 0.0) -> None:
    text = f"slowest scrape {watch.slowest:.3f} s, memory +{watch.growth >> 10} kB"
    print(f"{what}: {text}, all gone after {gone:.1f} s, load {slowness():.1f}")


PROTOBUF = "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily"


@pytest.mark.parametrize("coding", ["gzip", "identity"])
@pytest.mark.parametrize("kind", [f"{PROTOBUF};encoding=delimited", "application/openmetrics-text"])
def test_the_first_scrape_of_a_form_is_answered_in_it(
    daemon: ExporterProcess, kind: str, coding: str
) -> None:
    headers = {"Accept": f"{kind};q=0.6,*/*;q=0.1", "Accept-Encoding": coding}
    told = {**headers, "X-Prometheus-Scrape-Timeout-Seconds": "10"}
    started = monotonic()
    answer = daemon.request("/metrics", headers=told, timeout=20)
    print(f"first {kind} {coding}: {monotonic() - started:.2f} s, load {slowness():.1f}")
    assert answer.status == 200
    assert answer.headers["content-type"].startswith(kind.partition(";")[0])


def test_a_thousand_who_say_nothing_keep_nobody_out(daemon: ExporterProcess, watch: Watch) -> None:
    with crowd(daemon, 1_000):
        started = monotonic()
        watch.check()
        told("1,000 silent", watch, watch.until_alone(started))


def small_window(client: socket.socket) -> None:
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)


def test_fifty_who_do_not_read_keep_nobody_out(daemon: ExporterProcess, watch: Watch) -> None:
    with crowd(daemon, 50, ASK, small_window) as readers:
        for reader in readers:
            with suppress(ConnectionResetError):  # It has made room already.
                reader.recv(1)
        started = monotonic()
        watch.check()
        told("50 not reading", watch, watch.until_alone(started))


def test_headers_of_a_byte_a_second_keep_nobody_out(daemon: ExporterProcess, watch: Watch) -> None:
    with crowd(daemon, 200, b"GET /metrics HTTP/1.1\r\nHost: x\r\nX: ") as slow:
        started = monotonic()
        while watch.open_connections() > watch.connections:
            watch.check()
            trickle(slow, 1.0)
            assert monotonic() - started <= 15 + slowness()
        told("200 trickling", watch, monotonic() - started)


def test_large_headers_and_long_pipelines_keep_nobody_out(
    daemon: ExporterProcess, watch: Watch
) -> None:
    large = b"GET /metrics HTTP/1.1\r\nHost: x\r\nCookie: " + b"x" * 65_536
    with crowd(daemon, 100, large), crowd(daemon, 20, ASK * 1_000, small_window):
        started = monotonic()
        watch.check()
        told("64 kB headers, pipelines", watch, watch.until_alone(started))


def test_half_handshakes_keep_nobody_out(tmp_path: Path) -> None:
    world = World.of(tmp_path / "world", "web-config.yml")
    hello = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"
    with world.serve(headers=LOGIN) as daemon:
        daemon.wait_ready()
        watch = Watch(daemon)
        with crowd(daemon, 200), crowd(daemon, 200, hello):
            started = monotonic()
            watch.check()
            told("400 half handshakes", watch, watch.until_alone(started))
        assert "Traceback" not in daemon.log()


def test_ten_thousand_malformed_requests_leave_nothing_behind(
    daemon: ExporterProcess, watch: Watch
) -> None:
    @settings(
        max_examples=ROUNDS,
        database=None,
        phases=[Phase.generate],
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(st.lists(REQUESTS, min_size=REQUESTS_A_ROUND, max_size=REQUESTS_A_ROUND))
    def send(many: list[bytes]) -> None:
        for each in many:
            with Client(f"127.0.0.1:{daemon.port}") as hostile:
                hostile.send(each)
        watch.check()

    send()
    told("10,000 malformed", watch, watch.until_alone(monotonic()))


def test_sixteen_scrapers_at_a_time_share_one_body(daemon: ExporterProcess, watch: Watch) -> None:
    def scraped(_: int) -> float:
        """Read all there is and keep nothing: it is not the client that is measured."""
        started, read, buffer = monotonic(), 0, bytearray(1 << 20)
        with Client(f"127.0.0.1:{daemon.port}") as client:
            client.send(ASK.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"))
            while found := client.socket.recv_into(buffer):
                read += found
        assert read > 100 * 13 * CHILDREN
        return monotonic() - started

    floor = min(map(scraped, range(10)))
    with ThreadPoolExecutor(16) as pool:
        together = list(pool.map(scraped, range(160)))
    watch.check()
    ratio = statistics.median(together) / floor
    told(f"16 scrapers: median {ratio:.1f} times the floor of {floor * 1000:.0f} ms", watch)
    assert watch.growth <= GROWTH_BYTES


def test_the_end_does_not_wait_for_those_who_do_not_read(tmp_path: Path) -> None:
    state = large_state(tmp_path / "state")
    with ExporterProcess(tmp_path, *ALONE, "--state.path", str(state)) as daemon:
        daemon.wait_ready()
        daemon.scrape()
        with crowd(daemon, 30, ASK, small_window) as readers, crowd(daemon, 100, b"GET /"):
            for reader in readers:
                reader.recv(1)
            started = monotonic()
            daemon.signal(signal.SIGTERM)
            assert daemon.wait(10) == 0
            took = monotonic() - started
    print(f"ended after {took:.2f} s, load {slowness():.1f}")
    assert took <= 2.0 * slowness()
