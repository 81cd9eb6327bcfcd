"""What a child of a family has accumulated, or is about to."""

from __future__ import annotations

from bisect import bisect_left
from typing import Protocol

from exporter.telemetry.exemplar import Exemplar
from exporter.telemetry.native import Native


class Held(Protocol):
    """An amount to be read."""

    @property
    def total(self) -> float:
        """The value, or the sum of what was observed."""

    @property
    def counts(self) -> list[int] | None:
        """Observations by bucket, not cumulated, the last one +Inf; None for a value."""

    @property
    def native(self) -> Native | None:
        """The same observations by exponential buckets; None before the first, and for a value."""

    @property
    def exemplar(self) -> Exemplar | None:
        """The run of the slowest observation of late."""


class Amount:
    """What was accumulated, or is held: a value, or bucket counts and a sum."""

    __slots__ = ("counts", "exemplar", "native", "total")

    def __init__(self, buckets: int = 0) -> None:
        """Start at zero; `buckets` counts the finite bounds of a histogram, 0 for others."""
        self.total = 0.0
        self.counts = [0] * (buckets + 1) if buckets else None
        self.native: Native | None = None
        self.exemplar: Exemplar | None = None

    def add(
        self, value: float, bounds: tuple[float, ...], exemplar: Exemplar | None = None
    ) -> None:
        """Add an increment, or observe a value in its buckets."""
        self.total += value
        if self.counts is None:
            return
        self.counts[bisect_left(bounds, value)] += 1
        if self.native is None:
            self.native = Native()
        self.native.observe(value)
        self._note(exemplar)

    def merge(self, other: Held) -> None:
        """Add what another amount holds."""
        self.total += other.total
        if self.counts is not None and other.counts is not None:
            self.counts = [a + b for a, b in zip(self.counts, other.counts, strict=True)]
        if other.native is not None:
            if self.native is None:
                self.native = Native()
            self.native.merge(other.native)
        self._note(other.exemplar)

    def reconcile(self, bounds: tuple[float, ...]) -> None:
        """Make native buckets of classic ones where they do not tell of the same observations.

        Earlier versions kept no native ones, and a scraper refuses buckets that do not add up.
        """
        if self.counts is None:
            self.native = None
        elif sum(self.counts) != (0 if self.native is None else self.native.count):
            self.native = Native.spread(bounds, self.counts)

    def _note(self, exemplar: Exemplar | None) -> None:
        if exemplar is not None and exemplar.replaces(self.exemplar):
            self.exemplar = exemplar
