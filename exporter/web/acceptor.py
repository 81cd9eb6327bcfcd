"""Acceptance of connections on one listening socket.

asyncio's own server is not used for this: closing it while a connection is being accepted fails
inside asyncio (an AssertionError on 3.11) and leaks the socket, and running out of descriptors
floods its log.
"""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Callable

import structlog

_AT_ONCE = 32
_RETRY_SECONDS = 1.0


class Acceptor:
    """Make a protocol for each connection that arrives, until closed."""

    def __init__(
        self,
        sock: socket.socket,
        protocol: Callable[[], asyncio.BaseProtocol],
        loop: asyncio.AbstractEventLoop,
    ) -> None:
        """Accept from now on; `sock` listens already and belongs to the acceptor."""
        self._sock = sock
        self._protocol = protocol
        self._loop = loop
        self._entering: set[asyncio.Task[object]] = set()
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
            await asyncio.wait(self._entering, timeout=_RETRY_SECONDS)

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
        # Here TLS comes in later (`ssl=`, `ssl_handshake_timeout=`).
        entering = self._loop.connect_accepted_socket(self._protocol, connection)
        task: asyncio.Task[object] = self._loop.create_task(entering)
        self._entering.add(task)
        task.add_done_callback(self._entering.discard)

    def _pause(self, error: OSError) -> None:
        """Wait until there may be descriptors again: the socket would stay readable till then."""
        self._loop.remove_reader(self._sock)
        self._retry = self._loop.call_later(_RETRY_SECONDS, self._watch)
        if not self._failing:
            self._failing = True
            reason = os.strerror(error.errno) if error.errno else str(error)
            structlog.get_logger().error("web.accept_failed", reason=reason)
