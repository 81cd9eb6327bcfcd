"""A thread that reads a source again and again, so that a slow one delays nobody."""

from __future__ import annotations

from collections.abc import Callable
from threading import Event, Thread
from typing import Final

from exporter.errors import ExporterError, SourceUnavailableError
from exporter.running.tries import RunningTries
from exporter.top.source import Source

LAST_SECONDS: Final = 0.3
"""How long the end waits for a reading that is under way."""


class Watching:
    """The last reading, and what is wrong with the source at the moment; closes it at the end."""

    def __init__(self, source: Source, interval_seconds: float, news: Callable[[], None]) -> None:
        """Read nothing yet; `news` is called after each reading, in the thread."""
        self.latest: RunningTries | None = None
        self.trouble: str | None = None
        self.readings = 0
        """How many there were, failed ones included."""
        self._broken = False
        self._source = source
        self._interval_seconds = interval_seconds
        self._news = news
        self._stop = Event()
        # A daemon: a server that does not answer must not keep us from ending.
        self._thread = Thread(target=self._run, name="watching", daemon=True)

    def __enter__(self) -> Watching:
        """Begin to read."""
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Read no more."""
        self._stop.set()
        self._thread.join(LAST_SECONDS)
        if not self._thread.is_alive():  # Else it is in use, until the process ends.
            self._source.close()

    def require_alive(self) -> None:
        """Raise SourceUnavailableError when a defect has ended the reading."""
        if self._broken:
            message = "the reading has broken down; --once tells more"
            raise SourceUnavailableError(message)

    def _run(self) -> None:
        try:
            while not self._stop.is_set():
                self._read()
                self._news()
                self._stop.wait(self._interval_seconds)
        finally:
            self._broken = not self._stop.is_set()
            self._news()

    def _read(self) -> None:
        try:
            self.latest, self.trouble = self._source(), None
        except ExporterError as error:
            self.trouble = str(error)
        self.readings += 1
