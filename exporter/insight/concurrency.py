"""How much went on at the same time."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import NamedTuple


class Span(NamedTuple):
    """What held so many slots from a moment on, until another if that is known."""

    begin: datetime
    end: datetime | None
    slots: float


def peak(spans: Iterable[Span]) -> float:
    """Return the most slots that were held at one moment; what ends makes room for what begins."""
    changes: list[tuple[datetime, float]] = []
    for span in spans:
        changes.append((span.begin, span.slots))
        # An end before the begin is of something earlier: this goes on.
        if span.end is not None and span.end > span.begin:
            changes.append((span.end, -span.slots))
    held = most = 0.0
    for _, change in sorted(changes):
        held += change
        most = max(most, held)
    return most
