"""One request to a Docker engine: bounded in time and size, and to be abandoned at any moment.

The SDK can do neither: its time-out is for one read, its bodies and chunks have any size, and a
call that waits can't be woken. It also costs 18 MB of memory.
"""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import NoReturn
from urllib.parse import urlsplit

from exporter.errors import ConfigError, SourceTimeoutError, SourceUnavailableError
from exporter.identity.wire import CutError, NotHttpError, TooLargeError, Wire

_DEFAULT_PORT = 2375
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
        deadline = monotonic() + seconds
        with self._told():
            self._socket = address.connect(seconds)
        self._wire = Wire(self._socket, monotonic, deadline)

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
        with self._told():
            status, headers = self._wire.ask("GET", target, {"Host": "docker"})
        if status != _OK:
            self._fail(f"answers {status}")
        return headers

    def read(self, timeout_seconds: float) -> bytes | None:
        """Return the next piece of the body, b"" at its end, None when none came in time."""
        with self._told():
            try:
                return self._wire.read(timeout_seconds)
            except TimeoutError:
                return None

    def body(self, limit_bytes: int) -> bytes:
        """Return the whole body; raise when it is longer than the limit."""
        with self._told():
            return self._wire.body(limit_bytes)

    @contextlib.contextmanager
    def _told(self) -> Iterator[None]:
        """Tell in a sentence what goes wrong."""
        try:
            yield
        except TimeoutError:
            text = f"the Docker engine at {self._address} does not answer in time"
            raise SourceTimeoutError(text) from None
        except TooLargeError as error:
            self._fail(f"answers with {error}")
        except CutError:
            self._fail("has ended the connection")
        except NotHttpError:
            self._fail("does not speak HTTP")
        except OSError as error:
            self._fail(f"cannot be reached: {error.strerror or type(error).__name__}")

    def _fail(self, what: str) -> NoReturn:
        text = f"the Docker engine at {self._address} {what}"
        raise SourceUnavailableError(text) from None
