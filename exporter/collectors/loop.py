"""A thread that works beside a collector's own: again and again, whatever goes wrong."""

from __future__ import annotations

import threading
from collections.abc import Callable

import structlog

from exporter.errors import SourceUnavailableError


class Loop:
    """Does its work, pauses, and does it again until it is stopped; what goes wrong is trouble."""

    def __init__(
        self, name: str, work: Callable[[], object], pause_seconds: Callable[[], float]
    ) -> None:
        """Prepare; nothing is done before `start`. The pause is asked for after each work."""
        self._name = name
        self._work = work
        self._pause_seconds = pause_seconds
        self._log = structlog.get_logger("exporter.collectors.loop")
        self._due = threading.Event()
        self._answered = threading.Event()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self.stopped = False
        self.trouble: str | None = None
        """Why the last work failed, in a sentence."""

    def start(self, patience_seconds: float = 0.0) -> None:
        """Begin at once; wait so long for the first work to end, or to say that it is well."""
        self._thread.start()
        self._answered.wait(patience_seconds)

    def note_well(self) -> None:
        """Say of work under way that it is well: long work may go on for hours."""
        self.trouble = None
        self._answered.set()

    def stop(self) -> None:
        """Do nothing more; work that hangs is left to the end of the process."""
        self.stopped = True
        self._due.set()

    def hurry(self) -> None:
        """Work again at once, or when the work under way is done."""
        self._due.set()

    def _run(self) -> None:
        while True:
            # Before the work: what is wanted meanwhile may come too late for this one.
            self._due.clear()
            if self.stopped:
                return
            self._try()
            self._answered.set()
            self._due.wait(self._pause_seconds())

    def _try(self) -> None:
        try:
            self._work()
        except SourceUnavailableError as error:
            self.trouble = str(error)
        except Exception as error:  # noqa: BLE001 - a thread's boundary: nobody starts it again
            self._note(error)
        else:
            self.trouble = None

    def _note(self, error: Exception) -> None:
        reason = error.strerror if isinstance(error, OSError) else type(error).__name__
        trouble = f"{self._name} failed: {reason}"
        if trouble != self.trouble:
            self._log.error("loop.failed", error=trouble, exc_info=error)
        self.trouble = trouble
