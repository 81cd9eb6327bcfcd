"""The last hour of a few totals, in rings of a fixed size: for who has no Grafana."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterable, Mapping
from math import nan
from threading import Lock
from typing import Final

from exporter import catalogue
from exporter.catalogue import Family
from exporter.clock import Clock
from exporter.running.tries import RunningTries
from exporter.samples import Labels
from exporter.telemetry.store import Store

POINTS: Final = 180
EVERY_SECONDS: Final = 20.0
QUEUED, RUNNING, TRIES, CPU, MEMORY, ROWS = (
    "queued", "running", "tries", "cpu", "memory", "rows",
)  # fmt: skip
CURVES: Final = (QUEUED, RUNNING, TRIES, CPU, MEMORY, ROWS)
_MINUTE: Final = 60.0


class Ring:
    """The last POINTS values of one curve; nan where there was none."""

    __slots__ = ("_next", "_values")

    def __init__(self) -> None:
        """Start without values, at the size that it keeps."""
        self._values = array("d", [nan]) * POINTS
        self._next = 0

    def add(self, value: float) -> None:
        """Put a value in the place of the oldest."""
        self._values[self._next] = value
        self._next = (self._next + 1) % POINTS

    def values(self) -> array[float]:
        """Return a copy, the oldest first."""
        return self._values[self._next :] + self._values[: self._next]


class Recent:
    """Adds a point to every curve now and then, from what is exposed and what runs here.

    Written by one thread, read by another.
    """

    def __init__(
        self, store: Store, running: Callable[[], RunningTries | None], clock: Clock
    ) -> None:
        """Start with empty curves; the first point is due at once."""
        self._store = store
        self._running = running
        self._clock = clock
        self._rings = {name: Ring() for name in CURVES}
        self._lock = Lock()
        self._due = clock.monotonic()
        self._before: dict[Family, float] = {}
        """Totals of counters at the last point."""
        self._rates: Mapping[Labels, float] = {}
        """Rows a second by DAG and task."""

    def observe(self) -> None:
        """Add a point to every curve when it is time."""
        now = self._clock.monotonic()
        if now < self._due:
            return
        minutes = (now - self._due + EVERY_SECONDS) / _MINUTE
        self._due = now + EVERY_SECONDS
        point = self._point(minutes)
        rates = self._rows_per_second()
        with self._lock:
            self._rates = rates
            for name, value in point.items():
                self._rings[name].add(nan if value is None else value)

    def curves(self) -> dict[str, array[float]]:
        """Return every curve, the oldest point first."""
        with self._lock:
            return {name: ring.values() for name, ring in self._rings.items()}

    def rows_per_second(self, dag_id: str, task_id: str) -> float | None:
        """Return how fast the stage that a task writes to took rows lately."""
        return self._rates.get((dag_id, task_id))

    def _point(self, minutes: float) -> Mapping[str, float | None]:
        total, here = self._store.total, self._running()
        tries = [] if here is None else here.tries
        running = total(catalogue.TASK_INSTANCE_STATE, "running")
        return {
            QUEUED: total(catalogue.TASK_QUEUE_SIZE),
            # Of the whole platform where its database is sampled, else of this host.
            RUNNING: running if running is not None or here is None else float(here.total),
            TRIES: self._growth(catalogue.TASK_FINISHED, minutes),
            CPU: None if here is None else sum(each.cpu_percent for each in tries) / 100,
            MEMORY: None if here is None else float(sum(each.memory_bytes for each in tries)),
            ROWS: self._growth(catalogue.ROWS_PROCESSED, minutes),
        }

    def _growth(self, family: Family, minutes: float) -> float | None:
        """Return by how much a counter grew a minute; None where that is not known."""
        total = self._store.total(family)
        before = self._before.get(family)
        if total is None:
            return None
        self._before[family] = total
        # Children that expire take their totals with them.
        return None if before is None else max(0.0, total - before) / minutes

    def _rows_per_second(self) -> Mapping[Labels, float]:
        """Return for each running task the rate of its stage, the fastest where it has several."""
        found = self._running()
        if found is None or not found.tries:
            return {}
        wanted = {(each.dag_id, each.task_id) for each in found.tries}
        rates = self._store.children(catalogue.PROCESSING_ROWS_PER_SECOND)
        return _fastest(
            (labels[:2], rates[labels[2:]][0])
            for labels in self._store.children(catalogue.TASK_INFO)
            if labels[:2] in wanted and labels[2:] in rates
        )


def _fastest(rates: Iterable[tuple[Labels, float]]) -> Mapping[Labels, float]:
    found: dict[Labels, float] = {}
    for name, rate in rates:
        found[name] = max(rate, found.get(name, 0.0))
    return found
