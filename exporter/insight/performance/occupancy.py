"""How many things were under way, minute by minute."""

from __future__ import annotations

from array import array
from collections.abc import Sequence

MINUTE = 60.0


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


def share_at_least(minutes: Sequence[float], level: float) -> float:
    """Return in which share of the minutes the mean was at least so much."""
    return sum(each >= level for each in minutes) / len(minutes) if minutes else 0.0


def share_together(spans: Sequence[float], begin: float, end: float, level: int) -> float:
    """Return in which share of a period at least so many of the spans were under way.

    `spans` holds begin and end of each in turn; what lies outside the period is cut off.
    """
    events = [(max(begin, moment), 1) for moment in spans[::2]]
    events += [(min(end, moment), -1) for moment in spans[1::2]]
    under_way, since, together = 0, begin, 0.0
    for moment, change in sorted(events):
        if under_way >= level:
            together += moment - since
        since = moment
        under_way += change
    return together / (end - begin) if end > begin else 0.0


def thinned(minutes: Sequence[float], most: int) -> list[float]:
    """Return at most so many points: the highest of each stretch, so that no peak is lost."""
    width = max(1, -(-len(minutes) // most))
    return [max(minutes[at : at + width]) for at in range(0, len(minutes), width)]
