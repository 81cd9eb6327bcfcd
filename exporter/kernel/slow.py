"""What is read of a cgroup less often: memory in detail, limits, throttling, pressure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

from exporter.kernel import parse
from exporter.kernel.cgroup_files import Look
from exporter.kernel.membership import UNIFIED

RESOURCES = ("cpu", "memory", "io")
"""What the kernel measures pressure of."""

# Version 1 has no word for "no limit" but the last page of a signed 64-bit number; nobody has
# four exbibytes.
_NO_LIMIT = 2**62
_MICROSECONDS = 1e6


class Pressure(NamedTuple):
    """How long tasks had to wait for a resource since the cgroup was made."""

    waiting_seconds: float | None
    """Some of them."""
    stalled_seconds: float | None
    """All of them at once."""


@dataclass(frozen=True)
class Slow:
    """One look; None is what the kernel does not tell, or a limit that is not set."""

    memory_working_set_bytes: int | None
    """Usage without the inactive file cache, at least 0."""
    memory_rss_bytes: int | None
    """Anonymous memory; in version 1 with its swap cache."""
    memory_cache_bytes: int | None
    """Page cache, with shared memory and tmpfs."""
    memory_limit_bytes: int | None
    cpu_quota_us: int | None
    """Microseconds of CPU time in each period."""
    cpu_period_us: int | None
    cfs_periods: int | None
    cfs_throttled_periods: int | None
    cfs_throttled_seconds: float | None
    pressure: Mapping[str, Pressure]
    """By resource, those that are exposed."""
    processes: int | None
    """Processes in the cgroup and below, bounded."""


def slow(look: Look, processes: int | None) -> Slow | None:
    """Return what a look finds; None when it finds nothing: the cgroup is gone."""
    quota_us, period_us = _bandwidth(look)
    found = Slow(
        memory_working_set_bytes=_working_set(look),
        memory_rss_bytes=look.value("rss"),
        memory_cache_bytes=look.value("cache"),
        memory_limit_bytes=_limit(look),
        cpu_quota_us=quota_us,
        cpu_period_us=period_us,
        cfs_periods=look.value("periods"),
        cfs_throttled_periods=look.value("throttled_periods"),
        cfs_throttled_seconds=look.seconds("throttled"),
        pressure=_pressure(look),
        processes=processes,
    )
    return found if look.found or processes is not None else None


def _working_set(look: Look) -> int | None:
    usage, inactive = look.value("usage"), look.value("inactive_file")
    # The two are read one after the other, so the difference may come out below 0.
    return None if usage is None or inactive is None else max(usage - inactive, 0)


def _limit(look: Look) -> int | None:
    limit = look.value("memory_limit")
    return limit if limit is not None and limit < _NO_LIMIT else None


def _bandwidth(look: Look) -> tuple[int | None, int | None]:
    if look.version("cpu") == 2:  # noqa: PLR2004 - cgroup v2
        return parse.quota(look.data("cpu", "cpu.max") or b"")
    quota = look.data("cpu", "cpu.cfs_quota_us") or b""
    period = look.data("cpu", "cpu.cfs_period_us") or b""
    return parse.number(quota), parse.number(period)


def _pressure(look: Look) -> dict[str, Pressure]:
    found = {}
    for resource in RESOURCES:
        data = look.data(UNIFIED, f"{resource}.pressure")
        some, full = parse.pressure(data or b"")
        if some is not None or full is not None:
            found[resource] = Pressure(_seconds(some), _seconds(full))
    return found


def _seconds(microseconds: int | None) -> float | None:
    return None if microseconds is None else microseconds / _MICROSECONDS
