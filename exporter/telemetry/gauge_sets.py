"""Gauges and mirrored counters: sets that are replaced whole, so that what vanished goes."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping

from exporter.catalogue import Family
from exporter.samples import Labels, Sample
from exporter.telemetry.labels import canonical
from exporter.telemetry.table import Table

SetKey = tuple[str, str]
"""Collector and name of a set."""


class GaugeSets:
    """Every set of every collector, in the tables that the store keeps."""

    def __init__(
        self,
        tables: Mapping[str, Table],
        cap: Callable[[Family], int],
        disabled: Collection[str],
    ) -> None:
        """Start without sets; `cap` tells how many children a family may have."""
        self._tables = tables
        self._cap = cap
        self._disabled = disabled
        self._members: dict[SetKey, set[tuple[str, Labels]]] = {}

    def replace(self, key: SetKey, samples: Iterable[Sample]) -> None:
        """Put the samples in place of what the set held."""
        members = {
            member
            for sample in samples
            if sample.family.name not in self._disabled
            and (member := self._put(key, sample)) is not None
        }
        for name, labels in self._members.get(key, set()) - members:
            table = self._tables[name]
            child = table.children.get(labels)
            # Another set may have taken the same label set over.
            if child is not None and child.owner == key:
                table.remove(child)
        self._members[key] = members

    def drop(self, collector: str, name: str | None) -> None:
        """Empty one set of a collector, or all of them."""
        for key in [key for key in self._members if key[0] == collector and name in (None, key[1])]:
            self.replace(key, ())

    def _put(self, key: SetKey, sample: Sample) -> tuple[str, Labels] | None:
        table = self._tables[sample.family.name]
        labels = canonical(sample.labels)
        child = table.children.get(labels)
        if child is None:
            if len(table) >= self._cap(table.family):
                table.dropped += 1
                return None
            child = table.add(labels)
        child.owner = key
        value = float(sample.value)
        if child.total != value:
            child.total = value
            child.block.text = None
        return sample.family.name, labels
