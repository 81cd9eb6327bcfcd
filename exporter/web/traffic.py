"""What the connections of one server share: who is open, what is in flight, how to answer."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field, replace
from typing import Protocol

import structlog

from exporter.web.limits import Limits
from exporter.web.messages import Handler, OnResponse, Request, Response, sentence

METHODS = ("GET", "HEAD")
_READ_BYTES = 16 * 1024
# The loop closes what was cut in its next turn; this only bounds the wait for that turn.
_CUT_SECONDS = 0.2
_LOGGED_PATH_CHARACTERS = 200


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
    open: set[Peer] = field(default_factory=set)
    in_flight: int = 0
    stopping: bool = False
    # One buffer serves all: what arrives is handed on before the loop reads another socket.
    received: bytearray = field(default_factory=lambda: bytearray(_READ_BYTES))
    _emptied: asyncio.Event = field(default_factory=asyncio.Event)

    def admit(self, peer: Peer) -> bool:
        """Take a new connection in, if there is room for it."""
        if self.stopping or len(self.open) >= self.limits.max_connections:
            return False
        self.open.add(peer)
        return True

    def leave(self, peer: Peer) -> None:
        """Forget a connection that is gone."""
        self.open.discard(peer)
        if not self.open:
            self._emptied.set()

    def answer(self, request: Request) -> Response:
        """Return the handler's answer, or what stands in for it."""
        if request.method not in METHODS:
            allow = ", ".join(METHODS)
            return sentence(405, f"Only {allow} are answered here.", headers=(("Allow", allow),))
        try:
            response = self.handler(request)
        # The request boundary: whatever a handler raises is a defect of ours, and must neither
        # end the server nor reach the client in its own words.
        except Exception:  # noqa: BLE001 - see above
            path = request.path[:_LOGGED_PATH_CHARACTERS]
            structlog.get_logger().exception("request.failed", path=path)
            return sentence(500, "The exporter failed to answer; its log says why.")
        return self._or_busy(response)

    async def drain(self, seconds: float) -> None:
        """End all connections: idle ones at once, busy ones when done, all after `seconds`."""
        self.stopping = True
        for peer in tuple(self.open):
            peer.retire()
        await self._empty_within(seconds)
        for peer in tuple(self.open):
            peer.cut()
        await self._empty_within(_CUT_SECONDS)

    async def _empty_within(self, seconds: float) -> None:
        self._emptied.clear()
        if self.open:
            await asyncio.wait({asyncio.ensure_future(self._emptied.wait())}, timeout=seconds)

    def _or_busy(self, response: Response) -> Response:
        most = self.limits.max_requests
        if response.vital or not most or self.in_flight < most:
            return response
        text = f"The limit of {most} requests at the same time is reached; try again later."
        return replace(sentence(503, text), path_class=response.path_class)
