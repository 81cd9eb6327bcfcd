"""Acceptance of connections on one listening socket.

asyncio's own server is not used for this: closing it while a connection is being accepted fails
inside asyncio (an AssertionError on 3.11) and leaks the socket, and running out of descriptors
floods its log.
"""

from __future__ import annotations

import asyncio
import os
import socket
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import structlog

_AT_ONCE = 32
_RETRY_SECONDS = 1.0
_ENTER_SECONDS = 0.2


@dataclass(frozen=True, slots=True)
class Handshake:
    """What stands between acceptance and the first request."""

    context: Callable[[], ssl.SSLContext | None]
    """The TLS context of the moment, None where none is spoken."""
    seconds: float
    most: int
    """At a time; above, the oldest makes room for the newest."""


class Acceptor:
    """Make a protocol for each connection that arrives, until closed."""

    def __init__(
        self,
        sock: socket.socket,
        protocol: Callable[[], asyncio.BaseProtocol],
        loop: asyncio.AbstractEventLoop,
        handshake: Handshake,
    ) -> None:
        """Accept from now on; `sock` listens already and belongs to the acceptor."""
        self._handshake = handshake
        self._sock = sock
        self._protocol = protocol
        self._loop = loop
        self._entering: dict[asyncio.Task[object], None] = {}
        """Those who are not in yet, the oldest first: with TLS they may take their time."""
        self._retry: asyncio.TimerHandle | None = None
        self._failing = False
        sock.setblocking(False)
        self._watch()

    async def close(self) -> None:
        """Stop listening, and let those who were just accepted come in to be told."""
        if self._retry is not None:
            self._retry.cancel()
        self._loop.remove_reader(self._sock)
        self._sock.close()
        if self._entering:
            await asyncio.wait(self._entering, timeout=_ENTER_SECONDS)
        for task in self._entering:
            task.cancel()

    def _watch(self) -> None:
        self._loop.add_reader(self._sock, self._accept)

    def _accept(self) -> None:
        """Take what waits, a few at a time so that open connections have their turn."""
        try:
            for _ in range(_AT_ONCE):
                connection, _address = self._sock.accept()
                self._failing = False
                self._enter(connection)
        except (BlockingIOError, InterruptedError, ConnectionAbortedError):
            return
        except OSError as error:
            self._pause(error)

    def _enter(self, connection: socket.socket) -> None:
        connection.setblocking(False)
        context = self._handshake.context()
        seconds = self._handshake.seconds if context else None
        entering = self._loop.connect_accepted_socket(
            self._protocol, connection, ssl=context, ssl_handshake_timeout=seconds
        )
        task: asyncio.Task[object] = self._loop.create_task(entering)
        self._entering[task] = None
        task.add_done_callback(partial(self._entered, connection))
        if context and len(self._entering) > self._handshake.most:
            oldest = next(iter(self._entering))
            del self._entering[oldest]
            oldest.cancel()

    def _entered(self, connection: socket.socket, task: asyncio.Task[object]) -> None:
        self._entering.pop(task, None)
        if task.cancelled():
            connection.close()  # Perhaps nobody else has it yet.
        else:
            # A handshake that fails is the client's affair.
            task.exception()

    def _pause(self, error: OSError) -> None:
        """Wait until there may be descriptors again: the socket would stay readable till then."""
        self._loop.remove_reader(self._sock)
        self._retry = self._loop.call_later(_RETRY_SECONDS, self._watch)
        if not self._failing:
            self._failing = True
            reason = os.strerror(error.errno) if error.errno else str(error)
            structlog.get_logger().error("web.accept_failed", reason=reason)
