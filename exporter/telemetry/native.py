"""Native histograms: exact values counted in exponential buckets that need no configuration.

Source: Prometheus documentation, "Native histograms". Bucket `i` of schema `n` holds what is above
`b**(i - 1)` and at most `b**i`, where `b` is 2 to the power of `2**-n`.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from math import frexp, sqrt
from typing import Any

FINEST_SCHEMA = 3
"""Eight buckets to each power of two: a quantile is off by 4.4 % at most, mostly by less."""
COARSEST_SCHEMA = -4
ZERO_THRESHOLD = 2.0**-128
"""What is at most this lies in the zero bucket."""
MAX_BUCKETS = 160
"""Above it, neighbours are joined: at the finest schema that is a range of a million to one."""
_STEPS = 1 << FINEST_SCHEMA
_FRACTIONS = tuple(0.5 * 2 ** (step / _STEPS) for step in range(_STEPS))


class Native:
    """Counts of observations, none of them negative, by bucket."""

    __slots__ = ("counts", "indexes", "schema", "zero")

    def __init__(
        self,
        schema: int = FINEST_SCHEMA,
        zero: int = 0,
        indexes: Iterable[int] = (),
        counts: Iterable[int] = (),
    ) -> None:
        """Hold these counts, by ascending indexes; arrays, for there are ten thousands of us."""
        self.schema = schema
        self.zero = zero
        self.indexes = array("h", indexes)
        self.counts = array("Q", counts)

    @classmethod
    def spread(cls, bounds: Sequence[float], counts: Sequence[int]) -> Native:
        """Make one of classic buckets, whose exact values are not known any more.

        Each counts as the geometric middle of its bucket; of the first and the last one a bound is
        all that is known. What rates tell is exact as soon as new values are.
        """
        made = cls()
        middles = (bounds[0] / 2, *map(_middle, bounds, bounds[1:]), bounds[-1] * 2)
        for middle, count in zip(middles, counts, strict=True):
            if count:
                made.add(_index(middle), count)
        return made

    @classmethod
    def loaded(cls, saved: list[Any]) -> Native:
        """Return what was saved; raise ValueError or TypeError if it makes no sense."""
        schema, zero, indexes, counts = saved
        try:
            made = cls(int(schema), int(zero), indexes, counts)
        except OverflowError as error:
            raise ValueError(saved) from error
        ordered = all(a < b for a, b in pairwise(made.indexes))
        in_range = COARSEST_SCHEMA <= made.schema <= FINEST_SCHEMA and made.zero >= 0
        if not (ordered and in_range and len(made.indexes) == len(made.counts)):
            raise ValueError(saved)
        return made

    def saved(self) -> list[object]:
        """Return it as JSON can hold it."""
        return [self.schema, self.zero, list(self.indexes), list(self.counts)]

    @property
    def count(self) -> int:
        """The number of observations."""
        return self.zero + sum(self.counts)

    def observe(self, value: float) -> None:
        """Count a value, which is not negative."""
        if value <= ZERO_THRESHOLD:
            self.zero += 1
        else:
            self.add(_joined(_index(value), FINEST_SCHEMA - self.schema), 1)

    def add(self, index: int, count: int) -> None:
        """Add to a bucket of the schema."""
        place = bisect_left(self.indexes, index)
        if place < len(self.indexes) and self.indexes[place] == index:
            self.counts[place] += count
            return
        self.indexes.insert(place, index)
        self.counts.insert(place, count)
        while len(self.indexes) > MAX_BUCKETS:
            self._coarsen(1)

    def merge(self, other: Native) -> None:
        """Add what another one counted."""
        if other.schema < self.schema:
            self._coarsen(self.schema - other.schema)
        self.zero += other.zero
        for index, count in zip(other.indexes, other.counts, strict=True):
            # The schema may have become coarser than the other's on the way.
            self.add(_joined(index, other.schema - self.schema), count)

    def spans(self) -> Iterator[tuple[int, int]]:
        """Yield gap and length of each row of neighbouring buckets, the first gap from 0."""
        end = gap = length = 0
        for index in self.indexes:
            if length and index != end:
                yield gap, length
                length = 0
            if not length:
                gap = index - end
            length += 1
            end = index + 1
        if length:
            yield gap, length

    def deltas(self) -> Iterator[int]:
        """Yield each bucket's count less that of the one before."""
        before = 0
        for count in self.counts:
            yield count - before
            before = count

    def _coarsen(self, steps: int) -> None:
        """Join 2 to the power of `steps` buckets into one, over and over."""
        indexes, counts = self.indexes, self.counts
        self.schema -= steps
        self.indexes, self.counts = array("h"), array("Q")
        for index, count in zip(indexes, counts, strict=True):
            joined = _joined(index, steps)
            if self.indexes and self.indexes[-1] == joined:
                self.counts[-1] += count
            else:
                self.indexes.append(joined)
                self.counts.append(count)


def _index(value: float) -> int:
    """Return the bucket of the finest schema that a value lies in."""
    fraction, exponent = frexp(value)
    return bisect_left(_FRACTIONS, fraction) + (exponent - 1) * _STEPS


def _joined(index: int, steps: int) -> int:
    """Return the bucket that this one belongs to at a schema so many steps coarser."""
    return -(-index >> steps)


def _middle(low: float, high: float) -> float:
    return sqrt(low * high)
