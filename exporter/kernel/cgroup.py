"""One cgroup, read until it is gone."""

from __future__ import annotations

from collections.abc import Mapping
from threading import Lock
from typing import NamedTuple

from exporter.kernel.cgroup_files import CgroupFiles
from exporter.kernel.hierarchies import Home
from exporter.kernel.kept import Descriptors
from exporter.kernel.membership import UNIFIED
from exporter.kernel.processes import process_ids
from exporter.kernel.slow import Slow, slow

# Processes are in every hierarchy; the memory controller is the one that runtimes never omit.
_PROCESSES = ("memory", "cpuacct", "cpu", "pids", UNIFIED)


class Fast(NamedTuple):
    """What each tick reads; a tuple, for a frozen dataclass costs as much as a `pread`."""

    cpu_seconds: float | None
    memory_usage_bytes: int | None
    memory_peak_bytes: int | None
    """The highest usage so far; version 2 tells it since kernel 5.19."""
    oom_kills: int | None


class Cgroup:
    """Read one cgroup; any thread may call, one is served at a time."""

    def __init__(
        self, homes: Mapping[str, Home], descriptors: Descriptors, *, keep_all: bool = False
    ) -> None:
        """Take the directories by controller, from `Hierarchies.at` or `of`; open nothing yet.

        Up to six descriptors stay open. With `keep_all` it is every file's: for what lies
        behind /proc/PID/root, which cannot be opened any more once that process has ended.
        """
        self._files = CgroupFiles(homes, descriptors, keep_all=keep_all)
        self._lock = Lock()
        self._closed = False
        self._cpu = self._files.figure("cpu")
        self._usage = self._files.figure("usage")
        self._peak = self._files.figure("peak")
        self._oom_kills = self._files.figure("oom_kills")

    def fast(self) -> Fast | None:
        """Read CPU, memory and kills, one `pread` each; None when the cgroup is gone.

        While a cgroup of version 1 is being removed some figures are None before the others.
        """
        with self._lock:
            cpu = self._cpu.value()
            usage = self._usage.value()
            peak = self._peak.value()
            oom_kills = self._oom_kills.value()
        if cpu is None:
            if usage is None and peak is None and oom_kills is None:
                return None
            return Fast(None, usage, peak, oom_kills)
        return Fast(cpu / self._cpu.per_unit, usage, peak, oom_kills)

    def slow(self) -> Slow | None:
        """Read the rest; None when the cgroup is gone."""
        with self._lock:
            if self._closed:
                return None
            processes = self.pids()
            return slow(self._files.look(), None if processes is None else len(processes))

    def pids(self) -> list[int] | None:
        """Return the processes in it and below, bounded; None when the cgroup is gone."""
        for controller in _PROCESSES:
            if (home := self._files.homes.get(controller)) is not None:
                return process_ids(home.directory)
        return None

    def close(self) -> None:
        """Release what is kept open; everything is gone from then on."""
        with self._lock:
            self._closed = True
            self._files.close()
