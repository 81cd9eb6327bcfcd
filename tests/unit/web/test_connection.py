"""One client at a time: what it gets for what it sends, and how long it may take."""

from __future__ import annotations

import gc
import socket
import threading
import time

import pytest
from structlog.testing import capture_logs

from tests.unit.web.client import Client
from tests.unit.web.conftest import BIG_BYTES, Connect, Serve


def test_an_answer_carries_length_type_and_date(serve: Serve, connect: Connect) -> None:
    client = connect(serve())
    client.ask("/here")
    answer = client.answer()
    assert (answer.status, answer.body) == (200, b"/here\n")
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"
    assert answer.headers["content-length"] == "6"
    assert answer.headers["date"].endswith(" GMT")


def test_a_connection_serves_one_request_after_another(serve: Serve, connect: Connect) -> None:
    client = connect(serve())
    for path in ("/one", "/two", "/three"):
        client.ask(path)
        assert client.answer().body == f"{path}\n".encode()


def test_head_gets_the_length_but_no_body(serve: Serve, connect: Connect) -> None:
    client = connect(serve())
    client.ask("/big", method="HEAD")
    assert client.answer(to_head=True).headers["content-length"] == str(BIG_BYTES)
    client.ask("/next")
    assert client.answer().body == b"/next\n"


def test_pipelined_requests_are_answered_in_order(serve: Serve, connect: Connect) -> None:
    client = connect(serve())
    count = 500
    client.send(b"".join(b"GET /%d HTTP/1.1\r\nHost: x\r\n\r\n" % i for i in range(count)))
    for i in range(count):
        assert client.answer().body == b"/%d\n" % i


def test_http_1_0_gets_an_answer_and_a_close(serve: Serve, connect: Connect) -> None:
    client = connect(serve())
    client.send(b"GET /old HTTP/1.0\r\n\r\n")
    answer = client.answer()
    assert (answer.body, answer.headers["connection"]) == (b"/old\n", "close")
    assert client.until_closed() == b""


def test_a_client_that_closes_its_half_still_gets_the_answer(
    serve: Serve, connect: Connect
) -> None:
    client = connect(serve())
    client.ask("/big")
    client.socket.shutdown(socket.SHUT_WR)
    assert len(client.answer().body) == BIG_BYTES
    assert client.until_closed() == b""


def test_a_wish_to_close_is_granted(serve: Serve, connect: Connect) -> None:
    client = connect(serve())
    client.send(b"GET /last HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    assert client.answer().body == b"/last\n"
    assert client.until_closed() == b""


def test_the_absolute_form_of_a_target_is_taken(serve: Serve, connect: Connect) -> None:
    client = connect(serve())
    for target, path in (("http://x:1/a%20b?c", b"/a b\n"), ("http://x", b"/\n")):
        client.ask(target)
        assert client.answer().body == path


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS", "CONNECT", "BREW"])
def test_other_methods_are_refused_by_name(serve: Serve, connect: Connect, method: str) -> None:
    client = connect(serve())
    client.ask("/", method=method)
    answer = client.answer()
    assert (answer.status, answer.headers["allow"]) == (405, "GET, HEAD")


def test_a_body_is_never_read_but_its_sender_gets_an_answer(serve: Serve, connect: Connect) -> None:
    client = connect(serve(linger_seconds=5))
    # Larger than the kernel's buffers: had the server closed at once, this would be reset.
    client.send(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 20000000\r\n\r\n")
    client.send(b"x" * 20_000_000)
    answer = client.answer()
    assert (answer.status, answer.headers["connection"]) == (405, "close")
    assert client.until_closed() == b""


@pytest.mark.parametrize(
    "garbage",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"GET / HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\n bad: folding\x00\r\n\r\n",
        b"GET /\xff HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nno-length\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n"
        b"0\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: x",
    ],
)
def test_what_is_malformed_gets_400_and_a_close(
    serve: Serve, connect: Connect, garbage: bytes
) -> None:
    client = connect(serve())
    client.send(garbage + b"\r\n\r\n")
    answer = client.answer()
    assert (answer.status, answer.headers["connection"]) == (400, "close")
    assert client.until_closed() == b""


def test_another_major_version_gets_505(serve: Serve, connect: Connect) -> None:
    client = connect(serve())
    client.ask("/", version="2.0")
    assert client.answer().status == 505
    assert client.until_closed() == b""


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b"HEAD / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nno-length\r\n", 400),
        (b"HEAD / HTTP/1.1\r\nHost: x\r\nCookie: " + b"x" * 16_370 + b"\r\n\r\n", 431),
        (b"HEAD / HTTP/2.0\r\nHost: x\r\n\r\n", 505),
    ],
)
def test_a_head_request_is_refused_without_a_body(
    serve: Serve, connect: Connect, sent: bytes, status: int
) -> None:
    client = connect(serve())
    client.send(sent)
    assert client.answer(to_head=True).status == status
    assert client.until_closed() == b""


@pytest.mark.parametrize("end", [b"", b"\r\n\r\n"])
def test_a_header_that_is_too_large_gets_431(serve: Serve, connect: Connect, end: bytes) -> None:
    client = connect(serve())
    client.send(b"GET / HTTP/1.1\r\nHost: x\r\nCookie: " + b"x" * 17_000 + end)
    assert client.answer().status == 431
    assert client.until_closed() == b""


def test_a_header_just_below_the_limit_is_taken(serve: Serve, connect: Connect) -> None:
    client = connect(serve())
    client.send(b"GET / HTTP/1.1\r\nHost: x\r\nCookie: " + b"x" * 16_000 + b"\r\n\r\n")
    assert client.answer().status == 200


def test_a_header_that_trickles_in_is_cut_off_in_time(serve: Serve, connect: Connect) -> None:
    seen: list[tuple[str, int]] = []
    answered = threading.Event()

    def on_response(path_class: str, status: int) -> None:
        seen.append((path_class, status))
        answered.set()

    client = connect(serve(on_response=on_response, header_seconds=0.3, linger_seconds=5))
    for byte in b"GET / HTTP/1.1\r\nHost: x\r\nTrickle: " + b"x" * 10_000:
        client.send(bytes((byte,)))
        if answered.wait(0.01):
            break
    assert client.answer().status == 408
    assert seen == [("other", 408)]


def test_bytes_do_not_prolong_the_time_for_a_first_header(serve: Serve, connect: Connect) -> None:
    client = connect(serve(header_seconds=0.2, idle_seconds=60))
    client.send(b"G")
    assert client.answer().status == 408


def test_a_silent_connection_is_closed_without_a_word(serve: Serve, connect: Connect) -> None:
    client = connect(serve(header_seconds=0.1, idle_seconds=60))
    assert client.until_closed() == b""


def test_an_idle_connection_is_closed_without_a_word(serve: Serve, connect: Connect) -> None:
    client = connect(serve(header_seconds=60, idle_seconds=0.1))
    client.ask()
    client.answer()
    assert client.until_closed() == b""


def test_a_second_header_has_its_own_time(serve: Serve, connect: Connect) -> None:
    client = connect(serve(header_seconds=0.1, idle_seconds=60))
    client.ask()
    client.answer()
    client.send(b"GET / HT")
    assert client.answer().status == 408


def test_half_a_pipelined_header_counts_as_begun(serve: Serve, connect: Connect) -> None:
    client = connect(serve(header_seconds=0.3, idle_seconds=60))
    client.send(b"GET /one HTTP/1.1\r\nHost: x\r\n\r\nGET /tw")
    assert client.answer().body == b"/one\n"
    assert client.answer().status == 408


@pytest.mark.parametrize("path", ["/big", "/medium"])
def test_a_reader_that_stops_reading_is_cut(serve: Serve, connect: Connect, path: str) -> None:
    server = serve(stall_seconds=0.2)
    stuck, other = connect(server, receive_buffer_bytes=4096), connect(server)
    stuck.ask(path)
    stuck.socket.recv(1, socket.MSG_PEEK)
    asked = 0
    while server.connections == 2 or not asked:
        other.ask("/other")
        assert other.answer().body == b"/other\n"
        asked += 1
    assert asked > 1  # It was answered all the while.
    assert len(stuck.until_closed()) < 8 << 20


def test_pipelined_requests_wait_outside_while_an_answer_is_under_way(
    serve: Serve, connect: Connect
) -> None:
    client = connect(serve(), receive_buffer_bytes=4096)
    client.ask("/big")
    client.socket.recv(1, socket.MSG_PEEK)
    client.socket.settimeout(0.5)
    with pytest.raises(TimeoutError):  # The kernel's buffers are full, ours took nothing.
        _send_much(client)


def _send_much(client: Client) -> None:
    requests = b"GET /more HTTP/1.1\r\nHost: x\r\n\r\n" * 10_000
    sent = 0
    while sent < 64 << 20:
        sent += client.socket.send(requests)


def test_a_slow_reader_that_goes_on_reading_is_not_cut(serve: Serve, connect: Connect) -> None:
    stall_seconds = 2.0
    client = connect(serve(stall_seconds=stall_seconds), receive_buffer_bytes=1 << 16)
    client.ask("/big", version="1.0")
    read, began = 0, time.monotonic()
    while time.monotonic() - began < 1.5 * stall_seconds:
        part = read + (1 << 20)
        while read < part:
            read += len(client.socket.recv(1 << 16))
        time.sleep(stall_seconds / 10)
    assert read < BIG_BYTES
    assert read + len(client.until_closed()) > BIG_BYTES


def test_a_defect_of_a_handler_is_answered_plainly_and_logged_once(
    serve: Serve, connect: Connect
) -> None:
    client = connect(serve())
    with capture_logs() as logs:
        client.ask("/broken?token=secret")
        answer = client.answer()
    assert answer.status == 500
    assert b"hunter2" not in answer.body
    assert b"Traceback" not in answer.body
    assert [(log["event"], log["path"]) for log in logs] == [("request.failed", "/broken")]
    client.ask("/fine")
    assert client.answer().status == 200


def test_a_client_that_goes_away_leaves_nothing_behind(serve: Serve, connect: Connect) -> None:
    server = serve(max_requests=1)
    with capture_logs() as logs:
        for _ in range(20):
            client = connect(server, receive_buffer_bytes=4096)
            client.ask("/big")
            client.socket.recv(1)
            client.socket.close()
            while True:  # The one slot is free again as soon as the server has seen the reset.
                with Client(server.addresses[0]) as probe:
                    probe.ask("/free")
                    if probe.answer().status == 200:
                        break
    gc.collect()
    assert logs == []
