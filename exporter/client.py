"""Asks one server for a command, everything within one deadline."""

from __future__ import annotations

import time
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path

from exporter.errors import SourceTimeoutError, SourceUnavailableError
from exporter.identity.endpoint import authorization, endpoint, trusting
from exporter.identity.exchange import Request, exchange


@dataclass(frozen=True, slots=True)
class Access:
    """How a server knows us, whom we trust there, and how long all answers may take."""

    token_file: Path | None = None
    ca_file: Path | None = None
    timeout_seconds: float = 30.0


class Client:
    """One server, until the deadline."""

    def __init__(self, url: str, origin: str, access: Access) -> None:
        """Prepare for a URL; raise ConfigError naming `origin`, where it was given."""
        self.to = endpoint(url, origin)
        self._access = access
        self._context = trusting(access.ca_file)
        self._ends = time.monotonic() + access.timeout_seconds

    def answer(self, target: str, accept: str, max_bytes: int) -> tuple[int, bytes]:
        """Return status and body of a path; raise SourceUnavailableError."""
        headers = authorization(self.to, self._access.token_file) | {"Accept": accept}
        try:
            return exchange(
                self.to,
                Request("GET", target, headers),
                context=self._context,
                timeout_seconds=self._ends - time.monotonic(),
                max_bytes=max_bytes,
            )
        except SourceTimeoutError:
            message = (
                f"{self.to} did not answer everything within {self._access.timeout_seconds:g} s"
            )
            raise SourceTimeoutError(message) from None

    def good_answer(self, target: str, accept: str, max_bytes: int) -> bytes:
        """Return the body of a path; raise SourceUnavailableError for any status but 200."""
        status, body = self.answer(target, accept, max_bytes)
        if status != HTTPStatus.OK:
            message = f"{self.to} answered {status}"
            raise SourceUnavailableError(message)
        return body
