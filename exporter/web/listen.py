"""Listening sockets for addresses as users write them."""

from __future__ import annotations

import errno
import os
import re
import socket
from collections.abc import Iterable

from exporter.dsn import HIGHEST_PORT
from exporter.errors import ConfigError
from exporter.values import Given

_BACKLOG = 128


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
    except UnicodeError:
        reason = "not a host name"
    raise _refused(address, f"{address}: {reason}")


def shown(sock: socket.socket) -> str:
    """Return the real address of a socket, in the form in which users write it."""
    host, port = sock.getsockname()[:2]
    return f"[{host}]:{port}" if sock.family == socket.AF_INET6 else f"{host}:{port}"


def _parsed(address: str) -> tuple[str, int]:
    host, colon, port = address.rpartition(":")
    bracketed = host.startswith("[") and host.endswith("]")
    plain = not set(host) & set("[]:")
    number = int(port) if re.fullmatch("[0-9]{1,5}", port) else HIGHEST_PORT + 1
    if not colon or not (bracketed or plain) or number > HIGHEST_PORT:
        raise _refused(address, f"{address!r}: write :PORT, HOST:PORT or [IPV6]:PORT")
    return (host[1:-1] if bracketed else host), number


def _refused(address: str, problem: str) -> ConfigError:
    origin = f"{address.origin}: " if isinstance(address, Given) else ""
    return ConfigError(f"{origin}Cannot listen on {problem}.")


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
