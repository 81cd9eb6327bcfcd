"""Colours: of states, and from which value on a figure should worry somebody."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

GREEN, YELLOW, ORANGE, RED, BLUE, GREY = "green", "yellow", "orange", "red", "blue", "text"
STATES: Final = {
    "running": GREEN,
    "success": "dark-green",
    "queued": YELLOW,
    "scheduled": BLUE,
    "deferred": "purple",
    "up_for_retry": ORANGE,
    "up_for_reschedule": "light-blue",
    "restarting": "light-orange",
    "failed": RED,
    "skipped": "super-light-purple",
}
"""The colour of every state that is told apart, the same on all dashboards."""


@dataclass(frozen=True, slots=True)
class Limit:
    """A threshold by its name, or a part of it."""

    name: str
    part: float = 1

    def value(self, limits: Mapping[str, float]) -> float:
        """Return the value, given those of all thresholds."""
        return round(limits[self.name] * self.part, 6)


Steps = tuple[tuple[float | Limit, str], ...]


def up_to(name: str, colour: str = RED, early: float = 0.5) -> Steps:
    """Colour what has reached a threshold, and yellow what has reached so much of it."""
    return ((Limit(name, early), YELLOW), (Limit(name), colour))


FULL: Final[Steps] = (
    (Limit("memory_ratio"), YELLOW),
    (Limit("memory_critical_ratio"), RED),
)
ROOM: Final[Steps] = ((Limit("baseline_headroom"), YELLOW), (0.1, GREEN))
"""On red: below the threshold a baseline is missed, and below a tenth little is left."""
