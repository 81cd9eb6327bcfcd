"""One client's connection: requests in, answers out, and a deadline on every wait.

It is a state machine driven by the event loop, without a task of its own: *reading* a request,
*waiting* for an answer that another thread makes, *sending* an answer (in both, reading is paused,
so pipelined requests wait in the kernel), or *lingering* after the last answer. Exactly one timer
runs in each state.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable
from contextlib import suppress
from typing import cast

import h11

from exporter.web import refusals, wire
from exporter.web.messages import OTHER, Pending, Request, Response, WithBody
from exporter.web.outgoing import Outgoing
from exporter.web.traffic import Traffic


class Connection(asyncio.BufferedProtocol):
    """Serve one client for as long as it behaves."""

    def __init__(self, traffic: Traffic, loop: asyncio.AbstractEventLoop) -> None:
        """Belong to `traffic`; time runs by `loop`."""
        self._traffic = traffic
        self._limits = traffic.limits
        self._loop = loop
        self._http = h11.Connection(h11.SERVER, max_incomplete_event_size=self._limits.header_bytes)
        self._outgoing = Outgoing()
        self._timer: asyncio.TimerHandle | None = None
        self._wanted: WithBody | None = None
        self._body = bytearray()
        self._request: Request
        """The one that is being answered."""
        self._pending: Pending | None = None
        self._idle = self._sending = self._last = self._lingering = False
        self._to_head = False

    # What the event loop tells.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Wait for a request, or send the client away when there is no room."""
        self._transport = cast("asyncio.Transport", transport)
        self._outgoing.begin(self._transport)
        self._peer_names = wire.peer_names(transport)
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
        # TLS has no half-closed connections.
        return self._sending and self._outgoing.is_plain

    def pause_writing(self) -> None:
        """Stop sending: the client is slower than we are."""
        self._outgoing.blocked = True
        self._traffic.stalls(self)

    def resume_writing(self) -> None:
        """Go on sending."""
        self._outgoing.blocked = False
        self._traffic.stalled.pop(self, None)
        if self._sending:
            self._loop.call_soon(self._pump)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - the loop's signature
        """Give back what the connection held."""
        self._arm(0, None)
        self._pending = None
        self._release()
        self._traffic.leave(self)
        # With TLS, Python 3.10 would take it for forgotten.
        self._transport.close()

    # What the server tells.

    def retire(self) -> None:
        """Close now unless a request is under way or half arrived."""
        busy = self._sending or self._pending is not None or self._half_arrived
        if self._lingering or not busy:
            self._close()

    def cut(self) -> None:
        """Close now, dropping what was not sent."""
        self._release()
        self._transport.abort()

    # Reading.

    @property
    def _half_arrived(self) -> bool:
        return self._wanted is not None or bool(self._http.trailing_data[0])

    def _advance(self) -> None:
        """Answer the next request that has arrived whole, or wait for more bytes."""
        try:
            event = self._http.next_event()
            while isinstance(event, h11.Data):
                self._body += event.data
                event = self._http.next_event()
            if event is h11.NEED_DATA:
                self._transport.resume_reading()
            elif isinstance(event, h11.Request):
                self._begin(event)
            elif isinstance(event, h11.EndOfMessage) and self._wanted is not None:
                body, self._body = bytes(self._body), bytearray()
                answer = self._traffic.answer_to_body(self._wanted, body)
                self._wanted = None
                self._answer(answer, last=False)
        except h11.RemoteProtocolError as error:
            self._refuse(error.error_status_hint)

    def _begin(self, event: h11.Request) -> None:
        self._traffic.waiting.pop(self, None)
        self._to_head = event.method == b"HEAD"
        if (status := refusals.of_head(event, self._limits.header_bytes)) is not None:
            self._refuse(status)
            return
        self._request = wire.request_from(event, self._peer_names)
        answer = self._traffic.answer(self._request)
        if isinstance(answer, WithBody):
            self._gather(answer, wire.announced_bytes(event))
        else:
            # Who announces a body that nobody wants is answered at once and closed.
            whole = isinstance(self._http.next_event(), h11.EndOfMessage)
            self._answer(answer, last=not whole)

    def _gather(self, wanted: WithBody, announced: int | None) -> None:
        """Let the body come, if it is one that may."""
        self._wanted = wanted
        if (status := refusals.of_body(announced, wanted.max_bytes)) is not None:
            self._refuse(status)
            return
        self._arm(self._limits.body_seconds, self._expire)
        if self._http.they_are_waiting_for_100_continue:
            self._transport.write(wire.go_on(self._http))
        self._advance()

    def _refuse(self, status: int) -> None:
        path_class = self._wanted.path_class if self._wanted else OTHER
        self._wanted = None
        answer = self._traffic.refusal(status, refusals.told(status), path_class)
        self._send(answer, last=True)

    def _expire(self) -> None:
        if self._half_arrived:
            self._refuse(refusals.TOO_LATE)
        else:
            self._close()

    # Waiting.

    def _answer(self, answer: Response | Pending, *, last: bool) -> None:
        if isinstance(answer, Response):
            self._send(answer, last=last)
            return
        self._last |= last
        self._pending = answer
        self._transport.pause_reading()
        self._arm(self._traffic.patience(self._request), self._give_up)
        answer.add_done_callback(self._made)

    def _made(self, pending: Pending) -> None:
        """Go on in the event loop; this is the thread that made the answer."""
        with suppress(RuntimeError):  # The loop has ended, and nobody waits any more.
            self._loop.call_soon_threadsafe(self._settle, pending)

    def _settle(self, pending: Pending) -> None:
        if self._pending is pending:
            self._pending = None
            self._send(self._traffic.outcome(pending), last=self._last)

    def _give_up(self) -> None:
        self._pending = None
        self._send(self._traffic.answer_to_late(self._request), last=False)

    # Sending.

    def _send(self, response: Response, *, last: bool) -> None:
        self._arm(self._limits.stall_seconds, self.cut)
        self._traffic.waiting.pop(self, None)
        self._traffic.on_response(response.path_class, response.status)
        self._last |= last or response.last or self._traffic.stopping
        start = wire.head(self._http, response, body=not self._to_head, close=self._last)
        self._outgoing.put(itertools.chain((start,), () if self._to_head else response.body))
        self._traffic.in_flight += 1
        self._sending = True
        self._transport.pause_reading()
        self._loop.call_soon(self._pump)

    def _pump(self) -> None:
        """Send as much as a slice, then let the other connections have their turn."""
        if not self._sending:
            return
        self._arm(self._limits.stall_seconds, self.cut)
        if self._outgoing.push():
            self._finish()
        elif not self._outgoing.blocked:
            self._loop.call_soon(self._pump)

    def _finish(self) -> None:
        self._release()
        if self._traffic.stopping:
            self._close()
        elif self._last or self._http.our_state is not h11.DONE:
            self._linger()
        else:
            self._http.start_next_cycle()
            self._to_head = False
            self._idle = not self._http.trailing_data[0]
            self._traffic.waiting[self] = None
            limits = self._limits
            self._arm(limits.idle_seconds if self._idle else limits.header_seconds, self._expire)
            self._advance()

    def _release(self) -> None:
        """Give the place among those that are answered to somebody else."""
        if self._sending:
            self._sending = False
            self._traffic.in_flight -= 1

    def _close(self) -> None:
        """Close once what was sent has left; with TLS the client's own end is awaited as well."""
        self._arm(self._limits.stall_seconds, self.cut)
        self._transport.close()

    def _linger(self) -> None:
        """Let the client close first, for a moment.

        Closing over bytes that were not read makes the kernel send a reset, which may destroy
        the answer before the client has read it. Closing TLS reads them.
        """
        self._lingering = True
        if not self._outgoing.is_plain:
            self._close()
            return
        self._arm(self._limits.linger_seconds, self.cut)
        self._transport.resume_reading()
        try:
            self._transport.write_eof()
        except OSError:  # The client has reset the connection, and the loop does not know yet.
            self.cut()

    def _turn_away(self) -> None:
        response = self._traffic.busy("Too many connections are open; try again later.")
        start = wire.head(self._http, response, body=True, close=True)
        self._transport.write(b"".join((start, *response.body)))
        self._close()
        self._traffic.on_response(response.path_class, response.status)

    def _arm(self, seconds: float, action: Callable[[], None] | None) -> None:
        """Replace the timer; no action, no timer."""
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._loop.call_later(seconds, action) if action else None
