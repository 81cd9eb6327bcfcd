"""How far a long reading is, on standard error."""

from __future__ import annotations

from collections.abc import Callable
from typing import TextIO

EVERY_SECONDS = 1.0


class Progress:
    """Writes over one line of a terminal; elsewhere a line now and then."""

    def __init__(self, stream: TextIO, monotonic: Callable[[], float]) -> None:
        """Tell nothing before some time has passed."""
        self._stream = stream
        self._monotonic = monotonic
        self._live = stream.isatty()
        self._every = EVERY_SECONDS if self._live else 10 * EVERY_SECONDS
        self._next = monotonic() + self._every
        self._written = False

    def __call__(self, share: float, tries: int | None = None) -> None:
        """Tell which share is done, and of how many tries where that is known."""
        if self._monotonic() < self._next:
            return
        self._next = self._monotonic() + self._every
        self._written = True
        begin, end = ("\r", "") if self._live else ("", "\n")
        told = "" if tries is None else f", {tries:,} tries"
        self._stream.write(f"{begin}reading: {share:.0%}{told}{end}")
        self._stream.flush()

    def done(self) -> None:
        """Leave the line."""
        if self._written and self._live:
            self._stream.write("\n")
