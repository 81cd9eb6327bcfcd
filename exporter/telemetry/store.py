"""The store: batches validated whole, totals kept, gauges replaced as sets, snapshots published."""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from itertools import chain
from types import MappingProxyType

from exporter.catalogue import BOUNDED_LABELS, OTHER, Family, Kind
from exporter.clock import Clock
from exporter.samples import Batch, Checkpoint, EntryKey, Labels, Sample
from exporter.telemetry.exemplar import Exemplar
from exporter.telemetry.exposition import Exposition
from exporter.telemetry.gauge_sets import GaugeSets
from exporter.telemetry.labels import canonical
from exporter.telemetry.ledger import Ledger
from exporter.telemetry.ledger_file import Change, Total
from exporter.telemetry.table import Child, Table
from exporter.telemetry.validation import validate

GONE_DAG_SECONDS = 3600.0
"""How long the children of a DAG that left the database stay: a parse hiccup must not drop them."""
_EXPIRY_EVERY_SECONDS = 60.0
_UNFOLD_BELOW = 0.8
"""A family that folds takes new label sets again once it is this full."""


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
        self._limits = limits
        self._ledger = ledger
        self._clock = clock
        self._lock = threading.RLock()
        self.exposition = Exposition(clock)
        """What was published; asking it never waits."""
        self._sets = GaugeSets(self._tables, limits.cap, self._disabled)
        self._memories: dict[str, Callable[[], Mapping[EntryKey, str]]] = {}
        """By collector, what makes all of its checkpoint's entries."""
        self._waiting: set[Child] = set()
        """Children with pending amounts."""
        self._unpublished: list[Child] = []
        self._known_dags: frozenset[str] | None = None
        self._expiry_at = 0.0
        self._change = Change()
        self._restore(ledger.load())

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
            return self._memories.get(collector, dict)()

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
                    self._announce(family, canonical(labels), now)
            for sample in batch.increments:
                if sample.family.name not in self._disabled:
                    self._increase(sample, now)
            for key, samples in sets.items():
                self._sets.replace(key, samples)
            if batch.checkpoint is not None:
                self._note(collector, batch.checkpoint)
            if batch.known_dags is not None:
                self._known_dags = batch.known_dags
            self._apply_due()
            self._save()

    def drop_gauges(self, collector: str, name: str | None = None) -> None:
        """Remove one set of gauges of a collector, or all of them."""
        with self._lock:
            self._sets.drop(collector, name)

    def advance(self) -> None:
        """Apply the observations whose hold is over, and expire idle children."""
        with self._lock:
            self._apply_due()
            self._expire()
            self._save()

    def publish(self) -> None:
        """Render what changed, in the forms that are asked for, and expose it."""
        with self._lock:
            now = self._clock.monotonic()
            for child in self._unpublished:
                child.published_at = now
            self._unpublished.clear()
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
        """Return by exposed name how many children it has and how many label sets were dropped."""
        with self._lock:
            return {each.name: (len(each), each.dropped) for each in self._tables.values()}

    def close(self) -> None:
        """Write what is left and close the ledger."""
        with self._lock:
            self._save()
            self._ledger.close()

    # Counters and histograms.

    def _announce(self, family: Family, labels: Labels, now: float) -> None:
        table = self._tables[family.name]
        child = table.children.get(labels)
        if child is None and self._has_room(table):
            child = self._new(table, labels, now)
        if child is not None:
            child.touched = now

    def _increase(self, sample: Sample, now: float) -> None:
        table = self._tables[sample.family.name]
        child = self._child(table, canonical(sample.labels), now)
        child.touched = now
        run_id = sample.run_id
        exemplar = None if run_id is None else Exemplar.of(sample.value, run_id, now)
        if self._is_due(child):
            child.add(sample.value, table.family.buckets, exemplar)
            child.block.changed()
        else:
            if child.pending is None:
                child.pending = table.zero()
                self._waiting.add(child)
            child.pending.add(sample.value, table.family.buckets, exemplar)
        self._change.put_total(child)

    def _child(self, table: Table, labels: Labels, now: float) -> Child:
        child = table.children.get(labels)
        if child is None and not self._has_room(table):
            table.dropped += 1
            labels = _folded(table.family, labels)
            child = table.children.get(labels)
        return child or self._new(table, labels, now)

    def _new(self, table: Table, labels: Labels, now: float) -> Child:
        child = table.add(labels)
        child.created = now
        self._unpublished.append(child)
        self._change.put_total(child)
        return child

    def _has_room(self, table: Table) -> bool:
        if not table.folding and len(table) >= self._limits.cap(table.family):
            table.folding = True
            self._change.folding[table.family.name] = True
        return not table.folding

    def _is_due(self, child: Child) -> bool:
        if self._limits.hold_seconds <= 0:
            return True
        if child.published_at is None:
            return False
        return self._clock.monotonic() - child.published_at >= self._limits.hold_seconds

    def _apply_due(self) -> None:
        for child in [child for child in self._waiting if self._is_due(child)]:
            self._waiting.discard(child)
            if child.pending is not None:
                child.merge(child.pending)
                child.pending = None
                child.block.changed()
                self._change.put_total(child)

    # Expiry and the ledger.

    def _expire(self) -> None:
        now = self._clock.monotonic()
        if now < self._expiry_at:
            return
        self._expiry_at = now + _EXPIRY_EVERY_SECONDS
        for table in self._tables.values():
            if table.family.accumulated:
                self._expire_children(table)

    def _expire_children(self, table: Table) -> None:
        wall = self._clock.wall()
        for child in table:
            idle = wall - child.touched
            gone = idle > GONE_DAG_SECONDS and self._is_of_gone_dag(table.family, child)
            if child.pending is None and (gone or idle > self._limits.idle_expiry_seconds):
                table.remove(child)
                self._change.remove_total(table.family.name, child.labels)
        if table.folding and len(table) < _UNFOLD_BELOW * self._limits.cap(table.family):
            table.folding = False
            self._change.folding[table.family.name] = False

    def _is_of_gone_dag(self, family: Family, child: Child) -> bool:
        if self._known_dags is None or "dag_id" not in family.labels:
            return False
        dag_id = child.labels[family.labels.index("dag_id")]
        return dag_id != OTHER and dag_id not in self._known_dags

    def _note(self, collector: str, checkpoint: Checkpoint) -> None:
        for key in checkpoint.drop:
            self._change.drop_entry(collector, key)
        for key, value in checkpoint.put.items():
            self._change.put_entry(collector, key, value)
        # Not the entries themselves: the collector holds the same, and in a smaller form.
        self._memories[collector] = checkpoint.everything

    def _save(self) -> None:
        change, self._change = self._change, Change()
        self._ledger.write(change, self._everything)

    def _everything(self) -> Change:
        everything = Change()
        for collector, entries in self._memories.items():
            for key, value in entries().items():
                everything.put_entry(collector, key, value)
        for table in [table for table in self._tables.values() if table.family.accumulated]:
            everything.folding[table.family.name] = table.folding
            for child in table:
                everything.put_total(child)
        return everything

    def _restore(self, saved: Change) -> None:
        entries: dict[str, dict[EntryKey, str]] = {}
        for (collector, key), value in saved.entries.items():
            entries.setdefault(collector, {})[key] = value
        self._memories = {name: partial(dict, of) for name, of in entries.items()}
        for name in saved.folding:
            if name in self._tables:
                self._tables[name].folding = True
        for total in saved.totals.values():
            self._restore_total(total)

    def _restore_total(self, total: Total) -> None:
        table = self._tables.get(total.family)
        # A family that another version declared otherwise starts again at zero.
        if table is None or not _fits(table, total):
            return
        child = table.add(total.labels)
        child.merge(total)
        child.created = total.created
        child.touched = total.touched
        self._unpublished.append(child)
        if total.pending is not None:
            child.pending = table.zero()
            child.pending.merge(total.pending)
            self._waiting.add(child)
        for amount in (child, child.pending):
            if amount is not None:
                amount.reconcile(table.family.buckets)


def _fits(table: Table, total: Total) -> bool:
    buckets = len(table.zero().counts or ())
    same_shape = all(len(each.counts or ()) == buckets for each in (total, total.pending) if each)
    return table.family.accumulated and same_shape and len(total.labels) == len(table.family.labels)


def _folded(family: Family, labels: Labels) -> Labels:
    return tuple(
        value if name in BOUNDED_LABELS else OTHER
        for name, value in zip(family.labels, labels, strict=True)
    )
