"""Gauges and mirrored counters: sets that are replaced whole, so that what vanished goes."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from itertools import chain, repeat

from exporter.catalogue import Family
from exporter.samples import Sample
from exporter.telemetry.labels import canonical
from exporter.telemetry.table import Child, Table

SetKey = tuple[str, str]
"""Collector and name of a set."""


class GaugeSets:
    """Every set of every collector, in the tables that the store keeps.

    A sample that is the very object that stood in its place the last time costs next to nothing:
    most values of a large set do not change from one time to the next.
    """

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
        self._held: dict[SetKey, _Held] = {}

    def news(self, key: SetKey, samples: Sequence[Sample]) -> list[Sample]:
        """Return the samples that do not stand in the set already."""
        held = self._held.get(key)
        if held is None:
            return list(samples)
        return [sample for sample, before, _ in held.beside(samples) if sample is not before]

    def replace(self, key: SetKey, samples: Sequence[Sample]) -> None:
        """Put the samples in place of what the set held."""
        held = self._held.setdefault(key, _Held())
        children = [
            child
            # Another set may have taken the same label set over.
            if sample is before and child is not None and child.owner is held
            else self._put(held, sample)
            for sample, before, child in held.beside(samples)
        ]
        if children != held.children:
            for child in {*held.children}.difference(children):
                if child is not None and child.owner is held:
                    child.block.table.remove(child)
        held.samples, held.children = list(samples), children

    def drop(self, collector: str, name: str | None) -> None:
        """Empty one set of a collector, or all of them."""
        for key in [key for key in self._held if key[0] == collector and name in (None, key[1])]:
            self.replace(key, ())

    def _put(self, owner: _Held, sample: Sample) -> Child | None:
        if sample.family.name in self._disabled:
            return None
        table = self._tables[sample.family.name]
        # What a child is known by is canonical; so are equal labels.
        child = table.children.get(sample.labels)
        if child is None:
            labels = canonical(sample.labels)
            child = table.children.get(labels)
            if child is None:
                if len(table) >= self._cap(table.family):
                    table.dropped += 1
                    return None
                child = table.add(labels)
        child.owner = owner
        value = float(sample.value)
        if child.total != value:
            child.total = value
            child.block.changed()
        return child


class _Held:
    """One set: its samples, and each one's child, None where it found no room."""

    __slots__ = ("children", "samples")

    def __init__(self) -> None:
        self.samples: Sequence[Sample] = ()
        self.children: list[Child | None] = []

    def beside(
        self, samples: Sequence[Sample]
    ) -> Iterator[tuple[Sample, Sample | None, Child | None]]:
        """Return each sample with what stood in its place."""
        nothing = repeat(None)
        return zip(  # noqa: B905 - the samples are as many as they are
            samples, chain(self.samples, nothing), chain(self.children, nothing)
        )
