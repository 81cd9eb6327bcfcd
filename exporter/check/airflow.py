"""What `check` finds of the metadata database."""

from __future__ import annotations

from collections.abc import Iterator

from exporter import catalogue
from exporter.check.finding import Finding
from exporter.clock import Clock
from exporter.config import Settings
from exporter.dsn_source import DsnSource
from exporter.errors import SourceUnavailableError
from exporter.parts import rows
from exporter.parts.airflow import airflow_collector, airflow_options, scaling_policy
from exporter.rows.book import ClaimBook
from exporter.samples import Batch
from exporter.telemetry.store import Store

_SKEW_SECONDS = 30.0


def airflow_findings(
    settings: Settings, source: DsnSource, store: Store, clock: Clock
) -> Iterator[Finding]:
    """Sample the database once and tell what it gave."""
    options = airflow_options(settings, rows.rules(settings))
    policy = scaling_policy(settings)
    collector = airflow_collector(options, source, store, clock, ClaimBook(), policy=policy)
    started = clock.monotonic()
    try:
        batch = collector.sample()
    except SourceUnavailableError as error:
        yield Finding(
            "database", is_bad=True, text=str(error),
            fix="see docs/airflow.md for the address and the grants that are needed",
        )  # fmt: skip
        return
    finally:
        collector.close()
    took = clock.monotonic() - started
    yield Finding("database", is_bad=False, text=f"sampled in {took * 1000:.0f} ms")
    yield from _features(batch)
    yield from _clocks(batch)


def _features(batch: Batch) -> Iterator[Finding]:
    for sample in batch.gauges.get("features", ()):
        feature = str(sample.labels[1])
        if sample.value:
            yield Finding(f"feature {feature}", is_bad=False, text="available")
        else:
            # Not every Airflow version has all of them, so a missing one is no failure.
            yield Finding(
                f"feature {feature}", is_bad=False, text="not in this schema, or not granted",
                fix="see docs/airflow.md for what it reads",
            )  # fmt: skip
    for sample in batch.gauges.get("facts", ()):
        if sample.family is catalogue.METADATA_INFO:
            backend, version, revision = sample.labels
            text = f"{backend}, Airflow {version or 'of an unknown version'}, revision {revision}"
            yield Finding("schema", is_bad=False, text=text)


def _clocks(batch: Batch) -> Iterator[Finding]:
    for sample in batch.gauges.get("facts", ()):
        if sample.family is catalogue.METADATA_CLOCK_SKEW and sample.value > _SKEW_SECONDS:
            yield Finding(
                "clock", is_bad=True,
                text=f"the {sample.labels[0]} is {sample.value:.0f} s ahead of the database",
                fix="synchronise the clocks, or raise --airflow.overlap",
            )  # fmt: skip
