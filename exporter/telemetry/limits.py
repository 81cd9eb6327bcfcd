"""How long the store keeps what, and how much of it."""

from __future__ import annotations

from dataclasses import dataclass

from exporter.catalogue import Family, Kind


@dataclass(frozen=True, slots=True)
class Limits:
    """How long and how many; seconds and children."""

    hold_seconds: float = 60.0
    idle_expiry_seconds: float = 7 * 86400.0
    max_histogram_children: int = 10_000
    max_per_family: int = 50_000

    def cap(self, family: Family) -> int:
        """Return the most children that the family may have."""
        is_histogram = family.kind is Kind.HISTOGRAM
        return self.max_histogram_children if is_histogram else self.max_per_family
