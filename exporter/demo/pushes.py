"""What the demo's tasks push to the intake: sent again until it is durable."""

from __future__ import annotations

import json
import socket
from collections import deque
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Any

import structlog

PREFERRED = ("127.0.0.1", 10113)
_TRIES = "/ingest/v1/tries"
_MOST_IN_ONE = 64
_MOST_WAITING = 1000
_TIMEOUT_SECONDS = 1.0
_DURABLE, _OVERLOADED = 204, 429


class Pushes:
    """Reports on tries, sent in the order of their coming."""

    def __init__(self, address: str | None, token_file: Path | None = None) -> None:
        """Push to this address, such as 127.0.0.1:10113; nowhere when there is none.

        `token_file` holds the bearer token that the intake asks for.
        """
        self._address = address
        self._token_file = token_file
        self._waiting: deque[dict[str, Any]] = deque(maxlen=_MOST_WAITING)
        self._log = structlog.get_logger("exporter.demo")

    @property
    def possible(self) -> bool:
        """Tell whether there is an address to push to."""
        return self._address is not None

    def add(self, report: dict[str, Any]) -> None:
        """Take a report, to be sent at the next opportunity."""
        self._waiting.append(report)

    def send(self) -> None:
        """Send what waits; it goes on waiting while nobody listens or no more can be kept."""
        if self._address is None or not self._waiting:
            return
        reports = [each for each, _ in zip(self._waiting, range(_MOST_IN_ONE), strict=False)]
        try:
            status = self._answer(self._address, json.dumps(reports).encode())
        except (OSError, HTTPException):
            return
        if status == _OVERLOADED:
            return
        if status != _DURABLE:
            self._log.warning("demo.push_refused", status=status, reports=len(reports))
        for _ in reports:
            self._waiting.popleft()

    def _answer(self, address: str, body: bytes) -> int:
        host, _, port = address.rpartition(":")
        headers = {"Content-Type": "application/json"}
        if self._token_file is not None:
            # Read each time, for tokens are replaced.
            token = self._token_file.read_text(encoding="utf-8").strip()
            headers["Authorization"] = f"Bearer {token}"
        connection = HTTPConnection(host.strip("[]"), int(port), timeout=_TIMEOUT_SECONDS)
        try:
            connection.request("POST", _TRIES, body, headers)
            return connection.getresponse().status
        finally:
            connection.close()


def free_address() -> str:
    """Return the intake's usual address on loopback, or one with a free port if that is taken."""
    for address in (PREFERRED, (PREFERRED[0], 0)):
        try:
            with socket.create_server(address) as server:
                host, port = server.getsockname()
        except OSError:
            continue
        return f"{host}:{port}"
    return f"{PREFERRED[0]}:{PREFERRED[1]}"
