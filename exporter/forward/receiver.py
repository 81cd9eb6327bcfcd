"""The exporter that takes totals over: one attempt to tell it, and what it made of that."""

from __future__ import annotations

import ssl
from dataclasses import replace
from http import HTTPStatus
from pathlib import Path
from typing import Literal

import structlog

from exporter.errors import SourceUnavailableError
from exporter.identity.endpoint import authorization, endpoint, trusting
from exporter.identity.exchange import Request, exchange

ENDPOINT_PATH = "/ingest/v1/tries"

Outcome = Literal["sent", "failed", "dropped"]


class Receiver:
    """Posts messages; what goes wrong is logged once, until something is acknowledged again."""

    def __init__(
        self,
        url: str,
        *,
        token_file: Path | None = None,
        ca_file: Path | None = None,
        timeout_seconds: float = 5.0,
        origin: str = "--forward.url",
    ) -> None:
        """Check what is given; raise ConfigError naming `origin`. Nothing is sent yet."""
        to = endpoint(url, origin)
        self._endpoint = replace(to, target=ENDPOINT_PATH) if to.target == "/" else to
        self._context: ssl.SSLContext = trusting(ca_file)
        self._token_file = token_file
        self._timeout_seconds = timeout_seconds
        self._log = structlog.get_logger("exporter.forward", to=str(to))
        self._told: set[str] = set()
        if not (to.tls or to.is_loopback) and (token_file or to.userinfo):
            self._log.warning(
                "forward.unencrypted", error=f"{origin}: http shows the token to others"
            )

    def __str__(self) -> str:
        """Return how sentences name it: without what may be a secret."""
        return str(self._endpoint)

    def post(self, message: bytes) -> Outcome | None:
        """Post once; return None where another attempt may help."""
        try:
            status = self.status(message)
        except SourceUnavailableError as error:
            self._tell("forward.failing", str(error))
            return None
        if HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES:
            self._told.clear()
            return "sent"
        if status >= HTTPStatus.INTERNAL_SERVER_ERROR or status == HTTPStatus.TOO_MANY_REQUESTS:
            self._tell("forward.failing", f"{self._endpoint} answered {status}")
            return None
        self._tell("forward.refused", f"{self._endpoint} answered {status}: totals are dropped")
        return "dropped"

    def status(self, message: bytes) -> int:
        """Post once and return the status of the answer; raise SourceUnavailableError."""
        headers = authorization(self._endpoint, self._token_file)
        headers["Content-Type"] = "application/json"
        request = Request("POST", self._endpoint.target, headers, message)
        status, _ = exchange(
            self._endpoint, request, context=self._context, timeout_seconds=self._timeout_seconds
        )
        return status

    def _tell(self, event: str, sentence: str) -> None:
        """Log a sentence once, until something is acknowledged again."""
        if sentence not in self._told:
            self._told.add(sentence)
            self._log.warning(event, error=sentence)
