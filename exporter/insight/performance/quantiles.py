"""Quantiles of many values in bounded memory."""

from __future__ import annotations

import random
from array import array
from collections.abc import Sequence
from typing import Final

KEPT: Final = 512
"""Values that a sample keeps; with more, its quantiles are estimates."""


def quantile(ordered: Sequence[float], share: float) -> float:
    """Return the value below which that share of them lies, between neighbours linearly.

    Of ascending values, at least one; definition 7 of Hyndman and Fan, as numpy's default.
    """
    position = (len(ordered) - 1) * share
    below = int(position)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (ordered[above] - ordered[below]) * (position - below)


class Sample:
    """Count, sum and largest of all values, and an even choice of them for their quantiles.

    Algorithm R (Vitter 1985): each value is kept with the same chance, whatever their order.
    """

    __slots__ = ("_chance", "_kept", "count", "largest", "total")

    def __init__(self, chance: random.Random) -> None:
        """Start empty; `chance` decides what is kept once there are more than KEPT."""
        self._chance = chance
        self._kept = array("d")
        self.count = 0
        self.total = 0.0
        self.largest = 0.0

    def add(self, value: float) -> None:
        """Take in a value that is not negative."""
        self.count += 1
        self.total += value
        if value > self.largest:  # noqa: PLR1730 - for every try, and `max` costs twice as much
            self.largest = value
        if len(self._kept) < KEPT:
            self._kept.append(value)
        elif (place := int(self._chance.random() * self.count)) < KEPT:
            self._kept[place] = value

    @property
    def mean(self) -> float:
        """The mean of all values, 0 without any."""
        return self.total / self.count if self.count else 0.0

    def ordered(self) -> list[float]:
        """Return the values that were kept, ascending."""
        return sorted(self._kept)

    def quantile(self, share: float) -> float:
        """Return a quantile, 0 without any value."""
        return quantile(self.ordered(), share) if self._kept else 0.0
