"""Something slow that is asked again and again, away from the collector's own thread."""

from __future__ import annotations

import threading
from collections.abc import Callable

from exporter.errors import SourceUnavailableError


class Poller:
    """Calls `ask` on an interval; what goes wrong with it is told as trouble."""

    def __init__(self, name: str, interval_seconds: float, ask: Callable[[], None]) -> None:
        """Prepare; nothing is asked before `start`."""
        self._interval_seconds = interval_seconds
        self._ask = ask
        self._stopped = False
        self._due = threading.Event()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self.rounds = 0
        """Good answers so far."""
        self.trouble: str | None = None
        """Why the last answer was none, in a sentence."""

    def start(self) -> None:
        """Begin to ask."""
        self._thread.start()

    def stop(self) -> None:
        """Ask no more; one that hangs is left to the end of the process."""
        self._stopped = True
        self._due.set()

    def hurry(self) -> None:
        """Ask again at once, or when the answer under way is there."""
        self._due.set()

    def _run(self) -> None:
        while True:
            # Before asking: what is wanted meanwhile may come too late for this answer.
            self._due.clear()
            if self._stopped:
                return
            try:
                self._ask()
            except SourceUnavailableError as error:
                self.trouble = str(error)
            else:
                self.trouble = None
                self.rounds += 1
            self._due.wait(self._interval_seconds)
