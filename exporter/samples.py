"""What a collector hands to the store: samples, and the batch that carries them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, TypeVar

from exporter.catalogue import Family

K = TypeVar("K")
V = TypeVar("V")

Labels = tuple[str | None, ...]
"""Label values in the order of the family's labels; None or empty where unknown: left out."""

EntryKey = tuple[str, str]
"""Section and key of a checkpoint entry."""


class Sample(NamedTuple):
    """One value: a gauge's or mirrored counter's level, an increment, or an observation.

    A tuple, for thousands are made at a time, and a frozen dataclass takes three times as long.
    """

    family: Family
    labels: Labels
    value: float
    run_id: str | None = None
    """The run that a value was observed in: told as an exemplar, never as a label."""


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """What changed in a collector's own memory; kept in the ledger together with the totals."""

    put: Mapping[EntryKey, str]
    drop: Collection[EntryKey]
    everything: Callable[[], Mapping[EntryKey, str]]
    """Makes all entries that hold from now on, for a ledger that is written anew."""


class Changes:
    """What changed from one memory to the next, section by section."""

    def __init__(self) -> None:
        """Start without any."""
        self.put: dict[EntryKey, str] = {}
        self.drop: list[EntryKey] = []

    def compare(
        self, section: str, old: Mapping[K, V], new: Mapping[K, V], key: Callable[[K], str],
        value: Callable[[V], str],
    ) -> None:  # fmt: skip
        """Note what is new, changed or gone in one section."""
        if old is new:
            return
        for k, v in new.items():
            before = old.get(k)
            # Most are the same object as before: that is told at less cost.
            if before is not v and (before is None or before != v):
                self.put[section, key(k)] = value(v)
        self.drop.extend((section, key(k)) for k in old if k not in new)

    def checkpoint(self, everything: Callable[[], Mapping[EntryKey, str]]) -> Checkpoint:
        """Return them as a checkpoint; `everything` makes all entries of the new memory."""
        return Checkpoint(self.put, self.drop, everything)


@dataclass(frozen=True, slots=True)
class Batch:
    """One sample of a collector, applied whole or not at all."""

    gauges: Mapping[str, Sequence[Sample]] = field(default_factory=dict)
    """Sets of gauges and mirrored counters by name; each set replaces its predecessor."""
    increments: Sequence[Sample] = ()
    """What counters grow by, and what histograms observe."""
    announced: Collection[tuple[Family, Labels]] = ()
    """Children of counters and histograms to publish at 0 before anything is counted."""
    checkpoint: Checkpoint | None = None
    """None when the collector's memory stays as it is, or it keeps none."""
    trouble: str | None = None
    """What kept this sample from being whole: it is applied, and the collector is down."""
    known_dags: frozenset[str] | None = None
    """Every DAG that exists; None when this sample did not look."""
