"""The store: batches validated whole, totals kept, gauges replaced as sets, snapshots published."""

from __future__ import annotations

import threading
from collections.abc import Collection, Iterable, Mapping
from itertools import chain
from types import MappingProxyType

from exporter.catalogue import Family
from exporter.clock import Clock
from exporter.samples import Batch, EntryKey, Labels
from exporter.telemetry.change import Change
from exporter.telemetry.exposition import Exposition
from exporter.telemetry.gauge_sets import GaugeSets
from exporter.telemetry.ledger import Ledger
from exporter.telemetry.limits import Limits
from exporter.telemetry.memories import Memories
from exporter.telemetry.table import Table
from exporter.telemetry.totals import Totals
from exporter.telemetry.validation import validate


class Store:
    """Everything that is exposed; safe to call from every collector's thread."""

    def __init__(
        self,
        families: Iterable[Family],
        limits: Limits,
        ledger: Ledger,
        clock: Clock,
        *,
        disabled: Collection[str] = (),
        renamed: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        """Start from what the ledger holds; samples of `disabled` families are not taken.

        `renamed` tells under which other name a family is exposed.
        """
        self._disabled = frozenset(disabled)
        self._tables = {each.name: Table(each, renamed.get(each.name)) for each in families}
        self._ledger = ledger
        self._clock = clock
        self._lock = threading.RLock()
        self.exposition = Exposition(clock)
        """What was published; asking it never waits."""
        self._sets = GaugeSets(self._tables, limits.cap, self._disabled)
        self._known_dags: frozenset[str] | None = None
        self._change = Change()
        """What the ledger does not have yet."""
        saved = ledger.load()
        self._memories = Memories(saved, self._change)
        self._totals = Totals(self._tables, limits, clock, self._change)
        self._totals.restore(saved)

    @property
    def persistent(self) -> bool:
        """Tell whether totals are written to the disk."""
        return self._ledger.persistent

    @property
    def known_dags(self) -> frozenset[str] | None:
        """The DAGs that exist; None as long as no collector has told."""
        return self._known_dags

    def checkpoint(self, collector: str) -> Mapping[EntryKey, str]:
        """Return all entries that hold after the collector's last checkpoint."""
        with self._lock:
            return self._memories.entries(collector)

    def put(self, collector: str, batch: Batch) -> None:
        """Apply a batch whole and write it to the ledger, or raise RejectedError and take nothing.

        Nothing of it is exposed before the next `publish`: what a scrape saw is on the disk.
        """
        with self._lock:
            sets = {(collector, name): samples for name, samples in batch.gauges.items()}
            # What is held already was looked at when it came.
            news = chain.from_iterable(self._sets.news(key, of) for key, of in sets.items())
            validate(batch, news, self._tables)
            # One object for all that is touched now: there may be ten thousands.
            now = self._clock.wall()
            for family, labels in batch.announced:
                if family.name not in self._disabled:
                    self._totals.announce(family, labels, now)
            for sample in batch.increments:
                if sample.family.name not in self._disabled:
                    self._totals.increase(sample, now)
            for key, samples in sets.items():
                self._sets.replace(key, samples)
            if batch.checkpoint is not None:
                self._memories.note(collector, batch.checkpoint)
            if batch.known_dags is not None:
                self._known_dags = batch.known_dags
            self._totals.apply_due()
            self._save()

    def drop_gauges(self, collector: str, name: str | None = None) -> None:
        """Remove one set of gauges of a collector, or all of them."""
        with self._lock:
            self._sets.drop(collector, name)

    def advance(self) -> None:
        """Apply the observations whose hold is over, and expire idle children."""
        with self._lock:
            self._totals.apply_due()
            self._totals.expire(self._known_dags)
            self._save()

    def publish(self) -> None:
        """Render what changed, in the forms that are asked for, and expose it."""
        with self._lock:
            self._totals.note_published()
            self.exposition.publish(tuple(self._tables.values()))

    def children(self, family: Family) -> dict[Labels, tuple[float, tuple[int, ...]]]:
        """Return total and bucket counts (empty for scalars) of every child of the family."""
        with self._lock:
            return {
                child.labels: (child.total, tuple(child.counts or ()))
                for child in self._tables[family.name]
            }

    def total(self, family: Family, label: str | None = None) -> float | None:
        """Return the sum over the family's children, or those that bear a label value.

        None where there is no such child.
        """
        with self._lock:
            found = [
                child.total
                for child in self._tables[family.name]
                if label is None or label in child.labels
            ]
        return sum(found) if found else None

    def families(self) -> dict[str, Family]:
        """Return every family by the name that it is exposed under."""
        return {table.name: table.family for table in self._tables.values()}

    def sizes(self) -> dict[str, tuple[int, int]]:
        """Return by exposed name how many children it has and how many samples were dropped.

        It never waits: a page is made of it while a batch is written to a slow disk.
        """
        return {each.name: (len(each), each.dropped) for each in self._tables.values()}

    def close(self) -> None:
        """Write what is left and close the ledger."""
        with self._lock:
            self._save()
            self._ledger.close()

    def _save(self) -> None:
        self._ledger.write(self._change, self._everything)
        self._change.clear()

    def _everything(self) -> Change:
        everything = Change()
        for collector, key, value in self._memories.everything():
            everything.put_entry(collector, key, value)
        self._totals.note_everything(everything)
        return everything
