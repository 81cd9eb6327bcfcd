"""One request to a Docker engine: bounded in time and size, and to be abandoned at any moment.

The SDK can do neither: its time-out is for one read, its bodies and chunks have any size, and a
call that waits can't be woken. It also costs 18 MB of memory.
"""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import NoReturn
from urllib.parse import urlsplit

import h11

from exporter.errors import ConfigError, SourceTimeoutError, SourceUnavailableError

_DEFAULT_PORT = 2375
_RECEIVE_BYTES = 65536
_SHORTEST_WAIT_SECONDS = 0.001
"""0 would make the socket non-blocking."""
_OK = 200


@dataclass(frozen=True, slots=True)
class Address:
    """Where an engine listens: the path of a unix socket, or a TCP host and port."""

    path: str = ""
    host: str = ""
    port: int = 0

    @classmethod
    def of(cls, docker_host: str) -> Address:
        """Parse what DOCKER_HOST may hold; raise ConfigError, which does not repeat it."""
        try:
            url = urlsplit(docker_host)
            port = url.port or _DEFAULT_PORT
            (url.hostname or "").encode("idna")
        except ValueError:
            raise ConfigError(_BAD_HOST) from None
        if url.scheme == "unix" and url.path and not url.netloc and "\0" not in url.path:
            return cls(path=url.path)
        bare = url.username is None and url.path in ("", "/") and not url.query
        if url.scheme == "tcp" and url.hostname and bare:
            return cls(host=url.hostname, port=port)
        raise ConfigError(_BAD_HOST)

    def __str__(self) -> str:
        """Return the address as DOCKER_HOST has it."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"unix://{self.path}" if self.path else f"tcp://{host}:{self.port}"

    def connect(self, timeout_seconds: float) -> socket.socket:
        """Return a connected socket; raise OSError."""
        if not self.path:
            return socket.create_connection((self.host, self.port), timeout_seconds)
        made = socket.socket(socket.AF_UNIX)
        try:
            made.settimeout(timeout_seconds)
            made.connect(self.path)
        except OSError:
            made.close()
            raise
        return made


_BAD_HOST = (
    "the Docker engine's address (--docker.host, DOCKER_HOST) must be unix:///path or "
    "tcp://host:port, without a login"
)


class Exchange:
    """One GET on a connection of its own; used by one thread, except for `abort`.

    Raises SourceUnavailableError, or SourceTimeoutError when the engine is too slow.
    """

    def __init__(self, address: Address, monotonic: Callable[[], float], seconds: float) -> None:
        """Connect; the head of the answer, and `body`, must come within the seconds."""
        self._address = address
        self._monotonic = monotonic
        self._deadline = monotonic() + seconds
        self._http = h11.Connection(h11.CLIENT)
        try:
            self._socket = address.connect(seconds)
        except OSError as error:
            self._unavailable(error)

    def __enter__(self) -> Exchange:
        """Return the exchange, connected."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close the connection."""
        self._socket.close()

    def abort(self) -> None:
        """Wake whoever waits for this exchange, from any thread."""
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)

    def get(self, target: str) -> Mapping[str, str]:
        """Send the request and return the answer's headers, their names in lower case."""
        headers = [("Host", "docker"), ("Connection", "close")]
        request = self._http.send(h11.Request(method="GET", target=target, headers=headers))
        try:
            self._socket.sendall(request or b"")
        except OSError as error:
            self._unavailable(error)
        while True:
            event = self._next(self._remaining())
            if isinstance(event, h11.Response):
                break
            if event is None:
                self._late()
        if event.status_code != _OK:
            self._fail(f"answers {event.status_code}")
        return {name.decode(): value.decode("latin-1") for name, value in event.headers}

    def read(self, timeout_seconds: float) -> bytes | None:
        """Return the next piece of the body, b"" at its end, None when none came in time."""
        event = self._next(timeout_seconds)
        if event is None:
            return None
        return bytes(event.data) if isinstance(event, h11.Data) else b""

    def body(self, limit_bytes: int) -> bytes:
        """Return the whole body; raise when it is longer than the limit."""
        body = bytearray()
        while (piece := self.read(self._remaining())) != b"":
            if piece is None:
                self._late()
            body += piece
            if len(body) > limit_bytes:
                self._fail(f"answers with more than {limit_bytes} bytes")
        return bytes(body)

    def _next(self, timeout_seconds: float) -> h11.Event | None:
        """Return the next event of the protocol, or None when it did not come in time."""
        until = self._monotonic() + timeout_seconds
        data = b"-"
        try:
            while (event := self._http.next_event()) is h11.NEED_DATA:
                # Bytes that trickle must not stretch the time.
                self._socket.settimeout(max(until - self._monotonic(), _SHORTEST_WAIT_SECONDS))
                data = self._socket.recv(_RECEIVE_BYTES)
                self._http.receive_data(data)
        except TimeoutError:
            return None
        except OSError as error:
            self._unavailable(error)
        except h11.RemoteProtocolError:
            reason = "does not speak HTTP" if data else "has ended the connection"
            self._fail(reason)
        return event if isinstance(event, h11.Event) else h11.ConnectionClosed()

    def _remaining(self) -> float:
        """Return the seconds left; raise when there are none, however often something came."""
        remaining = self._deadline - self._monotonic()
        if remaining <= 0:
            self._late()
        return remaining

    def _fail(self, what: str) -> NoReturn:
        text = f"the Docker engine at {self._address} {what}"
        raise SourceUnavailableError(text) from None

    def _late(self) -> NoReturn:
        text = f"the Docker engine at {self._address} does not answer in time"
        raise SourceTimeoutError(text) from None

    def _unavailable(self, error: OSError) -> NoReturn:
        if isinstance(error, TimeoutError):
            self._late()
        self._fail(f"cannot be reached: {error.strerror or type(error).__name__}")
