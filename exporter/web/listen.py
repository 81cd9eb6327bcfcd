"""Listening sockets for addresses as users write them."""

from __future__ import annotations

import errno
import os
import socket
from collections.abc import Iterable

from exporter.errors import ConfigError

_BACKLOG = 128
_HIGHEST_PORT = 65535


def sockets(addresses: Iterable[str]) -> list[socket.socket]:
    """Listen on every address, or on none and raise ConfigError."""
    bound: list[socket.socket] = []
    try:
        for address in addresses:
            bound.append(listening(address))  # noqa: PERF401 - what is bound must be closed below
    except ConfigError:
        for sock in bound:
            sock.close()
        raise
    return bound


def listening(address: str) -> socket.socket:
    """Return a socket that listens on `:PORT` (all interfaces), `HOST:PORT` or `[IPV6]:PORT`.

    A host name stands for one of its addresses, an IPv4 one if it has any, as in Go's net.Listen.
    """
    host, port = _parsed(address)
    try:
        if host in ("", "::"):
            return _on_all_interfaces(port)
        return _on_first_of(host, port)
    except socket.gaierror as error:
        reason = error.strerror
    except OSError as error:
        reason = os.strerror(error.errno) if error.errno else str(error)
    message = f"Cannot listen on {address}: {reason}."
    raise ConfigError(message)


def shown(sock: socket.socket) -> str:
    """Return the real address of a socket, in the form in which users write it."""
    host, port = sock.getsockname()[:2]
    return f"[{host}]:{port}" if sock.family == socket.AF_INET6 else f"{host}:{port}"


def _parsed(address: str) -> tuple[str, int]:
    host, colon, port = address.rpartition(":")
    bracketed = host.startswith("[") and host.endswith("]")
    plain = not set(host) & set("[]:")
    number = int(port) if port.isascii() and port.isdigit() else _HIGHEST_PORT + 1
    if not colon or not (bracketed or plain) or number > _HIGHEST_PORT:
        message = f"Cannot listen on {address!r}: write :PORT, HOST:PORT or [IPV6]:PORT."
        raise ConfigError(message)
    return (host[1:-1] if bracketed else host), number


def _on_all_interfaces(port: int) -> socket.socket:
    try:
        return socket.create_server(
            ("", port), family=socket.AF_INET6, backlog=_BACKLOG, dualstack_ipv6=True
        )
    except (OSError, ValueError) as error:
        # A taken port is an error; a host without IPv6 is none (ValueError: no dual stack).
        if getattr(error, "errno", None) in (errno.EADDRINUSE, errno.EACCES):
            raise
    return socket.create_server(("", port), backlog=_BACKLOG)


def _on_first_of(host: str, port: int) -> socket.socket:
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    family, _, _, _, address = min(found, key=lambda entry: entry[0] != socket.AF_INET)
    return socket.create_server(address, family=family, backlog=_BACKLOG)
