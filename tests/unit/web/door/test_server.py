"""The server over TLS: what holds without it holds with it, and no handshake holds anybody."""

from __future__ import annotations

import gc
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from time import monotonic

import pytest
from structlog.testing import capture_logs

from exporter.web.door import tls
from exporter.web.limits import Limits
from exporter.web.messages import Request, Response, sentence
from exporter.web.server import Server
from exporter.yaml_file import Place
from tests.support.certificates import Authority, Issued
from tests.unit.web.client import Client
from tests.unit.web.conftest import BIG_BYTES, answering

Start = Callable[..., Server]


@pytest.fixture
def start(issued: Issued) -> Iterator[Start]:
    """Return a function that starts a server; what the file says may be given."""
    with ExitStack() as stack:

        def started(
            handler: Callable[[Request], Response] = answering,
            said: dict[str, object] | None = None,
            **limits: float,
        ) -> Server:
            node = {"cert_file": str(issued.cert), "key_file": str(issued.key), **(said or {})}
            context = tls.context(tls.tls(Place(Path("/web.yml")), node))
            server = Server(["127.0.0.1:0"], handler, Limits(**limits), tls=lambda: context)  # type: ignore[arg-type]
            server.start()
            stack.callback(server.stop, 0)
            return server

        yield started


@pytest.fixture
def trusting(authority: Authority) -> ssl.SSLContext:
    """Return the context of a client that verifies the server."""
    return ssl.create_default_context(cafile=authority.cert)


@pytest.fixture
def connect(trusting: ssl.SSLContext) -> Iterator[Callable[..., Client]]:
    with ExitStack() as stack:

        def connected(
            server: Server,
            receive_buffer_bytes: int | None = None,
            context: ssl.SSLContext = trusting,
        ) -> Client:
            client = Client(server.addresses[0], receive_buffer_bytes, tls=context)
            return stack.enter_context(client)

        yield connected


def answered(connect: Callable[..., Client], server: Server, **how: ssl.SSLContext) -> None:
    """Connect and get an answer; with TLS 1.3 a client learns only then that it is refused."""
    client = connect(server, **how)
    client.ask()
    client.answer()


def raw(server: Server) -> socket.socket:
    host, _, port = server.addresses[0].rpartition(":")
    return socket.create_connection((host, int(port)), timeout=20)


def test_requests_are_answered_one_after_another_and_pipelined(start, connect):
    client = connect(start())
    client.send(b"".join(b"GET /%d HTTP/1.1\r\nHost: x\r\n\r\n" % i for i in range(500)))
    for i in range(500):
        assert client.answer().body == b"/%d\n" % i


def test_a_large_body_arrives_whole_also_at_a_slow_reader(start, connect):
    server = start()
    client = connect(server, receive_buffer_bytes=1 << 16)
    client.send(b"GET /big HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    assert len(client.answer().body) == BIG_BYTES
    assert client.until_closed() == b""


def test_both_versions_are_spoken_and_no_older_one(start, connect, trusting):
    server = start()
    for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
        trusting.minimum_version = ssl.TLSVersion.TLSv1_2
        trusting.maximum_version = version
        client = connect(server)
        client.ask("/x")
        assert client.answer().status == 200


def test_who_has_no_certificate_is_not_let_in_where_one_is_needed(start, connect, authority):
    said = {
        "client_auth_type": "RequireAndVerifyClientCert",
        "client_ca_file": str(authority.cert),
    }
    seen: list[frozenset[str]] = []

    def handler(request: Request) -> Response:
        seen.append(request.peer_names)
        return sentence(200, "In.")

    server = start(handler, said)
    with pytest.raises((ssl.SSLError, EOFError, ConnectionError)):
        answered(connect, server)
    somebody = authority.issue("client", "DNS:prometheus.example,IP:127.0.0.1,URI:spiffe://x/y")
    context = ssl.create_default_context(cafile=authority.cert)
    context.load_cert_chain(somebody.cert, somebody.key)
    client = connect(server, context=context)
    client.ask()
    assert client.answer().status == 200
    assert seen == [{"prometheus.example", "127.0.0.1", "spiffe://x/y"}]


def test_a_certificate_of_a_stranger_is_refused(start, connect, authority, tmp_path):
    said = {"client_auth_type": "VerifyClientCertIfGiven", "client_ca_file": str(authority.cert)}
    server = start(said=said)
    stranger = Authority(tmp_path).issue("stranger")
    context = ssl.create_default_context(cafile=authority.cert)
    context.load_cert_chain(stranger.cert, stranger.key)
    with pytest.raises((ssl.SSLError, EOFError, ConnectionError)):
        answered(connect, server, context=context)
    client = connect(server)
    client.ask()
    assert client.answer().status == 200


def test_half_handshakes_hold_nobody_and_end_in_time(start, connect):
    before = threading.active_count()
    server = start(handshake_seconds=0.5, max_handshakes=1000)
    halves = [raw(server) for _ in range(100)]
    for half in halves[::2]:
        half.sendall(b"\x16\x03\x01\x02\x00\x01")
    client = connect(server)
    client.ask("/x")
    assert client.answer().status == 200
    assert threading.active_count() == before + 1
    for half in halves:
        assert half.recv(1) == b""
        half.close()


def test_the_oldest_handshake_makes_room_for_the_newest(start, connect):
    server = start(handshake_seconds=60, max_handshakes=40)
    halves = [raw(server) for _ in range(100)]
    client = connect(server)
    client.ask("/x")
    assert client.answer().status == 200
    for half in halves[:60]:
        assert half.recv(1) == b""
    for half in halves:
        half.close()


def test_who_speaks_plain_http_or_nonsense_costs_one_connection(start, connect):
    server = start()
    with capture_logs() as logs:
        for nonsense in (b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", b"\x16\x03\x01\x00\x05hello", b"\0"):
            with raw(server) as other:
                other.sendall(nonsense)
                other.shutdown(socket.SHUT_WR)
                try:
                    while other.recv(4096):
                        pass
                except ConnectionResetError:
                    pass
        client = connect(server)
        client.ask("/x")
        assert client.answer().status == 200
        assert server._traffic.stalled == {}
    gc.collect()
    assert logs == []


@pytest.mark.parametrize("path", ["/big", "/medium"])
def test_a_reader_that_stops_reading_is_cut(start, connect, path):
    server = start(stall_seconds=0.3)
    stuck, other = connect(server, receive_buffer_bytes=4096), connect(server)
    stuck.ask(path)
    while server.connections == 2:
        other.ask("/other")
        assert other.answer().body == b"/other\n"


def test_silent_and_idle_connections_are_closed_also_when_they_do_not_say_goodbye(start, connect):
    server = start(header_seconds=0.2, idle_seconds=0.2, stall_seconds=0.3)
    silent, idle = connect(server), connect(server)
    idle.ask()
    assert idle.answer().status == 200
    while server.connections:  # Neither of the two reads, so neither answers the end.
        pass
    assert silent.until_closed() == b""


def test_the_server_stops_in_time_with_handshakes_and_readers_under_way(start, connect):
    server = start()
    halves = [raw(server) for _ in range(20)]
    stuck = connect(server, receive_buffer_bytes=4096)
    stuck.ask("/big")
    stuck.socket.recv(1)
    started = monotonic()
    server.stop(1.0)
    assert monotonic() - started <= 2
    assert server.connections == 0
    for half in halves:
        half.close()


def test_a_certificate_changes_while_connections_go_on(issued, authority, trusting):
    def context(of: Issued) -> ssl.SSLContext:
        node = {"cert_file": str(of.cert), "key_file": str(of.key)}
        return tls.context(tls.tls(Place(Path("/web.yml")), node))

    contexts = [context(issued)]
    server = Server(["127.0.0.1:0"], answering, tls=lambda: contexts[-1])
    server.start()
    try:
        with Client(server.addresses[0], tls=trusting) as old:
            contexts.append(context(authority.issue("second", "IP:127.0.0.1,DNS:second")))
            with Client(server.addresses[0], tls=trusting) as new:
                for client in (old, new):
                    client.ask()
                    assert client.answer().status == 200
                names = dict(new.socket.getpeercert()["subjectAltName"])
                assert names["DNS"] == "second"
    finally:
        server.stop(0)
