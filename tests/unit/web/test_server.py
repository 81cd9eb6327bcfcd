"""Many clients, the caps, and the start and stop of the server."""

from __future__ import annotations

import itertools
import os
import resource
import socket
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from time import monotonic

import pytest
from structlog.testing import capture_logs

from exporter.errors import ConfigError
from exporter.web.messages import Request, Response, sentence
from exporter.web.server import Server
from tests.unit.web.client import Client
from tests.unit.web.conftest import BIG_BYTES, Connect, Serve, answering


def test_one_thread_serves_however_many_connections(serve: Serve, connect: Connect) -> None:
    before = threading.active_count()
    server = serve()
    clients = [connect(server) for _ in range(100)]
    for client in clients:
        client.ask("/x")
        client.answer()
    assert server.connections == 100
    assert threading.active_count() == before + 1


def test_a_connection_above_the_cap_takes_the_place_of_the_one_that_waits_longest(
    serve: Serve, connect: Connect
) -> None:
    server = serve(max_connections=2, header_seconds=60, idle_seconds=60)
    first, second = connect(server), connect(server)
    for client in (second, first):
        client.ask()
        client.answer()
    first.send(b"GET / HTTP")  # Half a request is none yet.
    third = connect(server)
    third.ask()
    assert third.answer().status == 200
    assert second.until_closed() == b""
    fourth = connect(server)
    fourth.ask()
    assert fourth.answer().status == 200
    assert first.until_closed() == b""
    assert server.connections == 2


def test_where_nobody_waits_a_connection_above_the_cap_is_turned_away(
    serve: Serve, connect: Connect
) -> None:
    seen: list[tuple[str, int]] = []
    server = serve(max_connections=1, on_response=lambda *kind: seen.append(kind))
    busy = connect(server, receive_buffer_bytes=4096)
    busy.ask("/big")
    busy.socket.recv(1, socket.MSG_PEEK)
    turned_away = connect(server)
    assert turned_away.answer().status == 503
    assert turned_away.until_closed() == b""
    assert len(busy.answer().body) == BIG_BYTES
    assert seen == [("other", 200), ("other", 503)]


def test_who_does_not_read_makes_room_for_a_request_above_the_limit(
    serve: Serve, connect: Connect
) -> None:
    server = serve(max_requests=2, patience_seconds=0.1, stall_seconds=60)
    stuck = [connect(server, receive_buffer_bytes=4096) for _ in range(2)]
    for client in stuck:
        client.ask("/big")
        client.socket.recv(1, socket.MSG_PEEK)
    assert until_answered(server) > 0
    assert len(stuck[0].until_closed()) < BIG_BYTES
    assert len(stuck[1].answer().body) == BIG_BYTES  # Only the longest was let go.


def test_requests_above_the_limit_get_503_and_a_close_but_vital_ones_do_not(
    serve: Serve, connect: Connect
) -> None:
    server = serve(max_requests=1, patience_seconds=60)
    slow = connect(server, receive_buffer_bytes=4096)
    slow.ask("/big")
    slow.socket.recv(1)
    other = connect(server)
    other.ask("/vital")
    assert other.answer().status == 200
    other.ask("/x")
    busy = other.answer()
    assert (busy.status, busy.body.count(b"\n"), busy.headers["connection"]) == (503, 1, "close")
    assert other.until_closed() == b""
    slow.socket.close()
    assert until_answered(server) > 0


def until_answered(server: Server) -> int:
    """Ask on new connections until one is answered; return how many that took."""
    for asked in itertools.count(1):
        with Client(server.addresses[0]) as client:
            client.ask("/x")
            if client.answer().status == 200:
                return asked
    raise AssertionError


def test_no_limit_of_requests_is_zero(serve: Serve, connect: Connect) -> None:
    server = serve(max_requests=0)
    for _ in range(3):
        slow = connect(server, receive_buffer_bytes=4096)
        slow.ask("/big")
        slow.socket.recv(1)
    last = connect(server)
    last.ask("/x")
    assert last.answer().status == 200


def test_the_request_reaches_the_handler_decoded(serve: Serve, connect: Connect) -> None:
    seen: list[Request] = []

    def handler(request: Request) -> Response:
        seen.append(request)
        return sentence(200, "Seen.")

    client = connect(serve(handler))
    client.send(b"GET /a%2Fb?c=%20 HTTP/1.1\r\nHost: x\r\nACCEPT: a\r\nAccept: b;q=0\r\n\r\n")
    client.answer()
    (request,) = seen
    assert (request.method, request.path, request.query) == ("GET", "/a/b", "c=%20")
    assert dict(request.headers) == {"host": "x", "accept": "a, b;q=0"}


def test_a_running_download_completes_when_it_fits_the_drain(
    serve: Serve, connect: Connect
) -> None:
    server = serve()
    client, idle = connect(server, receive_buffer_bytes=1 << 16), connect(server)
    client.ask("/big")
    client.socket.recv(1, socket.MSG_PEEK)  # The answer has begun.
    with ThreadPoolExecutor() as pool:
        stopped = pool.submit(server.stop, 15)
        assert idle.until_closed() == b""  # At once, while the download goes on.
        assert len(client.answer().body) == BIG_BYTES
        assert client.until_closed() == b""
        stopped.result()


def test_what_does_not_fit_the_drain_is_cut_within_two_seconds(
    serve: Serve, connect: Connect
) -> None:
    server = serve()
    stuck = [connect(server, receive_buffer_bytes=4096) for _ in range(5)]
    for client in stuck:
        client.ask("/big")
        client.socket.recv(1, socket.MSG_PEEK)
    half = connect(server)
    half.send(b"GET / HTTP")
    started = monotonic()
    server.stop()
    assert monotonic() - started <= 2
    assert server.connections == 0
    for client in stuck:
        assert len(client.until_closed()) < BIG_BYTES


def test_a_stopped_server_leaves_no_thread_and_refuses_connections(serve: Serve) -> None:
    before = set(threading.enumerate())
    server = serve()
    server.stop()
    assert set(threading.enumerate()) == before
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", int(server.addresses[0].rpartition(":")[2])))
    server.stop()  # A second stop changes nothing.


def test_a_request_that_ends_during_the_drain_is_answered_and_closed(
    serve: Serve, connect: Connect
) -> None:
    server = serve()
    client, idle = connect(server), connect(server)
    idle.ask()
    idle.answer()
    client.send(b"GET /late HTTP/1.1\r\n")
    client_seen = connect(server)
    client_seen.ask()
    client_seen.answer()  # So the half request has been read as well.
    with ThreadPoolExecutor() as pool:
        stopped = pool.submit(server.stop, 15)
        assert idle.until_closed() == b""
        client.send(b"Host: x\r\n\r\n")
        answer = client.answer()
        stopped.result()
    assert (answer.body, answer.headers["connection"]) == (b"/late\n", "close")


def test_a_handler_that_hangs_does_not_hold_the_stop(serve: Serve, connect: Connect) -> None:
    entered, release = threading.Event(), threading.Event()

    def hanging(_request: Request) -> Response:
        entered.set()
        release.wait(20)
        return sentence(200, "At last.")

    server = serve(hanging)
    (thread,) = (thread for thread in threading.enumerate() if thread.name == "web")
    connect(server).ask()
    entered.wait(20)
    started = monotonic()
    server.stop(0.1)
    assert monotonic() - started <= 2
    release.set()
    thread.join(20)


def test_a_taken_port_is_one_sentence_and_frees_the_others(serve: Serve) -> None:
    taken = serve().addresses[0]
    server = Server(["127.0.0.1:0", taken], answering)
    with pytest.raises(ConfigError, match=rf"^Cannot listen on {taken}: Address already in use\.$"):
        server.start()
    server.stop()


def test_several_addresses_are_served_alike() -> None:
    server = Server(["127.0.0.1:0", "localhost:0", ":0"], answering)
    server.start()
    try:
        assert len(set(server.addresses)) == 3
        for address in server.addresses:
            with Client(address.replace("0.0.0.0", "127.0.0.1").replace("[::]", "[::1]")) as client:
                client.ask("/x")
                assert client.answer().status == 200
    finally:
        server.stop(0)


def test_a_callback_that_raises_costs_one_connection_only(serve: Serve, connect: Connect) -> None:
    errors = iter([LookupError()])

    def on_response(_path_class: str, _status: int) -> None:
        for error in errors:
            raise error

    server = serve(on_response=on_response)
    with capture_logs() as logs:
        client = connect(server)
        client.ask()
        assert client.until_closed() == b""
    assert [log["event"] for log in logs] == ["web.failed"]
    other = connect(server)
    other.ask()
    assert other.answer().status == 200


def test_without_descriptors_the_server_waits_and_logs_once(serve: Serve, connect: Connect) -> None:
    server = serve()
    known = connect(server)
    known.ask()
    known.answer()
    with Client(server.addresses[0], connect=False) as late, capture_logs() as logs:
        with _no_descriptors_left():
            late.connect()
            while not logs:
                known.ask()  # Who is in already, is served.
                assert known.answer().status == 200
        late.ask()
        assert late.answer().status == 200
    assert [log["event"] for log in logs] == ["web.accept_failed"]


@contextmanager
def _no_descriptors_left() -> Iterator[None]:
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    taken: list[int] = []
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(256, limits[1]), limits[1]))
    try:
        with suppress(OSError):
            while True:
                taken.append(os.dup(0))
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)
        for descriptor in taken:
            os.close(descriptor)
