"""Throughput over the last minutes: what successful tries wrote, and the seconds it took them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping
from typing import NamedTuple, TypeVar

from exporter import catalogue
from exporter.rows.claim import Claim
from exporter.rows.stages import Place
from exporter.samples import Sample

WINDOW_MINUTES = 15
MAX_SLOTS = 10_000
"""Pipelines and stages by minute; what would be more is left out."""
_MEGABYTE = 1e6

G = TypeVar("G", bound=Hashable)


class Slot(NamedTuple):
    """One minute of one pipeline and stage."""

    minute: int
    pipeline: str
    stage: str


class Written(NamedTuple):
    """What was written in it, and the seconds of the tries that told rows, or bytes."""

    rows: int = 0
    rows_seconds: float = 0.0
    bytes: int = 0
    bytes_seconds: float = 0.0

    def plus(self, claim: Claim) -> Written:
        """Add what a claim says, as far as amount and seconds are known."""
        if claim.seconds is None:
            return self
        return Written(
            self.rows + (claim.rows or 0),
            self.rows_seconds + (claim.seconds if claim.rows is not None else 0.0),
            self.bytes + (claim.bytes or 0),
            self.bytes_seconds + (claim.seconds if claim.bytes is not None else 0.0),
        )

    @property
    def rate_mbps(self) -> float | None:
        """Megabytes a second; None when nobody told bytes."""
        return self.bytes / _MEGABYTE / self.bytes_seconds if self.bytes_seconds > 0 else None

    @property
    def rows_per_second(self) -> float | None:
        """Rows a second; None when nobody told rows."""
        return self.rows / self.rows_seconds if self.rows_seconds > 0 else None


Window = Mapping[Slot, Written]


def moved(window: Window, now: float, written: Iterable[tuple[Place, Claim]]) -> Window:
    """Return the window at `now` (Unix seconds) with what was written in this minute."""
    minute = int(now // 60)
    kept = {slot: each for slot, each in window.items() if _is_inside(slot, minute)}
    added = False
    for place, claim in written:
        slot = Slot(minute, place.pipeline, place.stage)
        if slot in kept or len(kept) < MAX_SLOTS:
            kept[slot] = kept.get(slot, Written()).plus(claim)
            added = True
    return kept if added or len(kept) < len(window) else window


def rates(window: Window, now: float) -> Iterator[Sample]:
    """Make the gauges of what the window holds at `now`."""
    for labels, each in _summed(window, now, lambda slot: (slot.pipeline, slot.stage)).items():
        if each.rate_mbps is not None:
            yield Sample(catalogue.PROCESSING_RATE_MBPS, labels, each.rate_mbps)
        if each.rows_per_second is not None:
            yield Sample(catalogue.PROCESSING_ROWS_PER_SECOND, labels, each.rows_per_second)


def by_stage(window: Window, now: float) -> dict[str, Written]:
    """Return what was written up to `now` for each stage, in all of its pipelines."""
    return _summed(window, now, lambda slot: slot.stage)


def _summed(window: Window, now: float, group: Callable[[Slot], G]) -> dict[G, Written]:
    minute = int(now // 60)
    sums: dict[G, Written] = defaultdict(Written)
    for slot, each in window.items():
        if _is_inside(slot, minute):
            pairs = zip(sums[group(slot)], each, strict=True)
            sums[group(slot)] = Written._make(one + other for one, other in pairs)
    return sums


def _is_inside(slot: Slot, minute: int) -> bool:
    # A minute in the future was written before the clock was set back.
    return minute - WINDOW_MINUTES < slot.minute <= minute
