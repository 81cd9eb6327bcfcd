"""Two adjoining times that are asked for, and what of them the database still holds."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from exporter.quantities import clock

_SHORTEST: Final = timedelta(minutes=1)
_NOTABLE: Final = 0.01
"""Share of what was asked for from which it is told that it is not there."""


@dataclass(frozen=True, slots=True)
class Extent:
    """The earlier time is from `begin` to `split`, the later one from there to `end`; UTC.

    A time before the first try is not an idle one, so neither begins before `first`.
    """

    begin: datetime
    split: datetime
    end: datetime
    first: datetime | None
    """When the first try that is kept was queued, where there is any."""
    asked_earlier: timedelta
    asked_later: timedelta

    @property
    def earlier(self) -> timedelta:
        """How long the earlier time is."""
        return self.split - self.begin

    @property
    def later(self) -> timedelta:
        """How long the later time is."""
        return self.end - self.split

    @property
    def is_earlier_cut(self) -> bool:
        """Tell whether notably less of the earlier time is there than was asked for."""
        return self.earlier < (1 - _NOTABLE) * self.asked_earlier

    @property
    def is_later_cut(self) -> bool:
        """Tell whether notably less of the later time is there than was asked for."""
        return self.later < (1 - _NOTABLE) * self.asked_later


def extent(now: datetime, earlier: timedelta, later: timedelta, first: datetime | None) -> Extent:
    """Return the later time, which ends now, and the earlier one before it."""
    split = now - later
    begin = split - earlier
    # A database may hold tries of a clock that is ahead.
    there = begin if first is None else min(first, now - _SHORTEST)
    return Extent(max(begin, there), max(split, there), now, first, earlier, later)


def told(begin: datetime, end: datetime) -> str:
    """Return a time with both ends and its length, for people."""
    length = clock((end - begin).total_seconds())
    return f"{begin:%Y-%m-%d %H:%M} to {end:%Y-%m-%d %H:%M} UTC ({length})"
