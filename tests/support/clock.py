"""A clock that tests turn by hand."""

from __future__ import annotations

from exporter.clock import Clock


class HandClock:
    """Wall and monotonic time that move together, only when told to."""

    def __init__(self, wall: float = 1_700_000_000.0) -> None:
        """Start at a wall time; the monotonic clock starts at 1000."""
        self._wall = wall
        self._monotonic = 1000.0
        self.clock = Clock(lambda: self._wall, lambda: self._monotonic)

    def pass_seconds(self, seconds: float) -> None:
        """Let time go by."""
        self._wall += seconds
        self._monotonic += seconds
