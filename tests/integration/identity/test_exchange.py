"""One exchange ends in an answer or in a sentence, within its deadline, whatever answers."""

from __future__ import annotations

import shutil
import socket
import ssl
import time
from threading import Thread

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.errors import SourceTimeoutError, SourceUnavailableError
from exporter.identity import exchange as module
from exporter.identity.endpoint import endpoint, trusting
from exporter.identity.exchange import Request, exchange
from tests.integration.identity.stub import Stub, answers, certificates, hangs, says
from tests.support.ports import free_port
from tests.support.require import require

OK = b"HTTP/1.1 200 OK\r\n"


@pytest.fixture(scope="module")
def context() -> ssl.SSLContext:
    return trusting(None)


def asked(url: str, context: ssl.SSLContext, timeout: float = 5.0, max_bytes: int = 1000):
    request = Request("GET", "/x", {"Authorization": "Bearer Zq7!mK2w"})
    to = endpoint(url, "--flag")
    return exchange(to, request, context=context, timeout_seconds=timeout, max_bytes=max_bytes)


def test_an_answer_is_its_status_and_its_body(context):
    with Stub(answers(404, b"gone")) as stub:
        assert asked(stub.url, context) == (404, b"gone")
    (seen,) = stub.seen
    assert seen.line == "GET /x HTTP/1.1"
    assert seen.headers["Host"] == f"127.0.0.1:{stub.port}"
    assert seen.headers["Authorization"] == "Bearer Zq7!mK2w"


def test_a_body_in_chunks_is_put_together(context):
    chunks = b"Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"
    with Stub(says(OK + chunks)) as stub:
        assert asked(stub.url, context) == (200, b"abcde")


def test_a_redirect_is_not_followed(context):
    with (
        Stub(answers(200)) as elsewhere,
        Stub(answers(307, b"", f"Location: {elsewhere.url}")) as stub,
    ):
        assert asked(stub.url, context)[0] == 307
        assert not elsewhere.seen


@pytest.mark.parametrize(
    "behaviour",
    [
        hangs,
        says(b"HTTP/1.1 200 ", *[b"x"] * 100, every_seconds=0.05),
        says(OK, *[b"A: b\r\n"] * 90, every_seconds=0.05),
        says(OK + b"Content-Length: 900\r\n\r\n", *[b"x"] * 900, every_seconds=0.05),
    ],
    ids=["silent", "slow status", "slow headers", "slow body"],
)
def test_a_slow_answer_is_given_up_at_the_deadline(context, behaviour):
    with Stub(behaviour) as stub:
        started = time.monotonic()
        with pytest.raises(SourceTimeoutError, match=r"did not answer within 0\.4 s"):
            asked(stub.url, context, timeout=0.4)
        assert 0.35 < time.monotonic() - started < 1.0


def test_a_handshake_that_hangs_is_given_up_at_the_deadline(context):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        started = time.monotonic()
        with pytest.raises(SourceTimeoutError):
            asked(f"https://127.0.0.1:{listener.getsockname()[1]}", context, timeout=0.4)
        assert time.monotonic() - started < 1.0


@pytest.mark.parametrize(
    "behaviour",
    [
        answers(200, b"x" * 200_000),
        says(OK + b"\r\n" + b"x" * 200_000),
        says(OK + (b"A: " + b"b" * 60_000 + b"\r\n") * 5),
    ],
    ids=["announced", "to the end", "headers"],
)
def test_no_more_is_read_than_was_to_be_taken(context, behaviour):
    with Stub(behaviour) as stub, pytest.raises(SourceUnavailableError, match="too much"):
        asked(stub.url, context)


def test_a_body_that_nobody_asked_for_is_left_unread(context):
    with Stub(answers(400, b"x" * 10_000_000)) as stub:
        assert asked(stub.url, context, max_bytes=0) == (400, b"")


@pytest.mark.parametrize(
    "behaviour",
    [
        says(b""),
        says(b"SSH-2.0-OpenSSH\r\n"),
        says(OK + b"Content-Length: 10\r\n\r\nshort"),
        says(OK + b"Transfer-Encoding: chunked\r\n\r\nxyz\r\n"),
        says(OK + b"Transfer-Encoding: chunked\r\n\r\n-1\r\n" + b"x" * 200_000),
    ],
    ids=["nothing", "another protocol", "cut", "bad chunk", "negative chunk"],
)
def test_what_is_not_http_is_a_sentence(context, behaviour):
    with Stub(behaviour) as stub, pytest.raises(SourceUnavailableError) as caught:
        asked(stub.url, context)
    assert str(caught.value).startswith(stub.url)
    assert "Zq7!mK2w" not in str(caught.value)


def test_a_closed_port_and_an_unknown_name_are_sentences(context):
    with pytest.raises(SourceUnavailableError, match="Connection refused"):
        asked(f"http://127.0.0.1:{free_port()}", context)
    with pytest.raises(SourceUnavailableError, match=r"http://no-such-host\.invalid:1: "):
        asked("http://no-such-host.invalid:1", context)


def test_an_address_that_refuses_leaves_the_next_one_its_share(context, monkeypatch):
    with Stub(answers(200)) as stub:

        def both(_host, _port, type):  # noqa: A002 - getaddrinfo's own name
            good = ("127.0.0.1", stub.port)
            bad = ("127.0.0.1", free_port())
            return [(socket.AF_INET, type, 0, "", address) for address in (bad, good)]

        monkeypatch.setattr(module.socket, "getaddrinfo", both)
        assert asked(stub.url, context) == (200, b"")


def test_only_the_given_ca_is_trusted(context, tmp_path):
    require(shutil.which("openssl"), "there is no openssl")
    ca, server = certificates(tmp_path)
    with Stub(answers(200, b"secret"), tls=server) as stub:
        assert asked(stub.url, trusting(ca)) == (200, b"secret")
        with pytest.raises(SourceUnavailableError, match="certificate"):
            asked(stub.url, context)
        with pytest.raises(SourceUnavailableError, match=r"mismatch|not valid for"):
            asked(stub.url.replace("127.0.0.1", "localhost"), trusting(ca))
    assert len(stub.seen) == 1


@given(
    st.binary(max_size=300)
    | st.lists(
        st.sampled_from([b"HTTP/1.1 ", b"200", b" ", b"\r\n", b"\r\n\r\n", b":", b"-5", b"zz"])
        | st.sampled_from(
            [b"Content-Length: ", b"Transfer-Encoding: chunked", b"\xff", b"3\r\nabc"]
        ),
        max_size=12,
    ).map(lambda parts: OK + b"".join(parts))
)
def test_any_bytes_are_an_answer_or_a_sentence(context, content):
    ours, theirs = socket.socketpair()
    writer = Thread(target=lambda: (theirs.sendall(content), theirs.shutdown(socket.SHUT_WR)))
    writer.start()
    try:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(module, "_connected", lambda *_: ours)
            status, body = asked("http://127.0.0.1:1", context)
        assert 100 <= status <= 999
        assert len(body) <= len(content)
    except SourceUnavailableError:
        pass
    finally:
        writer.join()
        theirs.close()
    assert ours.fileno() == -1
