"""What is told of baselines; the recording rules add what Prometheus alone knows."""

from __future__ import annotations

from typing import Final

from exporter.catalogue.family import Family, Kind

BASELINES: Final = "baselines"
"""The collector name of these families: the exporter itself tells them."""
BASELINE: Final = ("scope", "name", "metric", "direction")


def _gauge(name: str, meaning: str) -> Family:
    return Family(f"airflow_baseline_{name}", Kind.GAUGE, meaning, BASELINE, BASELINES)


BASELINE_TARGET = _gauge("target", "What the metric should be, in the unit that its name ends in.")
BASELINE_TOLERANCE = _gauge(
    "tolerance_ratio", "How far the actual may be off the target, as a part of it."
)
BASELINE_ACTUAL = _gauge(
    "actual",
    "What the metric is, where the exporter knows: the rates of stages over the last 15 minutes. "
    "Absent without data.",
)
