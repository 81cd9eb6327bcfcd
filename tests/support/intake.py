"""A receiver of pushed records, as an exporter's intake is one: keeps what it gets.

It says 204, or hands everything on to a real intake and says what that says.
"""

from __future__ import annotations

import json
import threading
from contextlib import closing
from dataclasses import dataclass
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass(frozen=True)
class Push:
    """A request that arrived."""

    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def records(self) -> list[dict[str, Any]]:
        """Return what it says."""
        return json.loads(self.body)  # type: ignore[no-any-return]


class Intake:
    """Listens on a free port of 127.0.0.1 until it is closed."""

    def __init__(self, status: int = 204, *, said: bytes = b"", behind: int | None = None) -> None:
        """Listen; every request gets that status, or that of the intake on the port `behind`."""
        self.pushes: list[Push] = []
        pushes = self.pushes

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                pushes.append(Push(self.path, dict(self.headers), body))
                self.send_response(status if behind is None else self._answer(body, behind))
                self.end_headers()
                self.wfile.write(said)

            def _answer(self, body: bytes, port: int) -> int:
                connection = HTTPConnection("127.0.0.1", port, timeout=10)
                with closing(connection):
                    connection.request("POST", self.path, body, dict(self.headers))
                    return connection.getresponse().status

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    @property
    def records(self) -> list[dict[str, Any]]:
        """Return the records of all requests in the order of arrival."""
        return [record for push in self.pushes for record in push.records]

    def close(self) -> None:
        """Listen no more."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
