"""The exporter's own process: its series, and the memory that it gives back."""

from __future__ import annotations

import ctypes
from collections.abc import Callable

from prometheus_client import CollectorRegistry, GCCollector, PlatformCollector, ProcessCollector
from prometheus_client.exposition import generate_latest

_M_ARENA_MAX = -8  # malloc.h


class ProcessText:
    """Renders `process_*`, `python_info` and `python_gc_*` of the moment."""

    def __init__(self) -> None:
        """Make a registry of our own: the global one may hold others' metrics."""
        self._registry = CollectorRegistry()
        ProcessCollector(registry=self._registry)
        PlatformCollector(registry=self._registry)
        GCCollector(registry=self._registry)

    def text(self) -> bytes:
        """Return some fifty lines in the text format; costs less than a millisecond."""
        return generate_latest(self._registry)


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
