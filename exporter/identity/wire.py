"""One HTTP/1.1 request on a connected socket, and its answer: bounded in time and in size."""

from __future__ import annotations

import socket
from collections.abc import Callable, Mapping
from typing import NamedTuple

import h11

MAX_HEAD_BYTES = 64 * 1024
_RECEIVE_BYTES = 64 * 1024
_SHORTEST_WAIT_SECONDS = 0.001
"""0 would make the socket non-blocking."""
_HEADERS_TOO_LARGE = 431
"""What h11 hints at when a head or a chunk's size line is longer than it may be."""


class TooLargeError(Exception):
    """More came than was to be read."""

    def __init__(self, limit_bytes: int) -> None:
        """Tell how much would have been."""
        super().__init__(f"more than {limit_bytes} bytes")


class NotHttpError(Exception):
    """What came is no HTTP, or not all of it."""


class CutError(NotHttpError):
    """The other side has ended the connection in between."""


class Head(NamedTuple):
    """How an answer begins."""

    status: int
    headers: Mapping[str, str]
    """Their names in lower case."""


class Wire:
    """A socket for one question; used by one thread, which closes it.

    Raises TimeoutError after the deadline, NotHttpError, TooLargeError, and OSError for the rest.
    """

    def __init__(
        self, sock: socket.socket, monotonic: Callable[[], float], deadline: float
    ) -> None:
        """Take a connected socket; head and `body` must have come by the deadline."""
        self._socket = sock
        self._monotonic = monotonic
        self._deadline = deadline
        self._http = h11.Connection(h11.CLIENT, max_incomplete_event_size=MAX_HEAD_BYTES)

    def ask(
        self, method: str, target: str, headers: Mapping[str, str], body: bytes | None = None
    ) -> Head:
        """Send a request, `Host` among its headers, and return how the answer begins."""
        told = {**headers, "Connection": "close"}
        if body is not None:
            told["Content-Length"] = str(len(body))
        request = h11.Request(method=method, target=target, headers=[*told.items()])
        events: list[h11.Event] = [request, h11.Data(data=body or b""), h11.EndOfMessage()]
        self._socket.settimeout(self._left())
        self._socket.sendall(b"".join(self._http.send(event) or b"" for event in events))
        while not isinstance(event := self._next(self._left()), h11.Response):
            if not isinstance(event, h11.InformationalResponse):
                raise NotHttpError
        headers = {name.decode(): value.decode("latin-1") for name, value in event.headers}
        return Head(event.status_code, headers)

    def read(self, timeout_seconds: float) -> bytes:
        """Return the next piece of the body, b"" at its end; the deadline is not looked at."""
        event = self._next(timeout_seconds)
        return bytes(event.data) if isinstance(event, h11.Data) else b""

    def body(self, limit_bytes: int) -> bytes:
        """Return the whole body, which may be as long as the limit."""
        body = bytearray()
        while piece := self.read(self._left()):
            body += piece
            if len(body) > limit_bytes:
                raise TooLargeError(limit_bytes)
        return bytes(body)

    def _next(self, timeout_seconds: float) -> object:
        """Return the next event of the protocol, within the time however the bytes trickle."""
        until = self._monotonic() + timeout_seconds
        data = b"-"
        try:
            while (event := self._http.next_event()) is h11.NEED_DATA:
                self._socket.settimeout(max(until - self._monotonic(), _SHORTEST_WAIT_SECONDS))
                data = self._socket.recv(_RECEIVE_BYTES)
                self._http.receive_data(data)
        except h11.RemoteProtocolError as error:
            if error.error_status_hint == _HEADERS_TOO_LARGE:
                raise TooLargeError(MAX_HEAD_BYTES) from None
            raise (NotHttpError if data else CutError) from None
        return event

    def _left(self) -> float:
        """Return the seconds left; raise when there are none, however often something came."""
        left = self._deadline - self._monotonic()
        if left <= 0:
            raise TimeoutError
        return left
