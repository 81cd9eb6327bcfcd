"""A thread that glances at the host several times a second, for tries shorter than a tick."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from threading import Event, Thread

from exporter.errors import SourceUnavailableError

_STOP_SECONDS = 1.0


class Glances:
    """Calls a function again and again until it is stopped."""

    def __init__(self, glance: Callable[[], None], interval_seconds: float) -> None:
        """Start the thread."""
        self._glance = glance
        self._interval_seconds = interval_seconds
        self._stopping = Event()
        self._thread = Thread(target=self._run, name="task-glances", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End the thread."""
        self._stopping.set()
        self._thread.join(_STOP_SECONDS)

    def _run(self) -> None:
        while not self._stopping.wait(self._interval_seconds):
            # What is wrong with the source is told by the next sample.
            with suppress(SourceUnavailableError, OSError):
                self._glance()
