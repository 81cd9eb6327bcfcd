"""The store as a collector of prometheus_client: any of its registries can embed us."""

from __future__ import annotations

import math
from collections.abc import Iterator

from prometheus_client.core import Metric
from prometheus_client.registry import Collector

from exporter.catalogue import Family, Kind
from exporter.samples import Labels
from exporter.telemetry.store import Store


class StoreCollector(Collector):
    """Yields what the store holds at the moment; `registry.register(StoreCollector(store))`.

    For a process that serves metrics of its own through prometheus_client. It renders everything
    at each scrape, with none of the forms that our own front door has ready.
    """

    def __init__(self, store: Store) -> None:
        """Read this store."""
        self._store = store

    def describe(self) -> Iterator[Metric]:
        """Yield every family that there may be, without samples."""
        for name, family in self._store.families().items():
            yield _metric(name, family)

    def collect(self) -> Iterator[Metric]:
        """Yield the families that have children; each is of one moment."""
        for name, family in self._store.families().items():
            children = self._store.children(family)
            metric = _metric(name, family)
            for labels, (total, counts) in children.items():
                known = _known(family, labels)
                if family.kind is Kind.HISTOGRAM:
                    _add_histogram(metric, family.buckets, known, total, counts)
                else:
                    metric.add_sample(name, known, total)
            if children:
                yield metric


def _metric(name: str, family: Family) -> Metric:
    kind = family.exposed_type
    base = name.removesuffix("_total") if kind == "counter" else name
    return Metric(base, family.help, kind)


def _known(family: Family, labels: Labels) -> dict[str, str]:
    named = zip(family.labels, labels, strict=True)
    return {name: value for name, value in named if value is not None}


def _add_histogram(
    metric: Metric,
    bounds: tuple[float, ...],
    labels: dict[str, str],
    total: float,
    counts: tuple[int, ...],
) -> None:
    running = 0
    for bound, count in zip((*bounds, math.inf), counts, strict=True):
        running += count
        edge = "+Inf" if math.isinf(bound) else repr(bound)
        metric.add_sample(f"{metric.name}_bucket", {**labels, "le": edge}, running)
    metric.add_sample(f"{metric.name}_sum", labels, total)
    metric.add_sample(f"{metric.name}_count", labels, running)
