"""One HTTP request and its answer, within one deadline and without a secret in any sentence."""

from __future__ import annotations

import http.client
import io
import socket
import ssl
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import cast

from exporter.errors import SourceTimeoutError, SourceUnavailableError
from exporter.identity.endpoint import Endpoint

MAX_HEAD_BYTES = 64 * 1024
_CHUNK_BYTES = 64 * 1024


@dataclass(frozen=True, slots=True)
class Request:
    """What is asked."""

    method: str
    target: str
    headers: Mapping[str, str] = field(repr=False)
    body: bytes | None = field(default=None, repr=False)


def exchange(
    to: Endpoint,
    request: Request,
    *,
    context: ssl.SSLContext,
    timeout_seconds: float,
    max_bytes: int = 0,
) -> tuple[int, bytes]:
    """Send a request and return status and body; 0 bytes at most: the body is left unread.

    Redirects are not followed and proxies not used. Raise SourceTimeoutError once the deadline
    is over (name resolution alone is not interrupted by it), else SourceUnavailableError.
    """
    ends = time.monotonic() + timeout_seconds
    try:
        with _connected(to, context, ends) as sock:
            connection = http.client.HTTPConnection(to.host, to.port)
            connection.sock = sock
            sock.settimeout(_left(ends))
            headers = {"Connection": "close", **request.headers}
            connection.request(request.method, request.target, request.body, headers)
            stream = _Stream(sock, ends, max_bytes + MAX_HEAD_BYTES)
            response = http.client.HTTPResponse(cast(socket.socket, stream), method=request.method)
            with response:
                response.begin()
                return response.status, _body(response) if max_bytes else b""
    except TimeoutError:
        message = f"{to} did not answer within {timeout_seconds:g} s"
        raise SourceTimeoutError(message) from None
    except _TooLargeError:
        message = f"{to} answered with too much: {max_bytes} bytes are taken"
    except http.client.HTTPException:
        message = f"{to} did not answer in HTTP, or not to the end"
    except OSError as error:
        reason = getattr(error, "verify_message", None) or error.strerror
        message = f"{to}: {reason or type(error).__name__}"
    raise SourceUnavailableError(message)


class _TooLargeError(Exception):
    """More arrived than was to be read."""


class _Stream(io.RawIOBase):
    """What http.client reads: a socket, up to a number of bytes and until the deadline."""

    def __init__(self, sock: socket.socket, ends: float, max_bytes: int) -> None:
        self._sock = sock
        self._ends = ends
        self._left_bytes = max_bytes

    def makefile(self, _mode: str) -> io.BufferedReader:
        """Return ourselves with a buffer, as a socket does."""
        return io.BufferedReader(self)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        self._sock.settimeout(_left(self._ends))
        count = self._sock.recv_into(buffer)
        self._left_bytes -= count
        if self._left_bytes < 0:
            raise _TooLargeError
        return count


def _connected(to: Endpoint, context: ssl.SSLContext, ends: float) -> socket.socket:
    """Return a connection; the addresses that a name has share what is left of the deadline."""
    addresses = socket.getaddrinfo(to.host, to.port, type=socket.SOCK_STREAM)
    for remaining, (family, kind, protocol, _, address) in zip(
        range(len(addresses), 0, -1), addresses, strict=True
    ):
        sock = socket.socket(family, kind, protocol)
        try:
            sock.settimeout(_left(ends) / remaining)
            sock.connect(address)
            if not to.tls:
                return sock
            sock.settimeout(_left(ends))
            return context.wrap_socket(sock, server_hostname=to.host)
        except OSError:
            sock.close()
            if remaining == 1:
                raise
    raise OSError


def _body(response: http.client.HTTPResponse) -> bytes:
    pieces = []
    while piece := response.read(_CHUNK_BYTES):
        pieces.append(piece)
    body = b"".join(pieces)
    # Set where the connection ended before the announced length did.
    if response.length:
        raise http.client.IncompleteRead(body)
    return body


def _left(ends: float) -> float:
    """Return the seconds left; raise TimeoutError when there are none."""
    left = ends - time.monotonic()
    if left <= 0:
        raise TimeoutError
    return left
