"""Listening sockets for addresses as users write them."""

from __future__ import annotations

import errno
import os
import re
import socket
import stat
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path

from exporter.errors import ConfigError
from exporter.values import HIGHEST_PORT, Given

_BACKLOG = 128
_PATH, _DESCRIPTOR = "unix:", "fd:"
_FIRST_INHERITED = 3
_PATH_MODE = 0o660


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
    `unix:PATH` is a socket in the file system, for the user and the group of the process;
    `fd:NUMBER` is one that was handed over.
    """
    try:
        if address.startswith(_PATH):
            return _on_path(address.removeprefix(_PATH))
        if address.startswith(_DESCRIPTOR):
            return _handed_over(address.removeprefix(_DESCRIPTOR))
        host, port = _parsed(address)
        if host in ("", "::"):
            return _on_all_interfaces(port)
        return _on_first_of(host, port)
    except socket.gaierror as error:
        reason = error.strerror
    except OSError as error:
        reason = os.strerror(error.errno) if error.errno else str(error)
    except UnicodeError:
        reason = "not a host name"
    except ValueError as error:
        reason = str(error)
    raise _refused(address, f"{address}: {reason}")


def inherited(environ: Mapping[str, str], pid: int) -> tuple[str, ...]:
    """Return the addresses of what systemd hands over; raise ConfigError when that is nothing.

    Source: sd_listen_fds(3).
    """
    count = environ.get("LISTEN_FDS", "") if environ.get("LISTEN_PID") == str(pid) else ""
    if not re.fullmatch("[1-9][0-9]?", count):
        message = "--web.systemd-socket: systemd has handed over no socket."
        raise ConfigError(message)
    return tuple(f"{_DESCRIPTOR}{_FIRST_INHERITED + number}" for number in range(int(count)))


def shown(sock: socket.socket) -> str:
    """Return the real address of a socket, in the form in which users write it."""
    if sock.family == socket.AF_UNIX:
        return f"{_PATH}{sock.getsockname()}"
    host, port = sock.getsockname()[:2]
    return f"[{host}]:{port}" if sock.family == socket.AF_INET6 else f"{host}:{port}"


def _parsed(address: str) -> tuple[str, int]:
    host, colon, port = address.rpartition(":")
    bracketed = host.startswith("[") and host.endswith("]")
    plain = not set(host) & set("[]:")
    number = int(port) if re.fullmatch("[0-9]{1,5}", port) else HIGHEST_PORT + 1
    if not colon or not (bracketed or plain) or number > HIGHEST_PORT:
        raise _refused(address, f"{address!r}: write :PORT, HOST:PORT, [IPV6]:PORT or unix:PATH")
    return (host[1:-1] if bracketed else host), number


def _refused(address: str, problem: str) -> ConfigError:
    origin = f"{address.origin}: " if isinstance(address, Given) else ""
    return ConfigError(f"{origin}Cannot listen on {problem}.")


class _PathSocket(socket.socket):
    """A listening socket that takes its file away with it."""

    def close(self) -> None:
        if self.fileno() != -1:
            path = self.getsockname()
            super().close()
            with suppress(OSError):
                Path(path).unlink()


def _on_path(path: str) -> socket.socket:
    if not path:
        message = "a path is missing"
        raise ValueError(message)
    _remove_stale(path)
    sock = _PathSocket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        sock.bind(path)
    except BaseException:
        sock.detach()
        raise
    # Nobody is let in before it listens.
    Path(path).chmod(_PATH_MODE)
    sock.listen(_BACKLOG)
    return sock


def _remove_stale(path: str) -> None:
    """Remove the socket of a process that is gone; a living one's is in use."""
    try:
        if not stat.S_ISSOCK(Path(path).stat().st_mode):
            return
        with socket.socket(socket.AF_UNIX) as probe:
            probe.connect(path)
    except ConnectionRefusedError:
        Path(path).unlink()
    except FileNotFoundError:
        pass
    else:
        raise OSError(errno.EADDRINUSE, os.strerror(errno.EADDRINUSE))


def _handed_over(number: str) -> socket.socket:
    if not re.fullmatch("[0-9]{1,4}", number):
        message = "not the number of a descriptor"
        raise ValueError(message)
    sock = socket.socket(fileno=int(number))
    listens = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN)
    if sock.type != socket.SOCK_STREAM or not listens:
        sock.detach()
        message = "not a socket that listens for connections"
        raise ValueError(message)
    return sock


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
