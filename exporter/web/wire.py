"""Translation between h11's events and our messages."""

from __future__ import annotations

import asyncio
import re
from email.utils import formatdate
from http import HTTPStatus
from types import MappingProxyType
from typing import cast
from urllib.parse import unquote

import h11

from exporter.web.messages import Request, Response

_SECONDS = re.compile(r"[0-9]{1,6}(?:\.[0-9]{1,9})?")


def request_from(event: h11.Request, peer_names: frozenset[str]) -> Request:
    """Return our request for h11's; repeated headers are joined by commas (RFC 9110, 5.3)."""
    path, _, query = _origin_form(event.target.decode("ascii")).partition("?")
    headers: dict[str, str] = {}
    for raw_name, raw_value in event.headers:
        name, value = raw_name.decode("ascii"), raw_value.decode("latin-1")
        headers[name] = f"{headers[name]}, {value}" if name in headers else value
    method = event.method.decode("ascii")
    return Request(method, unquote(path), query, MappingProxyType(headers), peer_names)


def peer_names(transport: asyncio.BaseTransport) -> frozenset[str]:
    """Return the names in the certificate that a client has shown, if it was verified."""
    tls = transport.get_extra_info("ssl_object")
    shown = (tls.getpeercert() if tls else None) or {}
    return frozenset(str(name) for _, name in shown.get("subjectAltName", ()))


def scrape_timeout(request: Request) -> float | None:
    """Return after how many seconds a scraper gives up, if it tells, as Prometheus does."""
    told = request.headers.get("x-prometheus-scrape-timeout-seconds", "")
    return float(told) if _SECONDS.fullmatch(told) else None


def header_bytes(event: h11.Request) -> int:
    """Return the size of a request's head, in bytes, without the version."""
    fields = sum(len(name) + len(value) + 4 for name, value in event.headers)
    return len(event.method) + len(event.target) + fields


def announced_bytes(event: h11.Request) -> int | None:
    """Return the length that a request announces for its body; None when it announces none."""
    found = [value for name, value in event.headers if name == b"content-length"]
    return int(found[0]) if found else None


def framed_twice(event: h11.Request) -> bool:
    """Tell whether a proxy may see another end of the request than we do (RFC 9112, 6.3)."""
    return {b"content-length", b"transfer-encoding"} <= {name for name, _ in event.headers}


def go_on(http: h11.Connection) -> bytes:
    """Return the word that a client waits for before it sends a body (RFC 9110, 10.1.1)."""
    return http.send(h11.InformationalResponse(status_code=100, headers=[])) or b""


def head(http: h11.Connection, response: Response, *, body: bool, close: bool) -> bytes:
    """Return the head of an answer, and leave `http` as if its body had been sent too.

    h11 only has to count the body (its documentation of `send_with_data_passthrough` allows
    anything that has a length), so the blocks need not pass through it one by one.
    """
    length = sum(map(len, response.body))
    event = h11.Response(
        status_code=response.status,
        reason=HTTPStatus(response.status).phrase,
        headers=_headers(response, length, close=close),
    )
    start = http.send(event) or b""
    if body and length:
        http.send_with_data_passthrough(h11.Data(data=cast("bytes", range(length))))
    http.send(h11.EndOfMessage())
    return start


def _headers(response: Response, length: int, *, close: bool) -> list[tuple[str, str]]:
    headers = [("Date", formatdate(usegmt=True)), *response.headers]
    if response.status != HTTPStatus.NO_CONTENT:
        headers.append(("Content-Type", response.content_type))
        headers.append(("Content-Length", str(length)))
    if close:
        headers.append(("Connection", "close"))
    return headers


def _origin_form(target: str) -> str:
    """Return `/path?query` also for the absolute form, which servers must take (RFC 9112, 3.2)."""
    scheme, separator, rest = target.partition("://")
    if not separator or scheme.lower() not in ("http", "https"):
        return target
    _, slash, path = rest.partition("/")
    return slash + path if slash else "/"
