"""The secret that senders must show: read from a file, and again when the file changes."""

from __future__ import annotations

import hmac
import re
from collections.abc import Callable, Iterable
from pathlib import Path

import structlog

from exporter import files
from exporter.errors import ConfigError

_SCHEME = "bearer"
_TOKEN = re.compile(r"[!-~]+")


class Token:
    """A bearer token in a file (RFC 6750); while it cannot be read, nobody is let in."""

    def __init__(self, path: Path, flag: str, on_secrets: Callable[[Iterable[str]], None]) -> None:
        """Read the file; raise ConfigError naming `flag` when there is no token in it.

        `on_secrets` is told each token, so that no log line ever shows it.
        """
        self._path = path
        self._flag = flag
        self._on_secrets = on_secrets
        self._log = structlog.get_logger("exporter.intake.token")
        self._stamp = files.stamp(path)
        self._token: bytes | None = self._read()

    def admits(self, authorization: str | None) -> bool:
        """Tell whether the value of an Authorization header shows the token."""
        self._refresh()
        scheme, _, shown = (authorization or "").strip().partition(" ")
        if self._token is None or scheme.lower() != _SCHEME:
            return False
        # In constant time: how long a refusal takes tells nothing of the token.
        return hmac.compare_digest(shown.strip().encode(), self._token)

    def _refresh(self) -> None:
        stamp = files.stamp(self._path)
        if stamp == self._stamp:
            return
        self._stamp = stamp
        try:
            self._token = self._read()
        except ConfigError as error:
            self._token = None
            self._log.error("intake.token_unreadable", error=str(error))

    def _read(self) -> bytes:
        text = files.content(self._path, self._flag).decode("utf-8", "replace").strip()
        if not _TOKEN.fullmatch(text):
            message = f"{self._flag} {self._path}: must hold one token of printable ASCII"
            raise ConfigError(message)
        self._on_secrets((text,))
        return text.encode()
