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
_COUNT_BITS = 48
_MOST = (1 << _COUNT_BITS) - 1
_BIAS = 1 << 15
"""Indexes lie within; what is added makes them sort as whole numbers do."""
_STEPS = 1 << FINEST_SCHEMA
_FRACTIONS = tuple(0.5 * 2 ** (step / _STEPS) for step in range(_STEPS))


class Native:
    """Counts of observations, none of them negative, by bucket."""

    __slots__ = ("_cells", "schema", "zero")

    def __init__(
        self,
        schema: int = FINEST_SCHEMA,
        zero: int = 0,
        indexes: Iterable[int] = (),
        counts: Iterable[int] = (),
    ) -> None:
        """Hold these counts, by ascending indexes."""
        self.schema = schema
        self.zero = zero
        # Index and count in one number, for there are ten thousands of us: an array of its own for
        # each would take as much again.
        self._cells = array("Q", map(_cell, indexes, counts))

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
        ordered = all(a < b for a, b in pairwise(indexes))
        in_range = COARSEST_SCHEMA <= schema <= FINEST_SCHEMA and all(
            0 <= count <= _MOST for count in (zero, *counts)
        )
        near = all(-_BIAS <= index < _BIAS for index in indexes)
        if not (ordered and in_range and near and len(indexes) == len(counts) <= MAX_BUCKETS):
            raise ValueError(saved)
        return cls(int(schema), int(zero), indexes, counts)

    def saved(self) -> list[object]:
        """Return it as JSON can hold it."""
        indexes, counts = [index for index, _ in self], [count for _, count in self]
        return [self.schema, self.zero, indexes, counts]

    @property
    def count(self) -> int:
        """The number of observations."""
        return self.zero + sum(count for _, count in self)

    def __iter__(self) -> Iterator[tuple[int, int]]:
        """Iterate over index and count of each bucket that is not empty, in order."""
        for cell in self._cells:
            yield (cell >> _COUNT_BITS) - _BIAS, cell & _MOST

    def __len__(self) -> int:
        """Count the buckets that are not empty."""
        return len(self._cells)

    def observe(self, value: float) -> None:
        """Count a value, which is not negative."""
        if value <= ZERO_THRESHOLD:
            self.zero += 1
        else:
            self.add(_joined(_index(value), FINEST_SCHEMA - self.schema), 1)

    def add(self, index: int, count: int) -> None:
        """Add to a bucket of the schema."""
        cells, empty = self._cells, _cell(index, 0)
        place = bisect_left(cells, empty)
        if place < len(cells) and cells[place] - empty <= _MOST:
            cells[place] += count
            return
        cells.insert(place, empty + count)
        while len(self._cells) > MAX_BUCKETS:
            self._coarsen(1)

    def merge(self, other: Native) -> None:
        """Add what another one counted."""
        if other.schema < self.schema:
            self._coarsen(self.schema - other.schema)
        self.zero += other.zero
        for index, count in other:
            # The schema may have become coarser than the other's on the way.
            self.add(_joined(index, other.schema - self.schema), count)

    def spans(self) -> Iterator[tuple[int, int]]:
        """Yield gap and length of each row of neighbouring buckets, the first gap from 0."""
        end = gap = length = 0
        for index, _ in self:
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
        for _, count in self:
            yield count - before
            before = count

    def _coarsen(self, steps: int) -> None:
        """Join 2 to the power of `steps` buckets into one, over and over."""
        joined: dict[int, int] = {}
        for index, count in self:
            wider = _joined(index, steps)
            joined[wider] = joined.get(wider, 0) + count
        self.schema -= steps
        self._cells = array("Q", map(_cell, joined, joined.values()))


def _cell(index: int, count: int) -> int:
    return (index + _BIAS << _COUNT_BITS) + count


def _index(value: float) -> int:
    """Return the bucket of the finest schema that a value lies in."""
    fraction, exponent = frexp(value)
    return bisect_left(_FRACTIONS, fraction) + (exponent - 1) * _STEPS


def _joined(index: int, steps: int) -> int:
    """Return the bucket that this one belongs to at a schema so many steps coarser."""
    return -(-index >> steps)


def _middle(low: float, high: float) -> float:
    return sqrt(low * high)
