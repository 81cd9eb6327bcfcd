"""The baselines as series: targets, tolerances, and the actuals that the exporter knows."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from exporter import catalogue
from exporter.insight.baselines.baseline import Baseline, Key
from exporter.samples import Sample


def gauges(baselines: Iterable[Baseline], known: Mapping[Key, float]) -> Iterator[Sample]:
    """Yield the series of every baseline; `known` are the actuals over the exporter's window."""
    for each in baselines:
        labels = (each.key.scope.value, each.key.name, each.key.metric, each.direction.value)
        yield Sample(catalogue.BASELINE_TARGET, labels, each.target)
        yield Sample(catalogue.BASELINE_TOLERANCE, labels, each.tolerance_ratio)
        if each.is_own and each.key in known:
            yield Sample(catalogue.BASELINE_ACTUAL, labels, known[each.key])
