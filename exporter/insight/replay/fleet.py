"""A fleet of workers that takes past tries again, as one way to scale would have let it.

What is taken as given: when tries were queued, and how long they ran. In truth a try that starts
sooner lets those after it come sooner.
"""

from __future__ import annotations

import heapq
import math
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from exporter.insight.experience import DURATION_WEIGHT, smoothed

PATIENCE_SECONDS = 86_400.0
"""How long after the end what still waits may start."""


class Arrival(NamedTuple):
    """A try that was queued at a moment (Unix seconds), and ran for so long."""

    at: float
    seconds: float


class State(NamedTuple):
    """What a policy may see when it is asked."""

    now: float
    running: int
    queued: int
    duration_seconds: float


Policy = Callable[[State], int]
"""How many workers are wanted."""


@dataclass(frozen=True, slots=True)
class Terms:
    """What every policy has to live with; the last two are those of an HPA and of KEDA's."""

    concurrency: int = 16
    boot_seconds: float = 90.0
    duration_seconds: float = 300.0
    """How long tries last as far as was known when the replay begins."""
    every_seconds: float = 15.0
    """How often it is asked."""
    hold_seconds: float = 300.0
    """How long the most that was wanted is kept."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What it came to."""

    worker_seconds: float
    waits: Sequence[float] = field(repr=False)
    """Of all tries, ascending, in seconds."""
    workers: Sequence[int] = field(repr=False)
    """Each time that the policy was asked."""


def replayed(
    arrivals: Sequence[Arrival], begin: float, end: float, policy: Policy, terms: Terms
) -> Outcome:
    """Replay ascending arrivals; what waits at the end is waited for, but costs nothing more."""
    fleet = _Fleet(arrivals, terms)
    worker_seconds = 0.0
    counts = []
    now = begin
    while now < end or (fleet.is_waiting and now < end + PATIENCE_SECONDS):
        fleet.advance(now)
        fleet.scale(now, policy(fleet.state(now)))
        if now < end:
            counts.append(fleet.workers)
            worker_seconds += fleet.workers * min(terms.every_seconds, end - now)
        now += terms.every_seconds
    return Outcome(worker_seconds, sorted(fleet.waited(now)), counts)


class _Fleet:
    """Workers that boot, work and go; a try takes one of the slots of one of them."""

    def __init__(self, arrivals: Sequence[Arrival], terms: Terms) -> None:
        self._arrivals = arrivals
        self._terms = terms
        self._next = 0
        self._queue: deque[Arrival] = deque()
        self._running: list[tuple[float, float]] = []
        self._ready = 0
        self._booting: deque[float] = deque()
        self._wanted: deque[tuple[float, int]] = deque()
        self._duration = terms.duration_seconds
        self._waits: list[float] = []

    @property
    def workers(self) -> int:
        """Those that are paid for: also while they boot."""
        return self._ready + len(self._booting)

    @property
    def is_waiting(self) -> bool:
        return bool(self._queue) or self._next < len(self._arrivals)

    def state(self, now: float) -> State:
        return State(now, len(self._running), len(self._queue), self._duration)

    def waited(self, now: float) -> list[float]:
        """Return all waits; of what never started, so far."""
        left = [*self._queue, *self._arrivals[self._next :]]
        return [*self._waits, *(max(0.0, now - each.at) for each in left)]

    def advance(self, until: float) -> None:
        """Let happen what happens up to a moment, in its order."""
        while (moment := self._soonest()) <= until:
            while self._booting and self._booting[0] <= moment:
                self._booting.popleft()
                self._ready += 1
            while self._running and self._running[0][0] <= moment:
                _, seconds = heapq.heappop(self._running)
                self._duration = smoothed(self._duration, seconds, DURATION_WEIGHT)
            while self._next < len(self._arrivals) and self._arrivals[self._next].at <= moment:
                self._queue.append(self._arrivals[self._next])
                self._next += 1
            self._start(moment)

    def scale(self, now: float, wanted: int) -> None:
        """Ask for workers at once, and let them go when the most of a while is less."""
        self._wanted.append((now, wanted))
        while self._wanted[0][0] <= now - self._terms.hold_seconds:
            self._wanted.popleft()
        target = max(count for _, count in self._wanted)
        while self.workers < target:
            self._booting.append(now + self._terms.boot_seconds)
        while self.workers > target and self._booting:
            self._booting.pop()
        # A worker that is busy goes when it is not.
        busy = math.ceil(len(self._running) / self._terms.concurrency)
        self._ready = min(self._ready, max(target - len(self._booting), busy))

    def _soonest(self) -> float:
        return min(
            self._booting[0] if self._booting else math.inf,
            self._running[0][0] if self._running else math.inf,
            self._arrivals[self._next].at if self._next < len(self._arrivals) else math.inf,
        )

    def _start(self, now: float) -> None:
        slots = self._ready * self._terms.concurrency
        while self._queue and len(self._running) < slots:
            each = self._queue.popleft()
            self._waits.append(now - each.at)
            heapq.heappush(self._running, (now + each.seconds, each.seconds))
