"""Throughput over the last minutes: what was written, and the seconds that it took."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping
from typing import NamedTuple, TypeVar

from exporter import catalogue
from exporter.rows.stages import Place
from exporter.rows.timed import Timed
from exporter.samples import Sample

WINDOW_MINUTES = 15
MAX_SLOTS = 10_000
"""Pipelines and stages by minute; what would be more is left out."""

G = TypeVar("G", bound=Hashable)


class Slot(NamedTuple):
    """One minute of one pipeline and stage."""

    minute: int
    pipeline: str
    stage: str


Window = Mapping[Slot, Timed]


def moved(window: Window, now: float, written: Iterable[tuple[Place, Timed]]) -> Window:
    """Return the window at `now` (Unix seconds) with what was written in this minute."""
    minute = int(now // 60)
    kept = {slot: each for slot, each in window.items() if _is_inside(slot, minute)}
    added = False
    for place, timed in written:
        slot = Slot(minute, *place)
        if slot in kept or len(kept) < MAX_SLOTS:
            kept[slot] = kept.get(slot, Timed()).plus(timed)
            added = True
    return kept if added or len(kept) < len(window) else window


def joined(windows: Iterable[Window]) -> Window:
    """Return one window of what several tell: each thing that was written is in one of them."""
    sums: dict[Slot, Timed] = defaultdict(Timed)
    for window in windows:
        for slot, each in window.items():
            sums[slot] = sums[slot].plus(each)
    return sums


def rates(window: Window, now: float) -> Iterator[Sample]:
    """Make the gauges of what the window holds at `now`."""
    for labels, each in _summed(window, now, lambda slot: (slot.pipeline, slot.stage)).items():
        if each.rate_mbps is not None:
            yield Sample(catalogue.PROCESSING_RATE_MBPS, labels, each.rate_mbps)
        if each.rows_per_second is not None:
            yield Sample(catalogue.PROCESSING_ROWS_PER_SECOND, labels, each.rows_per_second)


def by_stage(window: Window, now: float) -> dict[str, Timed]:
    """Return what was written up to `now` for each stage, in all of its pipelines."""
    return _summed(window, now, lambda slot: slot.stage)


def _summed(window: Window, now: float, group: Callable[[Slot], G]) -> dict[G, Timed]:
    minute = int(now // 60)
    sums: dict[G, Timed] = defaultdict(Timed)
    for slot, each in window.items():
        if _is_inside(slot, minute):
            sums[group(slot)] = sums[group(slot)].plus(each)
    return sums


def _is_inside(slot: Slot, minute: int) -> bool:
    # A minute in the future was written before the clock was set back.
    return minute - WINDOW_MINUTES < slot.minute <= minute
