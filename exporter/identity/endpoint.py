"""Where requests go, whom to trust there, and who we are."""

from __future__ import annotations

import base64
import ipaddress
import re
import ssl
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import unquote, urlsplit

from exporter import files
from exporter.errors import ConfigError, SourceUnavailableError

_PORTS = {"http": 80, "https": 443}
_PRINTABLE = re.compile(r"[!-~]*")


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where requests go; shown as scheme, host and port, for the rest may hold secrets."""

    scheme: str
    host: str
    port: int
    target: str = field(repr=False)
    """Path and query."""
    userinfo: str | None = field(default=None, repr=False)
    """`user:password`, or a user whose password is in the token's file; decoded."""

    def __str__(self) -> str:
        """Return how sentences name the endpoint."""
        return f"{self.scheme}://{self.authority}"

    @property
    def authority(self) -> str:
        """Return host and port as a `Host` header has them."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"

    @property
    def tls(self) -> bool:
        """Tell whether the way there is encrypted."""
        return self.scheme == "https"

    @property
    def is_loopback(self) -> bool:
        """Tell whether nothing leaves this host."""
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return self.host == "localhost"


def endpoint(url: str, origin: str) -> Endpoint:
    """Read an http or https URL; raise ConfigError naming `origin`, never the URL."""
    message = f"{origin}: not a URL such as https://host:port/path"
    try:
        parts = urlsplit(url.strip())
        host, port = parts.hostname or "", parts.port
        host.encode("idna")
    except ValueError:
        raise ConfigError(message) from None
    if parts.scheme not in _PORTS or not host or not _PRINTABLE.fullmatch(url.strip()):
        raise ConfigError(message)
    query = f"?{parts.query}" if parts.query else ""
    userinfo, separator, _ = parts.netloc.rpartition("@")
    return Endpoint(
        parts.scheme,
        host,
        _PORTS[parts.scheme] if port is None else port,
        f"{parts.path or '/'}{query}",
        unquote(userinfo) if separator else None,
    )


def trusting(ca_file: Path | None) -> ssl.SSLContext:
    """Return a context that trusts the CA file alone, else the system's; raise ConfigError."""
    try:
        return ssl.create_default_context(cafile=ca_file)
    except (OSError, ValueError):
        message = f"{ca_file}: cannot be read as CA certificates"
        raise ConfigError(message) from None


def authorization(to: Endpoint, token_file: Path | None) -> dict[str, str]:
    """Return the header that authenticates us: the token file's, read now, else the URL's.

    With a user alone in the URL, the token is that user's password.
    """
    if token_file is None:
        return {} if to.userinfo is None else _basic(to.userinfo)
    try:
        token = files.content(token_file, "the token file").decode("utf-8", "replace").strip()
    except ConfigError as error:
        raise SourceUnavailableError(str(error)) from None
    # Checked here, because h11 would repeat the token in its error.
    if not token or not _PRINTABLE.fullmatch(token):
        message = f"the token file {token_file}: does not hold a token"
        raise SourceUnavailableError(message)
    if to.userinfo and ":" not in to.userinfo:
        return _basic(f"{to.userinfo}:{token}")
    return {"Authorization": f"Bearer {token}"}


def _basic(userinfo: str) -> dict[str, str]:
    return {"Authorization": f"Basic {base64.b64encode(userinfo.encode()).decode()}"}
