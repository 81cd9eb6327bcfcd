"""Amounts whose seconds are known, beside these seconds: what rates are made of.

A rate divides what some tries wrote by the time that the same tries took. So rows, or bytes, of
which no seconds are known are left out, and seconds of which no rows, or bytes, are.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from exporter import catalogue
from exporter.rows.claim import Claim
from exporter.rows.stages import Place
from exporter.samples import Sample

ROWS = (catalogue.TIMED_ROWS, catalogue.TIMED_ROWS_SECONDS)
BYTES = (catalogue.TIMED_BYTES, catalogue.TIMED_BYTES_SECONDS)
_MEGABYTE = 1e6


class Timed(NamedTuple):
    """Rows and bytes with known seconds, and the seconds of each."""

    rows: int = 0
    rows_seconds: float = 0.0
    bytes: int = 0
    bytes_seconds: float = 0.0

    def plus(self, other: Timed) -> Timed:
        """Add field by field."""
        return Timed._make(a + b for a, b in zip(self, other, strict=True))

    def minus(self, other: Timed) -> Timed:
        """Subtract field by field."""
        return Timed._make(a - b for a, b in zip(self, other, strict=True))

    @property
    def rate_mbps(self) -> float | None:
        """Megabytes a second; None when no time is known that bytes took."""
        return self.bytes / _MEGABYTE / self.bytes_seconds if self.bytes_seconds > 0 else None

    @property
    def rows_per_second(self) -> float | None:
        """Rows a second; None when no time is known that rows took."""
        return self.rows / self.rows_seconds if self.rows_seconds > 0 else None


def timed(claim: Claim) -> Timed:
    """Return what a claim adds to rates."""
    if claim.seconds is None:
        return Timed()
    return Timed(
        claim.rows or 0,
        claim.seconds if claim.rows is not None else 0.0,
        claim.bytes or 0,
        claim.seconds if claim.bytes is not None else 0.0,
    )


def increments(place: Place, of: Timed) -> Iterator[Sample]:
    """Make what the counters of rates grow by.

    An amount and its seconds come together, be one of them 0: nothing is over or under a series
    that is not there.
    """
    for families, amounts in ((ROWS, of[:2]), (BYTES, of[2:])):
        if any(amounts):
            for family, amount in zip(families, amounts, strict=True):
                yield Sample(family, place, float(amount))
