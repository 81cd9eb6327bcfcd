"""The memory of the container that serves one try: the kernel's own count of it."""

from __future__ import annotations

from collections.abc import Callable

from exporter.kernel.cgroup import Cgroup
from exporter.kernel.hierarchies import hierarchies_seen_by
from exporter.kernel.kept import Descriptors

WorkingSet = Callable[[], "int | None"]
"""Reads memory in use without the inactive file cache, in bytes; None when it cannot."""


def working_set(procfs: str, pid: int, descriptors: Descriptors) -> WorkingSet | None:
    """Return the reader of a process's own cgroup; None where it is not to be seen."""
    seen = hierarchies_seen_by(procfs, pid)
    if seen is None:
        return None
    # After the process's end nothing leads there any more: what is open stays open.
    cgroup = Cgroup(seen.at("/"), descriptors, keep_all=True)

    def read() -> int | None:
        reading = cgroup.slow()
        return None if reading is None else reading.memory_working_set_bytes

    return read
