"""Answers with what is made anew each time: kept by nobody, and a page may do nothing."""

from __future__ import annotations

from base64 import b64encode
from hashlib import sha256
from typing import Final

from exporter.web.messages import Response

FRESH: Final = (("Cache-Control", "no-store"), ("X-Content-Type-Options", "nosniff"))


def html(page: bytes, style: str, path_class: str) -> Response:
    """Answer with a page that may have this style, and nothing else from anywhere."""
    headers = (*FRESH, ("Content-Security-Policy", _policy(style)))
    return Response(200, "text/html; charset=utf-8", (page,), headers, path_class)


def _policy(style: str) -> str:
    digest = b64encode(sha256(style.encode()).digest()).decode()
    nothing = "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    return f"{nothing}; style-src 'sha256-{digest}'"
