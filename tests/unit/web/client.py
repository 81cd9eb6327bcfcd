"""A client that sees every byte, and the answers it reads."""

from __future__ import annotations

import socket
import ssl
from dataclasses import dataclass
from types import TracebackType

# Long enough for a busy machine; nothing waits for it unless the test is to fail.
PATIENCE_SECONDS = 20.0


@dataclass(frozen=True)
class Answer:
    """One HTTP answer; header names are in lower case."""

    status: int
    headers: dict[str, str]
    body: bytes


class Client:
    """Speak raw bytes to a server that listens on `address` (`HOST:PORT`)."""

    def __init__(
        self,
        address: str,
        receive_buffer_bytes: int | None = None,
        *,
        connect: bool = True,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        """Connect, now or later."""
        self._tls = tls
        host, _, port = address.rpartition(":")
        family = socket.AF_INET6 if host.startswith("[") else socket.AF_INET
        self.socket = socket.socket(family, socket.SOCK_STREAM)
        if receive_buffer_bytes is not None:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer_bytes)
        self.socket.settimeout(PATIENCE_SECONDS)
        self._address = (host.strip("[]"), int(port))
        self._rest = bytearray()
        if connect:
            self.connect()

    def __enter__(self) -> Client:
        """Return the client itself."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close the connection."""
        self.socket.close()

    def connect(self) -> None:
        """Connect."""
        self.socket.connect(self._address)
        if self._tls is not None:
            self.socket = self._tls.wrap_socket(self.socket, server_hostname=self._address[0])

    def send(self, data: bytes) -> None:
        """Send some bytes."""
        self.socket.sendall(data)

    def ask(self, path: str = "/", method: str = "GET", version: str = "1.1") -> None:
        """Send a whole request."""
        self.send(f"{method} {path} HTTP/{version}\r\nHost: test\r\n\r\n".encode())

    def answer(self, *, to_head: bool = False) -> Answer:
        """Read one answer."""
        while b"\r\n\r\n" not in self._rest:
            self._more()
        head = self._taken(self._rest.index(b"\r\n\r\n") + 4).removesuffix(b"\r\n\r\n")
        first, *lines = head.decode().split("\r\n")
        headers = {name.lower(): value for name, _, value in (x.partition(": ") for x in lines)}
        length = 0 if to_head else int(headers.get("content-length", 0))
        while len(self._rest) < length:
            self._more()
        return Answer(int(first.split()[1]), headers, self._taken(length))

    def until_closed(self) -> bytes:
        """Read all there is, until the server closes or resets the connection."""
        blocks = [bytes(self._rest)]
        try:
            while block := self.socket.recv(1 << 20):
                blocks.append(block)
        except (ConnectionResetError, ssl.SSLEOFError):
            pass
        return b"".join(blocks)

    def _taken(self, length: int) -> bytes:
        taken = bytes(self._rest[:length])
        del self._rest[:length]
        return taken

    def _more(self) -> None:
        block = self.socket.recv(1 << 20)
        if not block:
            message = f"closed after {self._rest!r}"
            raise EOFError(message)
        self._rest += block
