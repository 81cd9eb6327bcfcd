"""A change of the ledger: what one transaction writes."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

from exporter.samples import EntryKey, Labels
from exporter.telemetry.amount import Held


class Total(Held, Protocol):
    """One child of a counter or histogram as the ledger keeps it; the store's own children are."""

    @property
    def family(self) -> str:
        """The family's name."""

    @property
    def labels(self) -> Labels:
        """The canonical label set."""

    @property
    def pending(self) -> Held | None:
        """What is held back."""

    @property
    def created(self) -> float | None:
        """Unix seconds since when it accumulates; None where that is not known."""

    @property
    def touched(self) -> float:
        """Unix seconds of the last change."""


@dataclass(slots=True)
class Change:
    """What one transaction writes."""

    totals: dict[tuple[str, Labels], Total] = field(default_factory=dict)
    removed: set[tuple[str, Labels]] = field(default_factory=set)
    entries: dict[tuple[str, EntryKey], str] = field(default_factory=dict)
    dropped: set[tuple[str, EntryKey]] = field(default_factory=set)
    folding: dict[str, bool] = field(default_factory=dict)

    def __bool__(self) -> bool:
        """Tell whether there is anything to write."""
        return any((self.totals, self.removed, self.entries, self.dropped, self.folding))

    def clear(self) -> None:
        """Have nothing to write: it is written."""
        for noted in (self.totals, self.removed, self.entries, self.dropped, self.folding):
            noted.clear()

    def put_total(self, total: Total) -> None:
        """Write this total, whatever was noted of it before."""
        key = (total.family, total.labels)
        self.totals[key] = total
        self.removed.discard(key)

    def remove_total(self, family: str, labels: Labels) -> None:
        """Remove this total, whatever was noted of it before."""
        self.totals.pop((family, labels), None)
        self.removed.add((family, labels))

    def put_entry(self, collector: str, key: EntryKey, value: str) -> None:
        """Write this entry, whatever was noted of it before."""
        self.entries[collector, key] = value
        self.dropped.discard((collector, key))

    def drop_entry(self, collector: str, key: EntryKey) -> None:
        """Remove this entry, whatever was noted of it before."""
        self.entries.pop((collector, key), None)
        self.dropped.add((collector, key))
