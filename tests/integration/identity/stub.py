"""An HTTP server on the loopback that does what a test tells it, and a CA of its own."""

from __future__ import annotations

import contextlib
import socket
import ssl
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from threading import Condition, Event, Thread

from tests.support.ports import free_port


@dataclass(frozen=True)
class Seen:
    """One request as it arrived."""

    line: str
    headers: dict[str, str]
    body: bytes


Behaviour = Callable[[socket.socket, Event], None]
"""What the server does with a connection whose request has arrived; the event ends a wait."""


def answers(status: int, body: bytes = b"", *headers: str) -> Behaviour:
    """Answer and close."""

    def behave(sock: socket.socket, _closing: Event) -> None:
        head = [f"HTTP/1.1 {status} Any", f"Content-Length: {len(body)}", *headers, "", ""]
        sock.sendall("\r\n".join(head).encode() + body)

    return behave


def says(*pieces: bytes, every_seconds: float = 0.0) -> Behaviour:
    """Send bytes as they are, slowly if told so, and close."""

    def behave(sock: socket.socket, closing: Event) -> None:
        for piece in pieces:
            sock.sendall(piece)
            if every_seconds and closing.wait(every_seconds):
                return

    return behave


def hangs(_sock: socket.socket, closing: Event) -> None:
    """Answer nothing until the server ends."""
    closing.wait(30)


class Stub:
    """Behave by a list, one entry a connection; the last one stays."""

    def __init__(
        self, *behaviours: Behaviour, tls: ssl.SSLContext | None = None, port: int = 0
    ) -> None:
        """Listen from now on."""
        self.port = port or free_port()
        self.seen: list[Seen] = []
        self._behaviours = list(behaviours)
        self._tls = tls
        self._changed = Condition()
        self._closing = Event()
        self._listener = socket.create_server(("127.0.0.1", self.port), backlog=100)
        self._threads = [Thread(target=self._accept, daemon=True)]
        self._threads[0].start()

    def __enter__(self) -> Stub:
        """Return the server."""
        return self

    def __exit__(self, *_: object) -> None:
        """End every connection."""
        self._closing.set()
        self._listener.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(5)
        self._listener.close()

    @property
    def url(self) -> str:
        """Return the server's address without a path."""
        return f"{'https' if self._tls else 'http'}://127.0.0.1:{self.port}"

    def wait_seen(self, count: int, timeout: float = 10) -> list[Seen]:
        """Wait until so many requests have arrived in all."""
        with self._changed:
            if not self._changed.wait_for(lambda: len(self.seen) >= count, timeout):
                raise TimeoutError(f"{len(self.seen)} of {count} requests in {timeout} s")
            return list(self.seen)

    def _accept(self) -> None:
        while True:
            try:
                sock, _ = self._listener.accept()
            except OSError:
                return
            thread = Thread(target=self._serve, args=(sock,), daemon=True)
            self._threads.append(thread)
            thread.start()

    def _serve(self, sock: socket.socket) -> None:
        # A client that gives up is no failure of the test's.
        with contextlib.suppress(OSError), self._wrapped(sock) as connection:
            if (seen := request_from(connection)) is None:
                return
            with self._changed:
                self.seen.append(seen)
                behave = self._behaviours[0]
                if len(self._behaviours) > 1:
                    self._behaviours.pop(0)
                self._changed.notify_all()
            behave(connection, self._closing)

    def _wrapped(self, sock: socket.socket) -> socket.socket:
        sock.settimeout(10)
        return self._tls.wrap_socket(sock, server_side=True) if self._tls else sock


def request_from(sock: socket.socket) -> Seen | None:
    """Read one request; None when the client went away."""
    with sock.makefile("rb") as stream:
        line = stream.readline().decode().strip()
        headers = {}
        while header := stream.readline().decode().strip():
            name, _, value = header.partition(": ")
            headers[name] = value
        return (
            Seen(line, headers, stream.read(int(headers.get("Content-Length", 0))))
            if line
            else None
        )


def certificates(directory: Path) -> tuple[Path, ssl.SSLContext]:
    """Make a CA and a certificate for 127.0.0.1; return the CA's file and a server's context."""
    ca, key, request, cert = (directory / name for name in ("ca.pem", "key.pem", "csr", "cert.pem"))
    new_key = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")
    extensions = directory / "extensions"
    extensions.write_text("subjectAltName=IP:127.0.0.1\nbasicConstraints=CA:FALSE\n")
    ca_key = directory / "ca-key.pem"
    signer = ("-CA", ca, "-CAkey", ca_key, "-CAcreateserial")
    commands = (
        ("req", "-x509", *new_key, "-keyout", ca_key, "-out", ca, "-subj", "/CN=test CA"),
        ("req", *new_key, "-keyout", key, "-out", request, "-subj", "/CN=stub"),
        ("x509", "-req", "-in", request, "-out", cert, "-extfile", extensions, *signer),
    )
    for command in commands:
        subprocess.run(("openssl", *map(str, command)), check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)
    return ca, context
