"""What the connections of one server share: who is open, what is in flight, how to answer."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from http import HTTPStatus
from time import monotonic
from typing import Protocol, TypeVar

import structlog

from exporter.web import wire
from exporter.web.limits import Limits
from exporter.web.messages import (
    Handler,
    OnResponse,
    Pending,
    Request,
    Response,
    Unable,
    WithBody,
    sentence,
)

_READ_BYTES = 16 * 1024
# The loop closes what was cut in its next turn; this only bounds the wait for that turn.
_CUT_SECONDS = 0.2
_LOGGED_PATH_CHARACTERS = 200
_PART_TO_WAIT = 0.8
_Answer = TypeVar("_Answer")


class Peer(Protocol):
    """Be told how to end."""

    def retire(self) -> None:
        """Close now unless a request is under way."""

    def cut(self) -> None:
        """Close now."""


@dataclass
class Traffic:
    """Keep the books of one server; only its event loop's thread writes to them."""

    handler: Handler
    limits: Limits
    on_response: OnResponse
    unable: Unable
    clock: Callable[[], float] = monotonic
    open: set[Peer] = field(default_factory=set)
    waiting: dict[Peer, None] = field(default_factory=dict)
    """Those that owe us a request, the oldest first."""
    stalled: dict[Peer, float] = field(default_factory=dict)
    """Those that do not read what is sent, with the loop's time since when, the oldest first."""
    in_flight: int = 0
    stopping: bool = False
    # One buffer serves all: what arrives is handed on before the loop reads another socket.
    received: bytearray = field(default_factory=lambda: bytearray(_READ_BYTES))
    _emptied: asyncio.Event = field(default_factory=asyncio.Event)

    def admit(self, peer: Peer) -> bool:
        """Take a new connection in, if there is room for it or can be made."""
        full = len(self.open) >= self.limits.max_connections
        if self.stopping or (full and not self._cut_first(self.waiting)):
            return False
        self.open.add(peer)
        self.waiting[peer] = None
        return True

    def stalls(self, peer: Peer) -> None:
        """Note that a connection does not read what is sent."""
        # TLS may say so of who has not even come in.
        if peer in self.open:
            self.stalled.setdefault(peer, self.clock())

    def leave(self, peer: Peer) -> None:
        """Forget a connection that is gone."""
        self.open.discard(peer)
        self.waiting.pop(peer, None)
        self.stalled.pop(peer, None)
        if not self.open:
            self._emptied.set()

    def answer(self, request: Request) -> Response | Pending | WithBody:
        """Return what the handler says of a request, or what stands in for it."""
        answer = self._guarded(lambda: self.handler(request), request.path)
        return self._or_busy(answer) if isinstance(answer, Response) else answer

    def answer_to_body(self, wanted: WithBody, body: bytes) -> Response | Pending:
        """Return the answer to a request whose body has arrived, or what stands in for it."""
        return self._guarded(lambda: wanted.then(body), wanted.path_class)

    def outcome(self, pending: Pending) -> Response:
        """Return the answer that another thread has made, or what stands in for it."""
        return self._or_busy(self._guarded(pending.result, self.unable.path_class))

    def answer_to_late(self, request: Request) -> Response:
        """Return what there is for a request whose client waits no longer."""
        answer = self.answer(replace(request, late=True))
        if isinstance(answer, Response):
            return answer
        return self.busy("No answer was ready in time; try again.")

    def patience(self, request: Request) -> float:
        """Return how many seconds the client waits, less what it takes to send an answer."""
        told = wire.scrape_timeout(request)
        if told is None:
            return self.limits.answer_seconds
        return min(_PART_TO_WAIT * told, self.limits.most_answer_seconds)

    def busy(self, text: str) -> Response:
        """Return the answer to who may try again later."""
        return sentence(self.unable.busy, text, path_class=self.unable.path_class)

    def refusal(self, status: int, text: str, path_class: str) -> Response:
        """Return the answer to what is not taken as a request."""
        unspoken = self.unable.unspoken if status >= HTTPStatus.INTERNAL_SERVER_ERROR else None
        return sentence(unspoken or status, text, path_class=path_class)

    async def drain(self, seconds: float) -> None:
        """End all connections: idle ones at once, busy ones when done, all after `seconds`."""
        self.stopping = True
        for peer in tuple(self.open):
            peer.retire()
        await self._empty_within(seconds)
        for peer in tuple(self.open):
            peer.cut()
        await self._empty_within(_CUT_SECONDS)

    def _cut_stalled(self) -> bool:
        """End the answer to who has not read for the longest, if that is long enough."""
        since = next(iter(self.stalled.values()), math.inf)
        patient_until = since + self.limits.patience_seconds
        return self.clock() >= patient_until and self._cut_first(self.stalled)

    def _cut_first(self, peers: Iterable[Peer]) -> bool:
        first = next(iter(peers), None)
        if first is not None:
            first.cut()
            self.leave(first)
        return first is not None

    async def _empty_within(self, seconds: float) -> None:
        self._emptied.clear()
        if self.open:
            await asyncio.wait({asyncio.ensure_future(self._emptied.wait())}, timeout=seconds)

    def _guarded(self, answer: Callable[[], _Answer], path: str) -> _Answer | Response:
        try:
            return answer()
        # The request boundary: whatever a handler raises is a defect of ours, and must neither
        # end the server nor reach the client in its own words.
        except Exception:  # noqa: BLE001 - see above
            shown = path[:_LOGGED_PATH_CHARACTERS]
            structlog.get_logger().exception("request.failed", path=shown)
            text = "The exporter failed to answer; its log says why."
            return sentence(self.unable.defect, text, path_class=self.unable.path_class)

    def _or_busy(self, response: Response) -> Response:
        most = self.limits.max_requests
        if response.vital or not most or self.in_flight < most or self._cut_stalled():
            return response
        text = f"The limit of {most} requests at the same time is reached; try again later."
        return replace(self.busy(text), path_class=response.path_class, last=True)
