"""Whatever bytes arrive, the server lives and says nothing about its inside."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from structlog.testing import capture_logs

from exporter.web.limits import Limits
from exporter.web.server import Server
from tests.unit.web.client import Client
from tests.unit.web.conftest import answering

_PIECES = st.sampled_from(
    [
        b"GET ",
        b"HEAD ",
        b"POST ",
        b"/",
        b"/big ",
        b"/vital ",
        b"http://",
        b"?",
        b"*",
        b"%",
        b"%zz",
        b"HTTP/1.1",
        b"HTTP/1.0",
        b" ",
        b"\r\n",
        b"\n",
        b"\r",
        b"\x00",
        b"Host: x\r\n",
        b": ",
        b",",
        b"Content-Length: 5\r\n",
        b"Content-Length: 99999999999999999999999\r\n",
        b"5\r\nhello\r\n",
        b"Transfer-Encoding: chunked\r\n",
        b"Transfer-Encoding: gzip\r\n",
        b"Expect: 100-continue\r\n",
        b"Connection: close\r\n",
        b"Connection: Upgrade\r\nUpgrade: h2c\r\n",
        b"CONNECT x:1 ",
        b"0\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    ]
)
REQUESTS = st.lists(_PIECES | st.binary(max_size=20), max_size=30).map(b"".join)


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    server = Server(["127.0.0.1:0"], answering, Limits(linger_seconds=0.05))
    server.start()
    yield server
    server.stop(0)


@given(sent=st.binary(max_size=2000) | REQUESTS)
@example(sent=b"HEAD / HTTP/2.0\r\nHost: x\r\n\r\n")
@example(sent=b"CONNECT x:1 HTTP/1.1\r\nHost: x\r\n\r\n")
@example(sent=b"GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n")
@example(sent=b"GET / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip\r\n\r\n")
def test_no_bytes_keep_the_next_request_from_its_answer(server: Server, sent: bytes) -> None:
    with capture_logs() as logs, Client(server.addresses[0]) as hostile:
        try:
            hostile.send(sent)
            hostile.socket.shutdown(1)
        except OSError:  # It was refused before all was sent.
            pass
        said = hostile.until_closed()
    assert said == b"" or said.startswith((b"HTTP/1.1 2", b"HTTP/1.1 4", b"HTTP/1.1 50"))
    assert b"Traceback" not in said
    assert logs == []
    with Client(server.addresses[0]) as good:
        good.ask("/good")
        assert good.answer().body == b"/good\n"
