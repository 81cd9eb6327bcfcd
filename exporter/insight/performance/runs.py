"""The shape of one DAG run: its critical path, its parallelism, and what it serialized."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final, NamedTuple

Upstreams = Mapping[str, Collection[str]]
"""The direct upstreams of every task of a DAG."""

LARGEST: Final = 2_000
"""Tasks above which a DAG's independent pairs are not looked for."""


class Span(NamedTuple):
    """When a task of the run began and ended (mapped ones: the first and the last of them)."""

    start: float
    end: float


@dataclass(frozen=True, slots=True)
class Shape:
    """What a run was like; times in seconds."""

    wall: float = 0.0
    """From the first start to the last end."""
    busy: float = 0.0
    """While at least one task ran."""
    work: float = 0.0
    """All tasks one after another."""
    peak: int = 0
    """Most tasks that ran in parallel."""
    critical: tuple[str, ...] = ()
    """The chain of tasks that no parallelism shortens; empty where the DAG is not known."""
    critical_seconds: float = 0.0
    serialized: Mapping[str, float] = field(default_factory=dict)
    """By task, for how long it ran alone and could have run in parallel: beside independent tasks
    that ran alone at other times, and at most as long as those did."""

    @property
    def parallelism(self) -> float:
        """How many tasks ran in parallel, while any ran."""
        return self.work / self.busy if self.busy else 0.0

    @property
    def potential_saving(self) -> float:
        """What enough slots and a scheduler without delay would have saved at most."""
        return max(0.0, self.wall - self.critical_seconds) if self.critical else 0.0


def shape(spans: Mapping[str, Span], upstreams: Upstreams | None) -> Shape:
    """Look at one run; without the DAG's edges only at what ran at a time."""
    if not spans:
        return Shape()
    begin, end = (
        min(each.start for each in spans.values()),
        max(each.end for each in spans.values()),
    )
    busy, peak, alone = _at_a_time(spans)
    work = sum(each.end - each.start for each in spans.values())
    if upstreams is None:
        return Shape(end - begin, busy, work, peak)
    order = ordered({**dict.fromkeys(spans, ()), **upstreams})
    critical, seconds = critical_path(spans, upstreams, order)
    beside = _beside(alone, upstreams, order)
    return Shape(end - begin, busy, work, peak, critical, seconds, beside)


def ordered(upstreams: Upstreams) -> list[str]:
    """Return the tasks, each after its upstreams; what is on a cycle is left out (Kahn 1962)."""
    waiting = {task: len({*above} & upstreams.keys()) for task, above in upstreams.items()}
    downstreams: dict[str, list[str]] = defaultdict(list)
    for task, above in upstreams.items():
        for each in {*above} & upstreams.keys():
            downstreams[each].append(task)
    order = sorted(task for task, count in waiting.items() if count == 0)
    for task in order:
        for each in downstreams[task]:
            waiting[each] -= 1
            if waiting[each] == 0:
                order.append(each)
    return order


def critical_path(
    spans: Mapping[str, Span], upstreams: Upstreams, order: Collection[str]
) -> tuple[tuple[str, ...], float]:
    """Return the longest chain by the time its tasks took, without those that took none."""
    longest: dict[str, float] = {}
    before: dict[str, str | None] = {}
    for task in order:
        above = [each for each in upstreams.get(task, ()) if each in longest]
        previous = max(above, key=lambda each: (longest[each], each), default=None)
        span = spans.get(task)
        took = span.end - span.start if span else 0.0
        longest[task] = took + (longest[previous] if previous is not None else 0.0)
        before[task] = previous
    last = max(longest, key=lambda each: (longest[each], each), default=None)
    seconds = longest[last] if last is not None else 0.0
    chain = []
    while last is not None:
        if last in spans:
            chain.append(last)
        last = before[last]
    return tuple(reversed(chain)), seconds


def _at_a_time(spans: Mapping[str, Span]) -> tuple[float, int, dict[str, float]]:
    """Return for how long any ran, most at a time, and for how long each ran alone."""
    alone: dict[str, float] = defaultdict(float)
    running: set[str] = set()
    busy, peak, since = 0.0, 0, 0.0
    for moment, begins, task in sorted(_events(spans)):
        if running:
            busy += moment - since
        if len(running) == 1:
            alone[next(iter(running))] += moment - since
        since = moment
        if begins:
            running.add(task)
            peak = max(peak, len(running))
        else:
            running.discard(task)
    return busy, peak, {task: seconds for task, seconds in alone.items() if seconds > 0}


def _events(spans: Mapping[str, Span]) -> Iterator[tuple[float, bool, str]]:
    for task, span in spans.items():
        if span.end > span.start:
            yield span.start, True, task
            yield span.end, False, task


def _beside(
    alone: Mapping[str, float], upstreams: Upstreams, order: Collection[str]
) -> dict[str, float]:
    """Return of what ran alone how much could have run beside independent tasks that did so."""
    if len(order) > LARGEST or len(alone) <= 1:
        return {}
    bits = {task: 1 << place for place, task in enumerate(order)}
    above: dict[str, int] = {}
    for task in order:
        # All that is upstream, as bits of one number.
        above[task] = 0
        for each in upstreams.get(task, ()):
            above[task] |= bits.get(each, 0) | above.get(each, 0)
    found = {}
    for task, seconds in alone.items():
        others = sum(
            other_seconds
            for other, other_seconds in alone.items()
            if other != task
            and not above.get(task, 0) & bits.get(other, 0)
            and not above.get(other, 0) & bits.get(task, 0)
        )
        if task in bits and others > 0:
            found[task] = min(seconds, others)
    return found
