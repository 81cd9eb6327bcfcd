"""The exporter's own process: prometheus_client's process, platform and garbage collectors."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, GCCollector, PlatformCollector, ProcessCollector
from prometheus_client.exposition import generate_latest


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
