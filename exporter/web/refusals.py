"""What is not taken as a request, and what is said of it."""

from __future__ import annotations

from typing import Final

import h11

from exporter.web import wire

NOT_UNDERSTOOD: Final = 400
TOO_LATE: Final = 408
NO_LENGTH: Final = 411
BODY_TOO_LARGE: Final = 413
HEAD_TOO_LARGE: Final = 431
NOT_SPOKEN: Final = 505

_SENTENCES: Final = {
    TOO_LATE: "The request did not arrive in time.",
    NO_LENGTH: "The length of the body must be announced.",
    BODY_TOO_LARGE: "The body is too large.",
    HEAD_TOO_LARGE: "The request's header is too large.",
    NOT_SPOKEN: "Only HTTP/1 is spoken here.",
}


def told(status: int) -> str:
    """Return the sentence that goes with a status."""
    return _SENTENCES.get(status, "This is no HTTP request that can be understood.")


def of_head(event: h11.Request, most_bytes: int) -> int | None:
    """Return the status by which a request is refused for its head; None where it is good."""
    if not event.http_version.startswith(b"1."):
        return NOT_SPOKEN
    if wire.header_bytes(event) > most_bytes:
        return HEAD_TOO_LARGE
    return NOT_UNDERSTOOD if wire.framed_twice(event) else None


def of_body(announced: int | None, most_bytes: int) -> int | None:
    """Return the status by which a body of so many bytes is refused; None where it may come."""
    if announced is None:
        return NO_LENGTH
    return BODY_TOO_LARGE if announced > most_bytes else None
