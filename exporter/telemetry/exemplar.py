"""An exemplar: which run an observation came from."""

from __future__ import annotations

from dataclasses import dataclass
from sys import intern
from typing import ClassVar

from exporter.telemetry.labels import safe

MAX_CHARACTERS = 128
"""Most that label name and value may have together (OpenMetrics 1.0, "Exemplars")."""
FRESH_SECONDS = 600.0
"""How long the slowest is told before any newer one takes its place."""


@dataclass(frozen=True, slots=True)
class Exemplar:
    """The value that was observed, the run that it was observed in, and when (Unix seconds)."""

    label: ClassVar[str] = "run_id"

    value: float
    run_id: str
    wall: float

    @classmethod
    def of(cls, value: float, run_id: str, wall: float) -> Exemplar:
        """Make one of a run id of any length and content."""
        # The tasks of a run share one text.
        return cls(value, intern(safe(run_id, MAX_CHARACTERS - len(cls.label))), wall)

    def replaces(self, other: Exemplar | None) -> bool:
        """Tell whether this one is worth more: a slower one, or one of today."""
        if other is None:
            return True
        return self.value >= other.value or self.wall - other.wall > FRESH_SECONDS
