"""Totals: counters and histograms, how they grow, fold and expire, and what is saved of them."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping

from exporter.catalogue import BOUNDED_LABELS, OTHER, Family
from exporter.clock import Clock
from exporter.samples import Labels, Sample
from exporter.telemetry.change import Change, Total
from exporter.telemetry.exemplar import Exemplar
from exporter.telemetry.expiry import Expiry
from exporter.telemetry.labels import canonical
from exporter.telemetry.limits import Limits
from exporter.telemetry.table import Child, Table

_UNFOLD_BELOW = 0.8
"""A family that folds takes new label sets again once it is this full."""


class Totals:
    """Children that accumulate: seen at zero first, grown when their hold is over.

    A child is not increased before `Limits.hold_seconds` have passed since a scraper could see it:
    Prometheus would not see the increase of a series that begins with it.
    """

    def __init__(
        self, tables: Mapping[str, Table], limits: Limits, clock: Clock, change: Change
    ) -> None:
        """Keep them in these tables; what is to be saved is noted in `change`."""
        self._tables = tables
        self._limits = limits
        self._clock = clock
        self._change = change
        self._expiry = Expiry(limits, clock)
        self._waiting: set[Child] = set()
        """Children with pending amounts."""
        self._unpublished: list[Child] = []

    def announce(self, family: Family, labels: Labels, now: float) -> None:
        """Create a child at zero, if there is room for it, or note that it is still wanted."""
        table = self._tables[family.name]
        labels = canonical(labels)
        child = table.children.get(labels)
        if child is None and self._has_room(table):
            child = self._new(table, labels, now)
        if child is not None:
            child.touched = now

    def increase(self, sample: Sample, now: float) -> None:
        """Add an increment or an observation, now or when the child's hold is over."""
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

    def apply_due(self) -> None:
        """Add what waits to the children whose hold is over."""
        for child in [child for child in self._waiting if self._is_due(child)]:
            self._waiting.discard(child)
            if child.pending is not None:
                child.merge(child.pending)
                child.pending = None
                child.block.changed()
                self._change.put_total(child)

    def expire(self, known_dags: Collection[str] | None) -> None:
        """Remove idle children now and then, and stop to fold where that has made room."""
        if not self._expiry.is_due():
            return
        for table in self._accumulated():
            for child in self._expiry.expired(table, known_dags):
                table.remove(child)
                self._change.remove_total(table.family.name, child.labels)
            if table.folding and len(table) < _UNFOLD_BELOW * self._limits.cap(table.family):
                self._fold(table, folding=False)

    def note_published(self) -> None:
        """Start the hold of children that a scraper can see from now on."""
        now = self._clock.monotonic()
        for child in self._unpublished:
            child.published_at = now
        self._unpublished.clear()

    def restore(self, saved: Change) -> None:
        """Take over what was saved; a family that is declared otherwise now starts at zero."""
        for name in saved.folding:
            if name in self._tables:
                self._tables[name].folding = True
        for total in saved.totals.values():
            table = self._tables.get(total.family)
            if table is not None and _fits(table, total):
                self._restore(table, total)

    def note_everything(self, everything: Change) -> None:
        """Note all that there is."""
        for table in self._accumulated():
            everything.folding[table.family.name] = table.folding
            for child in table:
                everything.put_total(child)

    def _accumulated(self) -> Iterator[Table]:
        return (table for table in self._tables.values() if table.family.accumulated)

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
            self._fold(table, folding=True)
        return not table.folding

    def _fold(self, table: Table, *, folding: bool) -> None:
        table.folding = folding
        self._change.folding[table.family.name] = folding

    def _is_due(self, child: Child) -> bool:
        if self._limits.hold_seconds <= 0:
            return True
        if child.published_at is None:
            return False
        return self._clock.monotonic() - child.published_at >= self._limits.hold_seconds

    def _restore(self, table: Table, total: Total) -> None:
        child = table.add(total.labels)
        child.merge(total)
        child.reconcile(table.family.buckets)
        child.created = total.created
        child.touched = total.touched
        self._unpublished.append(child)
        if total.pending is not None:
            child.pending = table.zero()
            child.pending.merge(total.pending)
            child.pending.reconcile(table.family.buckets)
            self._waiting.add(child)


def _fits(table: Table, total: Total) -> bool:
    buckets = len(table.zero().counts or ())
    same_shape = all(len(each.counts or ()) == buckets for each in (total, total.pending) if each)
    return table.family.accumulated and same_shape and len(total.labels) == len(table.family.labels)


def _folded(family: Family, labels: Labels) -> Labels:
    return tuple(
        value if name in BOUNDED_LABELS else OTHER
        for name, value in zip(family.labels, labels, strict=True)
    )
