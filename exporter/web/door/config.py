"""The web configuration file: what it may say, and what it says.

Its keys and their meaning are exporter-toolkit's (its docs/web-configuration.md).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Final

from exporter import yaml_file
from exporter.web.door.tls import Tls, tls
from exporter.yaml_file import Place

_SECTIONS: Final = ("tls_server_config", "http_server_config", "basic_auth_users")
_HEADERS: Final[Mapping[str, tuple[str, ...]]] = {
    "Content-Security-Policy": (),
    "Strict-Transport-Security": (),
    "X-Content-Type-Options": ("nosniff",),
    "X-Frame-Options": ("deny", "sameorigin"),
    "X-XSS-Protection": (),
}
"""Each with the values that it may have, where there are few."""
_HEADER_VALUE: Final = re.compile(r"[!-~]([ -~]*[!-~])?")
_BCRYPT: Final = re.compile(r"\$2[aby]\$([0-9]{2})\$[./A-Za-z0-9]{53}")
_MOST_ROUNDS: Final = 15
"""Each costs twice as much as the one before; this takes some three seconds a password."""
_FEWEST_ROUNDS: Final = 4
_MOST_USERS: Final = 100


@dataclass(frozen=True, slots=True)
class WebConfig:
    """What holds for everybody who connects; without a file nothing does."""

    tls: Tls | None = None
    headers: tuple[tuple[str, str], ...] = ()
    """Added to every answer; they win over ours."""
    users: Mapping[str, bytes] = field(default_factory=lambda: MappingProxyType({}))
    """The bcrypt hash of each user's password."""


def read(path: Path, origin: str) -> WebConfig:
    """Read the file; raise ConfigError naming the file, the key and what is allowed.

    `origin` is where the path was given. No error repeats a hash.
    """
    top = Place(path)
    given = _section(top, yaml_file.tree(path, origin), *_SECTIONS)
    secured, served, users = (given.get(section) for section in _SECTIONS)
    return WebConfig(
        tls(top.below(_SECTIONS[0]), secured) if _is_set(secured) else None,
        _headers(top.below(_SECTIONS[1]), served),
        _users(top.below(_SECTIONS[2]), users),
    )


def _headers(place: Place, node: object) -> tuple[tuple[str, str], ...]:
    served = _section(place, node, "headers", "http2")
    # HTTP/2 is what a client may not get anyway: whatever is said of it holds.
    if served.get("http2", "false") not in ("true", "false"):
        place.below("http2").refuse("must be true or false")
    at = place.below("headers")
    found = _section(at, served.get("headers"), *_HEADERS)
    return tuple((name, _header_value(at, found, name)) for name in found)


def _header_value(place: Place, node: Mapping[str, object], name: str) -> str:
    value = place.text(node, name)
    if not _HEADER_VALUE.fullmatch(value):
        place.below(name).refuse("must be printable ASCII")
    if (allowed := _HEADERS[name]) and value.lower() not in allowed:
        place.below(name).refuse(f"must be {' or '.join(allowed)}")
    return value


def _users(place: Place, node: object) -> Mapping[str, bytes]:
    found = _section(place, node)
    if len(found) > _MOST_USERS:
        place.refuse(f"holds more than {_MOST_USERS} users")
    return MappingProxyType({str(name): _hash(place, found, name) for name in found})


def _hash(place: Place, node: Mapping[str, object], name: str) -> bytes:
    text = place.text(node, name)
    # What is no hash may be the password itself: it is not repeated.
    if not name or ":" in name:
        place.refuse("a user's name has at least one character, and no colon")
    if (parts := _BCRYPT.fullmatch(text)) is None:
        place.below(name).refuse("must be a bcrypt hash, as `htpasswd -nBC 10 NAME` writes it")
    if not _FEWEST_ROUNDS <= int(parts[1]) <= _MOST_ROUNDS:
        place.below(name).refuse(f"must have a cost from {_FEWEST_ROUNDS} to {_MOST_ROUNDS}")
    return text.encode()


def _section(place: Place, node: object, *allowed: str) -> Mapping[str, object]:
    """Return the keys and values of a section, none where it is left out or empty."""
    return place.keys(node, *allowed) if _is_set(node) else {}


def _is_set(node: object) -> bool:
    return node not in (None, *yaml_file.UNSET, {})
