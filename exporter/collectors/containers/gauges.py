"""Readings of a container's cgroup made to samples."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from exporter import catalogue
from exporter.catalogue import Family
from exporter.kernel.cgroup import Fast
from exporter.kernel.slow import Slow
from exporter.samples import Labels, Sample

_FAST = (
    catalogue.CONTAINER_CPU,
    catalogue.CONTAINER_USAGE,
    catalogue.CONTAINER_PEAK,
    catalogue.CONTAINER_OOM,
)
"""In the order of `Fast`."""
_PRESSURE = {
    "cpu": (catalogue.CONTAINER_CPU_WAITING, catalogue.CONTAINER_CPU_STALLED),
    "memory": (catalogue.CONTAINER_MEMORY_WAITING, catalogue.CONTAINER_MEMORY_STALLED),
    "io": (catalogue.CONTAINER_IO_WAITING, catalogue.CONTAINER_IO_STALLED),
}
"""By resource, what some and what all tasks waited."""


def fast_samples(labels: Labels, reading: Fast, before: Sequence[Sample] = ()) -> list[Sample]:
    """Make the samples of what is read at each tick; what is not known is left out.

    A sample of `before`, made with the same labels, is taken over when its value still holds.
    """
    known = {sample.family: sample for sample in before}
    samples = []
    for family, value in zip(_FAST, reading, strict=True):
        if value is None:
            continue
        old = known.get(family)
        if old is None or old.value != value:
            old = Sample(family, labels, float(value))
        samples.append(old)
    return samples


def slow_samples(labels: Labels, reading: Slow) -> Iterator[Sample]:
    """Make the samples of what is read less often."""
    yield from _samples(
        labels,
        (catalogue.CONTAINER_WORKING_SET, reading.memory_working_set_bytes),
        (catalogue.CONTAINER_RSS, reading.memory_rss_bytes),
        (catalogue.CONTAINER_CACHE, reading.memory_cache_bytes),
        (catalogue.CONTAINER_MEMORY_LIMIT, reading.memory_limit_bytes),
        (catalogue.CONTAINER_PROCESSES, reading.processes),
    )
    if reading.cpu_quota_us is not None:
        # Without a quota the kernel counts no periods: zeros would look like a quota kept.
        yield from _samples(
            labels,
            (catalogue.CONTAINER_CPU_QUOTA, reading.cpu_quota_us),
            (catalogue.CONTAINER_CPU_PERIOD, reading.cpu_period_us),
            (catalogue.CONTAINER_CFS_PERIODS, reading.cfs_periods),
            (catalogue.CONTAINER_CFS_THROTTLED_PERIODS, reading.cfs_throttled_periods),
            (catalogue.CONTAINER_CFS_THROTTLED, reading.cfs_throttled_seconds),
        )
    for resource, pressure in (reading.pressure or {}).items():
        waiting, stalled = _PRESSURE[resource]
        yield from _samples(
            labels, (waiting, pressure.waiting_seconds), (stalled, pressure.stalled_seconds)
        )


def _samples(labels: Labels, *figures: tuple[Family, float | None]) -> Iterator[Sample]:
    for family, value in figures:
        if value is not None:
            yield Sample(family, labels, float(value))
