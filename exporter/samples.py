"""What a collector hands to the store: samples, and the batch that carries them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from exporter.catalogue import Family

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


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """What changed in a collector's own memory; kept in the ledger together with the totals."""

    put: Mapping[EntryKey, str]
    drop: Collection[EntryKey]
    everything: Callable[[], Mapping[EntryKey, str]]
    """Makes all entries that hold from now on, for a ledger that is written anew."""


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
