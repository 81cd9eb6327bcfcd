"""The HTTP server: one thread with its own event loop, started and stopped from outside."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from threading import Thread
from typing import Any

import structlog

from exporter.web import listen
from exporter.web.acceptor import Acceptor, Handshake
from exporter.web.connection import Connection
from exporter.web.limits import Limits
from exporter.web.messages import Handler, OnResponse, Unable
from exporter.web.traffic import Traffic

# What is left of the two seconds in which the process must end, when the drain took its share.
_CUT_SECONDS = 0.4


class Server:
    """Serve a handler on some addresses, whatever the clients do."""

    def __init__(
        self,
        addresses: Sequence[str],
        handler: Handler,
        limits: Limits | None = None,
        on_response: OnResponse | None = None,
        unable: Unable | None = None,
        *,
        tls: Callable[[], ssl.SSLContext | None] = lambda: None,
    ) -> None:
        """Serve nothing yet; `on_response` is called in the server's thread and must not block.

        `tls` is asked at each connection.
        """
        self._tls = tls
        self._wanted = tuple(addresses)
        self._traffic = Traffic(
            handler, limits or Limits(), on_response or _ignore, unable or Unable()
        )
        self._sockets: list[socket.socket] = []
        self._addresses: tuple[str, ...] = ()
        self._thread: Thread | None = None
        self._loop: Future[asyncio.AbstractEventLoop] = Future()
        self._stop: asyncio.Future[float]

    @property
    def addresses(self) -> tuple[str, ...]:
        """Return the addresses that are listened on, with their real ports."""
        return self._addresses

    @property
    def connections(self) -> int:
        """Return how many connections are open."""
        return len(self._traffic.open)

    def start(self) -> None:
        """Listen, then serve in a thread of its own; raise ConfigError when it cannot listen."""
        self._sockets = listen.sockets(self._wanted)
        self._addresses = tuple(map(listen.shown, self._sockets))
        # A daemon: should a handler hang, the process can still end.
        thread = Thread(target=self._run, name="web", daemon=True)
        thread.start()
        self._loop.result()
        self._thread = thread

    def stop(self, drain_seconds: float = 1.5) -> None:
        """Stop listening, let the requests in flight finish for a while, cut what is left."""
        if self._thread is None:
            return
        self._loop.result().call_soon_threadsafe(self._stop.set_result, drain_seconds)
        self._thread.join(drain_seconds + _CUT_SECONDS)
        self._thread = None

    def _run(self) -> None:
        try:
            asyncio.run(self._serve())
        except OSError as error:  # No descriptors left for an event loop.
            self._loop.set_exception(error)

    async def _serve(self) -> None:
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(_log)
        self._stop = loop.create_future()
        limits = self._traffic.limits
        handshake = Handshake(self._tls, limits.handshake_seconds, limits.max_handshakes)
        acceptors = [
            Acceptor(sock, lambda: Connection(self._traffic, loop), loop, handshake)
            for sock in self._sockets
        ]
        self._loop.set_result(loop)
        drain_seconds = await self._stop
        await asyncio.gather(*(acceptor.close() for acceptor in acceptors))
        await self._traffic.drain(drain_seconds)


def _ignore(_path_class: str, _status: int) -> None:
    pass


def _log(_loop: asyncio.AbstractEventLoop, context: Mapping[str, Any]) -> None:
    """Log a defect outside any request; the connection that it struck is cut."""
    error = context.get("exception")
    structlog.get_logger().error("web.failed", reason=context["message"], exc_info=error)
