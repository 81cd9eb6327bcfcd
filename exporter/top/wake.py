"""What ends a wait: signals, readings of another thread, keys."""

from __future__ import annotations

import select
import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Final

ENDING: Final = frozenset({signal.SIGINT, signal.SIGTERM, signal.SIGHUP})
_READING: Final = b"\0"
"""No signal has this number."""


class Wake:
    """Waits for signals, which interrupt nothing, and for other threads."""

    def __init__(self, reader: socket.socket, writer: socket.socket) -> None:
        """`waking` is the usual way here."""
        self._reader = reader
        self._writer = writer

    def ring(self) -> None:
        """End the wait, from any thread."""
        with suppress(OSError):  # It is full of rings, or nobody waits any more.
            self._writer.send(_READING)

    def wait(self, keyboard: int | None = None) -> tuple[bool, bool]:
        """Wait; tell whether a signal asks to end, and whether there are keys to read."""
        watched = [self._reader.fileno(), *([] if keyboard is None else [keyboard])]
        ready, _, _ = select.select(watched, [], [])
        rung = self._reader.recv(64) if watched[0] in ready else b""
        return bool(ENDING & {*rung}), keyboard in ready


@contextmanager
def waking() -> Iterator[Wake]:
    """Take signals by a socket for a while: no handler ever breaks into what is under way."""
    reader, writer = socket.socketpair()
    writer.setblocking(False)
    taken = (*ENDING, signal.SIGWINCH)
    with reader, writer:
        before = signal.set_wakeup_fd(writer.fileno(), warn_on_full_buffer=False)
        handlers = {each: signal.signal(each, lambda *_: None) for each in taken}
        try:
            yield Wake(reader, writer)
        finally:
            for each, handler in handlers.items():
                signal.signal(each, handler)
            signal.set_wakeup_fd(before)
