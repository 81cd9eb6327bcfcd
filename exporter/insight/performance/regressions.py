"""Whether tries have become slower: a rule that seldom cries wolf on noisy durations.

A median that grew by 30 % is suspected; confirmed where the Mann-Whitney test says that chance
makes such a difference in fewer than one of a hundred, and in fewer still where many tasks are
looked at. Means and 95th percentiles raise false alarms for 10 to 39 % of unchanged tasks:
`make bench-regressions` measures all of them.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Final

from exporter.insight.performance.quantiles import quantile

RATIO: Final = 1.3
SIGNIFICANCE: Final = 0.01
FALSE_SHARE: Final = 0.1
"""Of the tasks that are confirmed together, the share that chance may be expected to have made."""
FEWEST: Final = 7
"""Tries of each period without which nothing is said."""


@dataclass(frozen=True, slots=True)
class Change:
    """A task that became slower: medians in seconds, and how likely chance alone is."""

    before: float
    now: float
    p_value: float

    @property
    def ratio(self) -> float:
        """How many times as long it takes; infinite where it took no time before."""
        return self.now / self.before if self.before else math.inf


def change(before: Sequence[float], now: Sequence[float]) -> Change | None:
    """Judge two periods' ascending durations; None where they are too few, or not slower."""
    if min(len(before), len(now)) < FEWEST:
        return None
    was, is_now = quantile(before, 0.5), quantile(now, 0.5)
    if is_now <= was * RATIO:
        return None
    return Change(was, is_now, mann_whitney(before, now))


def confirmed_up_to(p_values: Sequence[float], compared: int) -> float:
    """Return the p-value up to which changes are confirmed, of so many tasks that were compared.

    The step-up procedure of Benjamini and Hochberg (1995): among ten thousand unchanged tasks
    a hundred are "less likely than 1 %".
    """
    ranked = enumerate(sorted(p_values), 1)
    passing = (each for rank, each in ranked if each <= FALSE_SHARE * rank / compared)
    return min(SIGNIFICANCE, max(passing, default=0.0))


def mann_whitney(before: Sequence[float], now: Sequence[float]) -> float:
    """Return how likely chance alone makes `now` so much larger: the one-sided rank-sum test.

    By the normal approximation, corrected for ties and continuity (Mann and Whitney 1947).
    """
    n_before, n_now = len(before), len(now)
    total = n_before + n_now
    ranks, ties = _rank_sum(now, before)
    u = ranks - n_now * (n_now + 1) / 2
    variance = n_before * n_now / 12 * (total + 1 - ties / (total * (total - 1)))
    if variance <= 0:
        return 1.0
    distance = u - n_before * n_now / 2 - 0.5
    return math.erfc(distance / math.sqrt(2 * variance)) / 2


def _rank_sum(one: Sequence[float], other: Sequence[float]) -> tuple[float, float]:
    """Return the sum of the ranks of the first values, and sum(t^3 - t) over the ties."""
    values = sorted([*((value, True) for value in one), *((value, False) for value in other)])
    ranks, ties, seen = 0.0, 0.0, 0
    for _, equals in groupby(values, key=lambda each: each[0]):
        of_one = [each[1] for each in equals]
        count = len(of_one)
        ranks += sum(of_one) * (seen + (count + 1) / 2)
        ties += count**3 - count
        seen += count
    return ranks, ties
