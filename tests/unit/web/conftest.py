"""A server for each test, with limits that make waits short."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from exporter.web.limits import Limits
from exporter.web.messages import Handler, Request, Response, not_allowed, sentence
from exporter.web.server import Server
from tests.unit.web.client import Client

# More than loopback's kernel buffers hold (net.ipv4.tcp_wmem and tcp_rmem: some 10 MB).
BIG = (b"x" * (1 << 20),) * 48
BIG_BYTES = sum(map(len, BIG))

Serve = Callable[..., Server]
Connect = Callable[..., Client]


def answering(request: Request) -> Response:
    """Answer `/big`, `/medium`, `/vital` and `/broken` by name, the rest with their own path."""
    if (refusal := not_allowed(request, ("GET", "HEAD"))) is not None:
        return refusal
    if request.path in ("/big", "/medium"):
        body = BIG if request.path == "/big" else BIG[:8]
        return Response(200, "application/octet-stream", body)
    if request.path == "/broken":
        raise RuntimeError("the password is hunter2")
    return sentence(200, request.path, vital=request.path == "/vital")


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Return a function that starts a server on a free port of loopback."""
    with ExitStack() as stack:

        def start(
            handler: Handler = answering,
            on_response: Callable[[str, int], None] | None = None,
            **limits: float,
        ) -> Server:
            server = Server(["127.0.0.1:0"], handler, Limits(**limits), on_response)  # type: ignore[arg-type]
            server.start()
            stack.callback(server.stop, 0)
            return server

        yield start


@pytest.fixture
def connect() -> Iterator[Connect]:
    """Return a function that connects to a server; the connections are closed afterwards."""
    with ExitStack() as stack:

        def to(server: Server, receive_buffer_bytes: int | None = None) -> Client:
            return stack.enter_context(Client(server.addresses[0], receive_buffer_bytes))

        yield to
