"""The processes in a cgroup and below it."""

from __future__ import annotations

from collections import deque

from exporter.kernel.directories import child_names
from exporter.kernel.kept import whole
from exporter.kernel.parse import pids

MOST_PROCESSES = 10_000
MOST_DIRECTORIES = 64
"""A container with systemd or containers of its own has children; Podman's processes sit in one."""

_SIZE_LIMIT = 8 * MOST_PROCESSES


def process_ids(directory: str) -> list[int] | None:
    """Return the process ids as our namespace sees them, bounded; None when the cgroup is gone."""
    found: list[int] = []
    waiting = deque([directory])
    readable = False
    for _ in range(MOST_DIRECTORIES):
        if not waiting or len(found) >= MOST_PROCESSES:
            break
        above = waiting.popleft()
        data = whole(f"{above}/cgroup.procs", _SIZE_LIMIT)
        readable = readable or data is not None
        found += pids(data or b"", MOST_PROCESSES - len(found))
        waiting += (f"{above}/{name}" for name in child_names(above, MOST_DIRECTORIES) or ())
    return found if readable else None
