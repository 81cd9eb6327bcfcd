"""The paths of the intake, and what each of them answers: at once, and never with a 5xx."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass

from exporter.errors import RejectedError
from exporter.intake.payload import Report
from exporter.web.messages import (
    Pending,
    Request,
    Response,
    Unable,
    WithBody,
    not_allowed,
    sentence,
)

TRIES = "/ingest/v1/tries"
MAX_BYTES = 64 * 1024
"""Of a body, as it comes and inflated."""
UNABLE = Unable(busy=429, defect=429, unspoken=400, path_class=TRIES)
"""Senders run in tasks: some take a 5xx for a reason to try for minutes."""
_GZIP = 16 + zlib.MAX_WBITS


@dataclass(frozen=True)
class Routes:
    """Let in who may, and answer what was pushed once it is durable."""

    decode: Callable[[bytes], Sequence[Report]]
    submit: Callable[[Sequence[Report]], Future[bool] | None]
    admits: Callable[[str | None], bool]
    """Tells whether the value of an Authorization header lets its sender in."""
    on_refusal: Callable[[int, str], None]
    """Is told the status and the sentence of whatever is refused for what it is."""

    def __call__(self, request: Request) -> Response | WithBody:
        """Refuse a request by its head, or ask for its body."""
        if request.path != TRIES:
            return sentence(404, f"Nothing is served here; tries are told at {TRIES}.")
        if (refusal := not_allowed(request, ("POST",))) is not None:
            return self._refused(refusal.status, "Only POST is answered here.", *refusal.headers)
        if not self.admits(request.headers.get("authorization")):
            return self._refused(401, "A bearer token is needed.", ("WWW-Authenticate", "Bearer"))
        # Also what keeps the pages of other sites out: a browser asks before it sends this.
        kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        if kind != "application/json":
            return self._refused(415, "The content type must be application/json.")
        coding = request.headers.get("content-encoding", "identity").strip().lower()
        if coding not in ("identity", "gzip"):
            return self._refused(415, "Only gzip is inflated.", ("Accept-Encoding", "gzip"))
        return WithBody(MAX_BYTES, lambda body: self._take(body, coding), TRIES)

    def _take(self, body: bytes, coding: str) -> Response | Pending:
        try:
            plain = _inflated(body) if coding == "gzip" else body
            if plain is None:
                return self._refused(413, f"The body inflates to more than {MAX_BYTES} bytes.")
            reports = self.decode(plain)
        except RejectedError as error:
            return self._refused(400, f"{error}.")
        durable = self.submit(reports)
        return _busy() if durable is None else _answer_to(durable)

    def _refused(self, status: int, text: str, *headers: tuple[str, str]) -> Response:
        self.on_refusal(status, text)
        return _told(status, text, *headers)


def _answer_to(durable: Future[bool]) -> Pending:
    answer: Pending = Future()

    def pass_on(_: Future[bool]) -> None:
        if (error := durable.exception()) is not None:
            answer.set_exception(error)
        elif durable.result():
            answer.set_result(Response(204, "", (), path_class=TRIES))
        else:
            answer.set_result(_busy())

    durable.add_done_callback(pass_on)
    return answer


def _inflated(body: bytes) -> bytes | None:
    """Return the content of one gzip member, None when it is too large, whatever it claims."""
    inflater = zlib.decompressobj(_GZIP)
    try:
        plain = inflater.decompress(body, MAX_BYTES + 1)
    except zlib.error:
        message = "The body is not gzip"
        raise RejectedError(message) from None
    if len(plain) > MAX_BYTES:
        return None
    if not inflater.eof or inflater.unused_data:
        message = "The body is not one whole gzip member"
        raise RejectedError(message)
    return plain


def _busy() -> Response:
    return _told(UNABLE.busy, "No more can be kept at the moment; send it again.")


def _told(status: int, text: str, *headers: tuple[str, str]) -> Response:
    return sentence(status, text, path_class=TRIES, headers=headers)
