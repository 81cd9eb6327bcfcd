"""One client's connection: requests in, answers out, and a deadline on every wait.

It is a state machine driven by the event loop, without a task of its own: *reading* a request,
*sending* an answer (reading is paused, so pipelined requests wait in the kernel), or *lingering*
after the last answer. Exactly one timer runs in each state.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable, Iterator
from typing import cast

import h11

from exporter.web import wire
from exporter.web.messages import Response, sentence
from exporter.web.traffic import Traffic

_REFUSALS = {
    408: "The request did not arrive in time.",
    431: "The request's header is too large.",
    505: "Only HTTP/1 is spoken here.",
}


class Connection(asyncio.BufferedProtocol):
    """Serve one client for as long as it behaves."""

    def __init__(self, traffic: Traffic, loop: asyncio.AbstractEventLoop) -> None:
        """Belong to `traffic`; time runs by `loop`."""
        self._traffic = traffic
        self._limits = traffic.limits
        self._loop = loop
        self._http = h11.Connection(h11.SERVER, max_incomplete_event_size=self._limits.header_bytes)
        self._slices: Iterator[bytes] = iter(())
        self._timer: asyncio.TimerHandle | None = None
        self._idle = self._sending = self._last = self._lingering = self._blocked = False
        self._to_head = False

    # What the event loop tells.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Wait for a request, or send the client away when there is no room."""
        self._transport = cast("asyncio.Transport", transport)
        # No data may stay behind in the transport: a slice counts as sent when the kernel has
        # it, so closing never waits for a client that does not read.
        self._transport.set_write_buffer_limits(high=0)
        if self._traffic.admit(self):
            self._arm(self._limits.header_seconds, self._expire)
        else:
            self._turn_away()

    def get_buffer(self, sizehint: int) -> bytearray:  # noqa: ARG002 - the loop's signature
        """Return where the next bytes go."""
        return self._traffic.received

    def buffer_updated(self, nbytes: int) -> None:
        """Take the bytes that arrived."""
        if self._lingering:
            return
        if self._idle:
            self._idle = False
            self._arm(self._limits.header_seconds, self._expire)
        self._http.receive_data(bytes(self._traffic.received[:nbytes]))
        self._advance()

    def eof_received(self) -> bool:
        """Close once the client has nothing more to say, but finish the answer under way."""
        self._last = True
        return self._sending

    def pause_writing(self) -> None:
        """Stop sending: the client is slower than we are."""
        self._blocked = True

    def resume_writing(self) -> None:
        """Go on sending."""
        self._blocked = False
        if self._sending:
            self._loop.call_soon(self._pump)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - the loop's signature
        """Give back what the connection held."""
        self._arm(0, None)
        if self._sending:
            self._sending = False
            self._traffic.in_flight -= 1
        self._traffic.leave(self)

    # What the server tells.

    def retire(self) -> None:
        """Close now unless a request is under way or half arrived."""
        if self._lingering or not (self._sending or self._http.trailing_data[0]):
            self._transport.close()

    def cut(self) -> None:
        """Close now, dropping what was not sent."""
        self._transport.abort()

    # Reading.

    def _advance(self) -> None:
        """Answer the next request that has arrived whole, or wait for more bytes."""
        try:
            event = self._http.next_event()
            if event is h11.NEED_DATA:
                self._transport.resume_reading()
            elif isinstance(event, h11.Request):
                self._to_head = event.method == b"HEAD"
                # Here a body would be gathered, up to a limit, before answering. None is
                # wanted yet: who announces one is answered at once and closed.
                whole = isinstance(self._http.next_event(), h11.EndOfMessage)
                self._answer(event, last=not whole)
        except h11.RemoteProtocolError as error:
            self._refuse(error.error_status_hint)

    def _answer(self, event: h11.Request, *, last: bool) -> None:
        if not event.http_version.startswith(b"1."):
            self._refuse(505)
        elif wire.header_bytes(event) > self._limits.header_bytes:
            self._refuse(431)
        elif wire.framed_twice(event):
            self._refuse(400)
        else:
            self._send(self._traffic.answer(wire.request_from(event)), last=last)

    def _refuse(self, status: int) -> None:
        text = _REFUSALS.get(status, "This is no HTTP request that can be understood.")
        self._send(sentence(status, text), last=True)

    def _expire(self) -> None:
        if self._http.trailing_data[0]:
            self._refuse(408)
        else:
            self._transport.close()

    # Sending.

    def _send(self, response: Response, *, last: bool) -> None:
        self._arm(self._limits.stall_seconds, self.cut)
        self._traffic.on_response(response.path_class, response.status)
        self._last |= last or self._traffic.stopping
        start = wire.head(self._http, response, body=not self._to_head, close=self._last)
        body = () if self._to_head else response.body
        self._slices = wire.slices(itertools.chain((start,), body))
        self._traffic.in_flight += 1
        self._sending = True
        self._transport.pause_reading()
        self._loop.call_soon(self._pump)

    def _pump(self) -> None:
        """Send one slice, then let the other connections have their turn."""
        if not self._sending:
            return
        self._arm(self._limits.stall_seconds, self.cut)
        piece = next(self._slices, None)
        if piece is None:
            self._finish()
            return
        self._transport.write(piece)
        if not self._blocked:
            self._loop.call_soon(self._pump)

    def _finish(self) -> None:
        self._sending = False
        self._traffic.in_flight -= 1
        if self._traffic.stopping:
            self._transport.close()
        elif self._last or self._http.our_state is not h11.DONE:
            self._linger()
        else:
            self._http.start_next_cycle()
            self._to_head = False
            self._idle = not self._http.trailing_data[0]
            limits = self._limits
            self._arm(limits.idle_seconds if self._idle else limits.header_seconds, self._expire)
            self._advance()

    def _linger(self) -> None:
        """Let the client close first, for a moment.

        Closing over bytes that were not read makes the kernel send a reset, which may destroy
        the answer before the client has read it.
        """
        self._lingering = True
        self._arm(self._limits.linger_seconds, self.cut)
        self._transport.resume_reading()
        try:
            if self._transport.can_write_eof():
                self._transport.write_eof()
        except OSError:  # The client has reset the connection, and the loop does not know yet.
            self.cut()

    def _turn_away(self) -> None:
        response = sentence(503, "Too many connections are open; try again later.")
        start = wire.head(self._http, response, body=True, close=True)
        self._transport.write(b"".join((start, *response.body)))
        self._transport.close()
        self._traffic.on_response(response.path_class, response.status)

    def _arm(self, seconds: float, action: Callable[[], None] | None) -> None:
        """Replace the timer; no action, no timer."""
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._loop.call_later(seconds, action) if action else None
