"""The door: what the web configuration file says at the moment."""

from __future__ import annotations

import ssl
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import structlog

from exporter import files
from exporter.clock import Clock
from exporter.errors import ConfigError
from exporter.web.door import tls
from exporter.web.door.config import WebConfig, read

LOOK_SECONDS: Final = 1.0
"""How often files are looked at, at most."""
_Stamps = tuple[files.Stamp | None, ...]


@dataclass(frozen=True, slots=True)
class Policy:
    """One reading of the file and of those that it names."""

    config: WebConfig = field(default_factory=WebConfig)
    context: ssl.SSLContext | None = None


class Door:
    """Reads the file again when it changes, or a certificate does; a bad one changes nothing."""

    def __init__(self, path: Path, flag: str, clock: Clock) -> None:
        """Read the file; raise ConfigError, whose sentence names `flag`, when it cannot be used."""
        self._path = path
        self._flag = flag
        self._clock = clock
        self._log = structlog.get_logger("exporter.web.door")
        self._looked_at = clock.monotonic()
        self._problem: str | None = None
        self._policy = Policy()
        self._stamps: _Stamps = ()
        self.loaded_wall = 0.0
        """When the file was last read with success, in Unix seconds."""
        self.reread()

    @property
    def is_good(self) -> bool:
        """Tell whether what is in force is what the file says."""
        return self._problem is None

    def policy(self) -> Policy:
        """Return what is in force; look first whether that has changed, once a second at most."""
        now = self._clock.monotonic()
        if now - self._looked_at >= LOOK_SECONDS:
            self._looked_at = now
            # What was bad may heal by a file that nobody has a stamp of.
            if not self.is_good or self._stamps != self._stamps_of(self._policy):
                self._follow()
        return self._policy

    def context(self) -> ssl.SSLContext | None:
        """Return the TLS context in force, None where TLS is not spoken."""
        return self.policy().context

    def reread(self) -> None:
        """Read the file now; raise ConfigError and keep what is in force when it is bad."""
        before = self._stamps_of(self._policy)
        try:
            config = read(self._path, self._flag)
            policy = Policy(config, tls.context(config.tls) if config.tls else None)
        except ConfigError as error:
            self._stamps = before
            self._problem = str(error)
            raise
        # Of before the reading: what changes meanwhile is seen the next time.
        seen = dict(zip(self._files(self._policy), before, strict=True))
        self._stamps = tuple(seen.get(each, files.stamp(each)) for each in self._files(policy))
        self._policy = policy
        self._problem = None
        self.loaded_wall = self._clock.wall()

    def _follow(self) -> None:
        known = self._problem
        try:
            self.reread()
        except ConfigError as error:
            if str(error) != known:
                self._log.error("web.config_invalid", error=str(error))
        else:
            self._log.info("web.config_reloaded")

    def _files(self, policy: Policy) -> tuple[Path, ...]:
        return (self._path, *(policy.config.tls.files if policy.config.tls else ()))

    def _stamps_of(self, policy: Policy) -> _Stamps:
        return tuple(map(files.stamp, self._files(policy)))
