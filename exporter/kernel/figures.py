"""Which file of which cgroup version tells what, and in which unit."""

from __future__ import annotations

from typing import NamedTuple

from exporter.kernel.parse import field, number


class Source(NamedTuple):
    """Where one figure stands."""

    controller: str
    file: str
    key: bytes | None = None
    """The key in a flat-keyed file; None where the file is one number."""
    per_unit: float = 1
    """Divide by this for seconds or bytes."""

    def value(self, data: bytes | None) -> int | None:
        """Return the figure in the file's unit, from the file's content."""
        if data is None:
            return None
        return number(data) if self.key is None else field(data, self.key)

    def seconds(self, data: bytes | None) -> float | None:
        """Return a figure that is a time."""
        value = self.value(data)
        return None if value is None else value / self.per_unit


class Figures(NamedTuple):
    """Where each figure of one cgroup version stands; None where the version has none.

    Definitions: kernel Documentation/admin-guide/cgroup-v1/memory.rst, cgroup-v2.rst and
    Documentation/scheduler/sched-bwc.rst; the choice of keys is cAdvisor's.
    """

    cpu: Source
    usage: Source
    peak: Source
    oom_kills: Source
    rss: Source
    cache: Source
    inactive_file: Source
    memory_limit: Source
    periods: Source
    throttled_periods: Source
    throttled: Source


def _v1_stat(key: bytes) -> Source:
    # The plain keys leave the children out.
    return Source("memory", "memory.stat", b"total_" + key)


def _v2_stat(key: bytes) -> Source:
    return Source("memory", "memory.stat", key)


V1 = Figures(
    cpu=Source("cpuacct", "cpuacct.usage", per_unit=1e9),
    usage=Source("memory", "memory.usage_in_bytes"),
    peak=Source("memory", "memory.max_usage_in_bytes"),
    oom_kills=Source("memory", "memory.oom_control", b"oom_kill"),
    rss=_v1_stat(b"rss"),
    cache=_v1_stat(b"cache"),
    inactive_file=_v1_stat(b"inactive_file"),
    memory_limit=Source("memory", "memory.limit_in_bytes"),
    periods=Source("cpu", "cpu.stat", b"nr_periods"),
    throttled_periods=Source("cpu", "cpu.stat", b"nr_throttled"),
    throttled=Source("cpu", "cpu.stat", b"throttled_time", per_unit=1e9),
)
V2 = Figures(
    cpu=Source("cpuacct", "cpu.stat", b"usage_usec", per_unit=1e6),
    usage=Source("memory", "memory.current"),
    peak=Source("memory", "memory.peak"),
    oom_kills=Source("memory", "memory.events", b"oom_kill"),
    rss=_v2_stat(b"anon"),
    cache=_v2_stat(b"file"),
    inactive_file=_v2_stat(b"inactive_file"),
    memory_limit=Source("memory", "memory.max"),
    periods=Source("cpu", "cpu.stat", b"nr_periods"),
    throttled_periods=Source("cpu", "cpu.stat", b"nr_throttled"),
    throttled=Source("cpu", "cpu.stat", b"throttled_usec", per_unit=1e6),
)
BY_VERSION = {1: V1, 2: V2}
