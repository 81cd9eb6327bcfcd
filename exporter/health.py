"""The health of collectors and of the store, as it is exposed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from exporter import catalogue
from exporter.samples import Sample
from exporter.telemetry.store import Store

REASONS = ("unavailable", "timeout", "rejected", "bug")
"""Every value of `reason` in `airflow_perf_exporter_collector_errors_total`."""


@dataclass(frozen=True, slots=True)
class Health:
    """What is known of a collector at a moment; times are Unix seconds, 0 before the first."""

    name: str
    success: bool = False
    finished_once: bool = False
    duration_seconds: float = 0.0
    last_success_wall: float = 0.0
    last_reason: str | None = None
    errors: dict[str, int] = field(default_factory=dict)


def health_samples(health: Sequence[Health]) -> list[Sample]:
    """Make the health series of every collector; they are always there, down or not."""
    samples: list[Sample] = []
    for each in health:
        labels = (each.name,)
        samples += [
            Sample(catalogue.COLLECTOR_SUCCESS, labels, float(each.success)),
            Sample(catalogue.COLLECTOR_DURATION, labels, each.duration_seconds),
            Sample(catalogue.COLLECTOR_LAST_SUCCESS, labels, each.last_success_wall),
        ]
        samples += [
            Sample(catalogue.COLLECTOR_ERRORS, (each.name, reason), float(count))
            for reason, count in each.errors.items()
        ]
    return samples


def store_samples(store: Store) -> list[Sample]:
    """Make the series about the store: what it holds, what it dropped, whether it is kept."""
    samples = [Sample(catalogue.STATE_PERSISTENT, (), float(store.persistent))]
    for name, (children, dropped) in store.sizes().items():
        if not name.startswith("airflow_perf_exporter_"):
            samples.append(Sample(catalogue.SERIES, (name,), float(children)))
            samples.append(Sample(catalogue.SERIES_DROPPED, (name,), float(dropped)))
    return samples
