"""One HTTP request and its answer, within one deadline and without a secret in any sentence."""

from __future__ import annotations

import socket
import ssl
import time
from collections.abc import Mapping
from dataclasses import dataclass, field

from exporter.errors import SourceTimeoutError, SourceUnavailableError
from exporter.identity.endpoint import Endpoint
from exporter.identity.wire import NotHttpError, TooLargeError, Wire


@dataclass(frozen=True, slots=True)
class Request:
    """What is asked."""

    method: str
    target: str
    headers: Mapping[str, str] = field(repr=False)
    body: bytes | None = field(default=None, repr=False)


def exchange(
    to: Endpoint,
    request: Request,
    *,
    context: ssl.SSLContext,
    timeout_seconds: float,
    max_bytes: int = 0,
) -> tuple[int, bytes]:
    """Send a request and return status and body; 0 bytes at most: the body is left unread.

    Redirects are not followed and proxies not used. Raise SourceTimeoutError once the deadline
    is over (name resolution alone is not interrupted by it), else SourceUnavailableError.
    """
    ends = time.monotonic() + timeout_seconds
    try:
        with _connected(to, context, ends) as sock:
            headers = {"Host": to.authority, "Accept-Encoding": "identity", **request.headers}
            wire = Wire(sock, time.monotonic, ends)
            status, _ = wire.ask(request.method, request.target, headers, request.body)
            return status, wire.body(max_bytes) if max_bytes else b""
    except TimeoutError:
        message = f"{to} did not answer within {timeout_seconds:g} s"
        raise SourceTimeoutError(message) from None
    except TooLargeError:
        message = f"{to} answered with too much: {max_bytes} bytes are taken"
    except NotHttpError:
        message = f"{to} did not answer in HTTP, or not to the end"
    except OSError as error:
        reason = getattr(error, "verify_message", None) or error.strerror
        message = f"{to}: {reason or type(error).__name__}"
    raise SourceUnavailableError(message)


def _connected(to: Endpoint, context: ssl.SSLContext, ends: float) -> socket.socket:
    """Return a connection; the addresses that a name has share what is left of the deadline."""
    addresses = socket.getaddrinfo(to.host, to.port, type=socket.SOCK_STREAM)
    for remaining, (family, kind, protocol, _, address) in zip(
        range(len(addresses), 0, -1), addresses, strict=True
    ):
        sock = socket.socket(family, kind, protocol)
        try:
            sock.settimeout(_left(ends) / remaining)
            sock.connect(address)
            if not to.tls:
                return sock
            sock.settimeout(_left(ends))
            return context.wrap_socket(sock, server_hostname=to.host)
        except OSError:
            sock.close()
            if remaining == 1:
                raise
    raise OSError


def _left(ends: float) -> float:
    """Return the seconds left; raise TimeoutError when there are none."""
    left = ends - time.monotonic()
    if left <= 0:
        raise TimeoutError
    return left
