"""The log of what was refused: enough to mend a sender, and no more than a line a minute."""

from __future__ import annotations

from collections import Counter

import structlog

from exporter.clock import Clock

EVERY_SECONDS = 60.0


class Refusals:
    """Writes the first refusal of each minute and how many there were before it."""

    def __init__(self, clock: Clock) -> None:
        """Have refused nothing yet."""
        self._clock = clock
        self._log = structlog.get_logger("exporter.intake")
        self._due = clock.monotonic()
        self._untold: Counter[int] = Counter()

    def add(self, status: int, sentence: str) -> None:
        """Take in one; sentences name what is wrong, and repeat nothing that was sent."""
        now = self._clock.monotonic()
        if now < self._due:
            self._untold[status] += 1
            return
        untold, self._untold = self._untold, Counter()
        self._due = now + EVERY_SECONDS
        more = {str(each): count for each, count in sorted(untold.items())}
        self._log.warning(
            "intake.refused", status=status, reason=sentence, **({"untold": more} if more else {})
        )
