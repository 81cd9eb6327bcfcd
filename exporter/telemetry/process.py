"""The exporter's own process: its series, and the memory that it gives back."""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Sequence
from typing import Any

from prometheus_client import CollectorRegistry, GCCollector, PlatformCollector, ProcessCollector
from prometheus_client.metrics_core import Metric

from exporter.catalogue import Family, Kind
from exporter.clock import Clock
from exporter.telemetry.table import Table

FRESH_SECONDS = 1.0
"""How old the series may be: many scrapers at a time need not read /proc each."""
_M_ARENA_MAX = -8  # malloc.h
_KINDS = {"counter": Kind.MIRRORED, "gauge": Kind.GAUGE}


class ProcessTables:
    """Reads `process_*`, `python_info` and `python_gc_*` of the moment."""

    def __init__(self, clock: Clock) -> None:
        """Make a registry of our own: the global one may hold others' metrics."""
        self._clock = clock
        self._registry = CollectorRegistry()
        ProcessCollector(registry=self._registry)
        PlatformCollector(registry=self._registry)
        GCCollector(registry=self._registry)
        self._read: tuple[float, Sequence[Table]] = (-FRESH_SECONDS, ())

    def __call__(self) -> Sequence[Table]:
        """Return some ten tables, at most `FRESH_SECONDS` old."""
        now = self._clock.monotonic()
        read_at, tables = self._read
        if now - read_at >= FRESH_SECONDS:
            tables = [_table(metric) for metric in self._registry.collect()]
            self._read = (now, tables)
        return tables


def _table(metric: Metric) -> Table:
    """Return a metric of prometheus_client, a counter or gauge, as one of our tables."""
    samples: list[Any] = metric.samples
    labels = tuple(samples[0].labels) if samples else ()
    name = samples[0].name if samples else metric.name
    table = Table(Family(name, _KINDS[metric.type], metric.documentation, labels))
    for sample in samples:
        table.add(tuple(sample.labels[each] for each in labels)).total = float(sample.value)
    return table


def memory_trimmer() -> Callable[[], object]:
    """Return a function that gives freed memory back to the kernel, where the C library can.

    A spike of thousands of tries leaves holes all over the heap, which glibc keeps for good unless
    it is asked (malloc_trim(3)), and in each thread's own arena anew: threads that start after
    this share two (mallopt(3)). Other C libraries are left to their own ways.
    """
    library = ctypes.CDLL(None)
    trim = getattr(library, "malloc_trim", None)
    if trim is None:
        return lambda: None
    library.mallopt(_M_ARENA_MAX, 2)
    return lambda: trim(0)
