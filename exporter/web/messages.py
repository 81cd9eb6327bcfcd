"""Requests and responses as the handlers see them, free of sockets and of HTTP's grammar."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

PLAIN_TEXT = "text/plain; charset=utf-8"

# The label `path` of the request counter: bounded, whatever clients ask for and wherever the
# telemetry path was put ("/metrics" stands for it).
TELEMETRY = "/metrics"
LANDING = "/"
HEALTHY = "/-/healthy"
READY = "/-/ready"
OTHER = "other"


@dataclass(frozen=True)
class Request:
    """Hold one request: the path decoded, the query as sent, header names in lower case."""

    method: str
    path: str
    query: str
    headers: Mapping[str, str]


@dataclass(frozen=True)
class Response:
    """Hold one answer; the body's blocks are shared by all clients and never copied as a whole.

    `vital` answers are sent even when `Limits.max_requests` are in flight.
    """

    status: int
    content_type: str
    body: tuple[bytes, ...]
    headers: tuple[tuple[str, str], ...] = ()
    path_class: str = OTHER
    vital: bool = False


Handler = Callable[[Request], Response]
"""Answer at once: it runs in the event loop, so it only picks bytes that are ready."""

OnResponse = Callable[[str, int], None]
"""Take the path class and the status code of an answer that is about to be sent."""


def sentence(
    status: int,
    text: str,
    *,
    path_class: str = OTHER,
    headers: tuple[tuple[str, str], ...] = (),
    vital: bool = False,
) -> Response:
    """Return a plain-text answer of one sentence."""
    return Response(status, PLAIN_TEXT, (f"{text}\n".encode(),), headers, path_class, vital)
