"""Requests and responses as the handlers see them, free of sockets and of HTTP's grammar."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from concurrent.futures import Future
from dataclasses import dataclass
from typing import TypeAlias

PLAIN_TEXT = "text/plain; charset=utf-8"

# The label `path` of the request counter: bounded, whatever clients ask for and wherever the
# telemetry path was put ("/metrics" stands for it).
TELEMETRY = "/metrics"
LANDING = "/"
HEALTHY = "/-/healthy"
READY = "/-/ready"
RELOAD = "/-/reload"
TASKS = "/tasks"
OTHER = "other"


@dataclass(frozen=True)
class Request:
    """Hold one request: the path decoded, the query as sent, header names in lower case.

    `peer_names` are those of the client's certificate, where one was shown and verified. A `late`
    request has waited for as long as its client does: it is answered by what is there.
    """

    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    peer_names: frozenset[str] = frozenset()
    late: bool = False


@dataclass(frozen=True)
class Response:
    """Hold one answer; the body's blocks are shared by all clients and never copied as a whole.

    `vital` answers are sent even when `Limits.max_requests` are in flight; with a `last` one the
    connection ends.
    """

    status: int
    content_type: str
    body: tuple[bytes, ...]
    headers: tuple[tuple[str, str], ...] = ()
    path_class: str = OTHER
    vital: bool = False
    last: bool = False


Pending: TypeAlias = Future[Response]
"""An answer that another thread is making."""


@dataclass(frozen=True)
class WithBody:
    """Ask for the request's body before answering: its head alone was good.

    A body that announces no length, or more than `max_bytes`, is refused unread.
    """

    max_bytes: int
    then: Callable[[bytes], Response | Pending]
    path_class: str = OTHER


@dataclass(frozen=True)
class Unable:
    """Tell how a server says that it cannot answer: by which status, counted under which path.

    `unspoken`, if any, stands for 501 and 505: what of HTTP is not spoken here.
    """

    busy: int = 503
    defect: int = 500
    unspoken: int | None = None
    path_class: str = OTHER


Handler = Callable[[Request], Response | Pending | WithBody]
"""Answer at once: it runs in the event loop, so it only picks bytes that are ready.

A body is read only for those who ask for it; else its sender is answered at once and closed.
"""

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


def not_allowed(request: Request, methods: Collection[str]) -> Response | None:
    """Return the refusal of a method that is not among `methods`."""
    if request.method in methods:
        return None
    allow = ", ".join(methods)
    return sentence(405, f"Only {allow} is answered here.", headers=(("Allow", allow),))
