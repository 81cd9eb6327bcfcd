"""Requests with bodies, and answers that another thread makes."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor

import pytest
from hypothesis import example, given
from structlog.testing import capture_logs

from exporter.web.limits import Limits
from exporter.web.messages import Request, Response, Unable, WithBody, sentence
from exporter.web.server import Server
from tests.unit.web.client import Client
from tests.unit.web.conftest import Connect, Serve
from tests.unit.web.test_hostile import REQUESTS

MOST_BYTES = 100_000
NEVER_5XX = Unable(busy=429, defect=429, unspoken=400, path_class="/echo")


def echo(body: bytes) -> Response:
    if body == b"defect":
        raise RuntimeError("the password is hunter2")
    if body == b"nothing":
        return Response(204, "", ())
    return Response(200, "application/octet-stream", (body,))


def echoing(request: Request) -> Response | WithBody:
    """Answer a POST with its own body, and everything else with its path."""
    if request.method == "POST":
        return WithBody(MOST_BYTES, echo, path_class="/echo")
    return sentence(200, request.path)


class Later:
    """Answers that are made when the test says so."""

    def __init__(self) -> None:
        self.pending: list[Future[Response]] = []
        self.asked = threading.Semaphore(0)

    def __call__(self, request: Request) -> Response | Future[Response]:
        if request.path == "/now":
            return sentence(200, "Now.")
        self.pending.append(Future())
        self.asked.release()
        return self.pending[-1]

    def wait_asked(self) -> None:
        assert self.asked.acquire(timeout=20)


def post(client: Client, body: bytes, *headers: str) -> None:
    lines = ["POST /echo HTTP/1.1", "Host: x", f"Content-Length: {len(body)}", *headers, "", ""]
    client.send("\r\n".join(lines).encode() + body)


@pytest.mark.parametrize("size", [0, 1, 16 * 1024, MOST_BYTES])
def test_a_body_reaches_the_handler_whole(serve: Serve, connect: Connect, size: int) -> None:
    client = connect(serve(echoing))
    for _ in range(2):
        post(client, b"x" * size)
        assert client.answer().body == b"x" * size


def test_a_body_may_come_byte_by_byte(serve: Serve, connect: Connect) -> None:
    client = connect(serve(echoing))
    client.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    for byte in b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello":
        client.send(bytes((byte,)))
    assert client.answer().body == b"hello"


def test_requests_with_and_without_bodies_may_be_pipelined(serve: Serve, connect: Connect) -> None:
    client = connect(serve(echoing))
    first = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc"
    client.send((first + b"GET /two HTTP/1.1\r\nHost: x\r\n\r\n") * 100)
    for _ in range(100):
        assert client.answer().body == b"abc"
        assert client.answer().body == b"/two\n"


def test_a_body_that_is_too_large_is_refused_unread(serve: Serve, connect: Connect) -> None:
    seen: list[tuple[str, int]] = []
    client = connect(serve(echoing, on_response=lambda *kind: seen.append(kind), linger_seconds=5))
    post(client, b"x" * (MOST_BYTES + 1))
    answer = client.answer()
    assert (answer.status, answer.headers["connection"]) == (413, "close")
    assert client.until_closed() == b""
    assert seen == [("/echo", 413)]


@pytest.mark.parametrize("header", ["X: y", "Transfer-Encoding: chunked"])
def test_a_body_without_a_length_is_refused(serve: Serve, connect: Connect, header: str) -> None:
    client = connect(serve(echoing))
    client.send(f"POST / HTTP/1.1\r\nHost: x\r\n{header}\r\n\r\n".encode())
    assert client.answer().status == 411
    assert client.until_closed() == b""


def test_who_waits_for_a_word_before_the_body_gets_it(serve: Serve, connect: Connect) -> None:
    client = connect(serve(echoing))
    for _ in range(2):
        client.send(
            b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n"
        )
        assert client.answer().status == 100
        client.send(b"hello")
        assert client.answer().body == b"hello"


def test_who_waits_for_a_word_and_is_refused_need_not_send_the_body(
    serve: Serve, connect: Connect
) -> None:
    client = connect(serve(echoing))
    client.send(
        b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 500000\r\nExpect: 100-continue\r\n\r\n"
    )
    assert client.answer().status == 413
    assert client.until_closed() == b""


def test_a_body_that_does_not_come_is_not_waited_for(serve: Serve, connect: Connect) -> None:
    seen: list[tuple[str, int]] = []
    server = serve(echoing, on_response=lambda *kind: seen.append(kind), body_seconds=0.2)
    client = connect(server)
    client.send(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhell")
    assert client.answer().status == 408
    assert client.until_closed() == b""
    assert seen == [("/echo", 408)]


def test_no_content_has_neither_length_nor_type(serve: Serve, connect: Connect) -> None:
    client = connect(serve(echoing))
    for _ in range(2):
        post(client, b"nothing")
        answer = client.answer()
        assert answer.status == 204
        assert not {"content-length", "content-type"} & answer.headers.keys()


def test_a_defect_after_the_body_is_answered_plainly_and_logged_once(
    serve: Serve, connect: Connect
) -> None:
    client = connect(serve(echoing))
    with capture_logs() as logs:
        post(client, b"defect")
        answer = client.answer()
    assert (answer.status, b"hunter2" in answer.body) == (500, False)
    assert [(log["event"], log["path"]) for log in logs] == [("request.failed", "/echo")]
    post(client, b"fine")
    assert client.answer().body == b"fine"


def test_an_answer_that_another_thread_makes_is_waited_for(serve: Serve, connect: Connect) -> None:
    later = Later()
    server = serve(later)
    slow, other = connect(server), connect(server)
    slow.ask("/slow")
    slow.ask("/now")  # Comes second, however long the first takes.
    later.wait_asked()
    other.ask("/now")
    assert other.answer().body == b"Now.\n"
    later.pending[0].set_result(sentence(200, "At last."))
    assert slow.answer().body == b"At last.\n"
    assert slow.answer().body == b"Now.\n"


def test_an_answer_that_is_made_too_late_is_given_up(serve: Serve, connect: Connect) -> None:
    later = Later()
    client = connect(serve(later, answer_seconds=0.1))
    client.ask("/slow")
    assert client.answer().status == 503
    client.ask("/now")
    later.pending[0].set_result(sentence(200, "At last."))
    assert client.answer().body == b"Now.\n"


def test_who_tells_its_time_out_gets_what_is_there_before_it(
    serve: Serve, connect: Connect
) -> None:
    def answer(request: Request) -> Response | Future[Response]:
        return sentence(200, "Second best.") if request.late else Future()

    client = connect(serve(answer, answer_seconds=60.0))
    timeout = b"X-Prometheus-Scrape-Timeout-Seconds: 0.1"
    client.send(b"GET / HTTP/1.1\r\nHost: x\r\n" + timeout + b"\r\n\r\n")
    assert client.answer().body == b"Second best.\n"


def test_no_time_out_that_is_told_is_believed_for_long(serve: Serve, connect: Connect) -> None:
    client = connect(serve(Later(), answer_seconds=60.0, most_answer_seconds=0.1))
    timeout = b"X-Prometheus-Scrape-Timeout-Seconds: 999999"
    client.send(b"GET /slow HTTP/1.1\r\nHost: x\r\n" + timeout + b"\r\n\r\n")
    assert client.answer().status == 503


def test_a_defect_in_the_other_thread_is_answered_plainly(serve: Serve, connect: Connect) -> None:
    later = Later()
    client = connect(serve(later))
    client.ask("/slow")
    later.wait_asked()
    with capture_logs() as logs:
        later.pending[0].set_exception(RuntimeError("the password is hunter2"))
        answer = client.answer()
    assert (answer.status, b"hunter2" in answer.body) == (500, False)
    assert [log["event"] for log in logs] == ["request.failed"]


def test_who_closes_its_half_still_gets_the_answer(serve: Serve, connect: Connect) -> None:
    later = Later()
    client = connect(serve(later))
    client.ask("/slow")
    client.socket.shutdown(socket.SHUT_WR)
    later.wait_asked()
    later.pending[0].set_result(sentence(200, "At last."))
    assert client.answer().body == b"At last.\n"
    assert client.until_closed() == b""


def test_who_goes_away_while_waiting_leaves_nothing_behind(serve: Serve, connect: Connect) -> None:
    later = Later()
    server = serve(later)
    with capture_logs() as logs:
        client = connect(server)
        client.ask("/slow")
        later.wait_asked()
        client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        client.socket.close()
        later.pending[0].set_result(sentence(200, "At last."))
        while server.connections:
            pass
    assert logs == []


def test_a_stop_waits_for_an_answer_that_is_being_made(serve: Serve, connect: Connect) -> None:
    later = Later()
    server = serve(later)
    client, idle = connect(server), connect(server)
    client.ask("/slow")
    later.wait_asked()
    with ThreadPoolExecutor() as pool:
        stopped = pool.submit(server.stop, 15)
        assert idle.until_closed() == b""
        later.pending[0].set_result(sentence(200, "At last."))
        answer = client.answer()
        stopped.result()
    assert (answer.body, answer.headers["connection"]) == (b"At last.\n", "close")


def test_an_answer_after_the_end_is_for_nobody(
    serve: Serve, connect: Connect, caplog: pytest.LogCaptureFixture
) -> None:
    later = Later()
    server = serve(later)
    client = connect(server)
    client.ask("/slow")
    later.wait_asked()
    server.stop(0)
    later.pending[0].set_result(sentence(200, "Too late."))
    assert client.until_closed() == b""
    assert caplog.records == []


@pytest.fixture(scope="module")
def blameless() -> Iterator[Server]:
    limits = Limits(linger_seconds=0.05, header_seconds=1, body_seconds=0.2)
    server = Server(["127.0.0.1:0"], echoing, limits, unable=NEVER_5XX)
    server.start()
    yield server
    server.stop(0)


@given(sent=REQUESTS)
@example(sent=b"POST / HTTP/2.0\r\nHost: x\r\n\r\n")
@example(sent=b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip\r\n\r\n")
@example(sent=b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 6\r\n\r\ndefect")
def test_a_server_may_never_blame_itself(blameless: Server, sent: bytes) -> None:
    with capture_logs(), Client(blameless.addresses[0]) as hostile:
        try:
            hostile.send(sent)
            hostile.socket.shutdown(1)
        except OSError:  # It was refused before all was sent.
            pass
        said = hostile.until_closed()
    assert b"HTTP/1.1 5" not in said
    assert b"Retry-After" not in said


def test_who_finds_no_room_is_told_by_the_servers_own_status(connect: Connect) -> None:
    seen: list[tuple[str, int]] = []
    server = Server(
        ["127.0.0.1:0"],
        echoing,
        Limits(max_connections=0),
        lambda *kind: seen.append(kind),
        NEVER_5XX,
    )
    server.start()
    try:
        assert connect(server).answer().status == 429
    finally:
        server.stop(0)
    assert seen == [("/echo", 429)]
