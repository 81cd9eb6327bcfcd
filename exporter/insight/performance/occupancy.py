"""How many things were under way at a time: exactly, or minute by minute."""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from heapq import merge
from typing import Final, NamedTuple

MINUTE = 60.0
FULL: Final = 0.95
"""Share of a level from which a minute counts as at it: means of minutes seldom reach all."""


class Use(NamedTuple):
    """For how many seconds anything was under way, and as much as a level; the most at a time."""

    busy_seconds: float = 0.0
    full_seconds: float = 0.0
    most: float = 0.0

    @property
    def full_share(self) -> float:
        """How much of the time in which anything was under way was at the level."""
        return self.full_seconds / self.busy_seconds if self.busy_seconds else 0.0


class Spans:
    """Intervals as they are; memory follows their number."""

    __slots__ = ("_begin", "_end", "_moments")

    def __init__(self, begin: float, end: float) -> None:
        """Cover the time from `begin` to `end`, in Unix seconds."""
        self._begin = begin
        self._end = end
        self._moments = array("d")

    def add(self, start: float, end: float) -> None:
        """Take in an interval; what lies outside the period is cut off."""
        start, end = max(start, self._begin), min(end, self._end)
        if start < end:
            self._moments.extend((start, end))

    def use(self, level: float) -> Use:
        """Compare with a level; what ends makes room for what begins."""
        begins = ((moment, 1) for moment in sorted(self._moments[::2]))
        ends = ((moment, -1) for moment in sorted(self._moments[1::2]))
        under_way = most = 0
        busy = full = since = 0.0
        for moment, change in merge(ends, begins):
            if under_way:
                busy += moment - since
                full += moment - since if under_way >= level else 0.0
            since = moment
            under_way += change
            most = max(most, under_way)
        return Use(busy, full, most)


class Occupancy:
    """The mean number of slots in use in each minute of a period; memory follows its length."""

    def __init__(self, begin: float, end: float) -> None:
        """Cover the minutes from `begin` to `end`, in Unix seconds."""
        self._begin = begin
        self._end = end
        self._minutes = max(1, int((end - begin + MINUTE - 1) // MINUTE))
        # Seconds in the minutes that an interval touches in part, and by differences the rest.
        self._part = array("d", bytes(8 * (self._minutes + 1)))
        self._whole = array("d", bytes(8 * (self._minutes + 1)))

    def add(self, start: float, end: float, slots: float = 1.0) -> None:
        """Take in an interval; what lies outside the period is cut off."""
        start, end = max(start, self._begin) - self._begin, min(end, self._end) - self._begin
        if end <= start:
            return
        first, last = int(start // MINUTE), int(end // MINUTE)
        if first == last:
            self._part[first] += (end - start) * slots
            return
        self._part[first] += ((first + 1) * MINUTE - start) * slots
        self._part[last] += (end - last * MINUTE) * slots
        self._whole[first + 1] += slots
        self._whole[last] -= slots

    def minutes(self) -> list[float]:
        """Return the mean of each minute."""
        found, under_way = [], 0.0
        for part, change in zip(self._part, self._whole, strict=True):
            under_way += change
            found.append(under_way + part / MINUTE)
        return found[: self._minutes]

    def use(self, level: float) -> Use:
        """Compare the minutes with a level."""
        minutes = self.minutes()
        busy, full = (
            sum(each > 0 for each in minutes),
            sum(each >= FULL * level for each in minutes),
        )
        return Use(MINUTE * busy, MINUTE * full, max(minutes))


def share_at_least(minutes: Sequence[float], level: float) -> float:
    """Return in which share of the minutes the mean was at least so much."""
    return sum(each >= level for each in minutes) / len(minutes) if minutes else 0.0


def thinned(minutes: Sequence[float], most: int) -> list[float]:
    """Return at most so many points: the highest of each stretch, so that no peak is lost."""
    width = max(1, -(-len(minutes) // most))
    return [max(minutes[at : at + width]) for at in range(0, len(minutes), width)]
