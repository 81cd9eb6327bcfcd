"""Which cgroups a process is in, from /proc/PID/cgroup."""

from __future__ import annotations

import os

from exporter.kernel.kept import whole

UNIFIED = ""
"""The key of the cgroup v2 line (`0::/path`) among the v1 controllers."""

_SIZE_LIMIT = 64 * 1024
# Written after the path of a process that has ended in a removed cgroup (cgroups(7)).
_DELETED = b" (deleted)"


def memberships(data: bytes) -> dict[str, str]:
    """Return the cgroup path for each v1 controller, and for `UNIFIED`.

    Paths are the kernel's: relative to the reader's cgroup namespace, `/../name` outside it.
    Lines are `id:controllers:path` (cgroups(7)); what is not such a line is left out.
    """
    found: dict[str, str] = {}
    # What follows the last line end was cut.
    for line in data.split(b"\n")[:-1]:
        number, _, rest = line.partition(b":")
        controllers, colon, path = rest.partition(b":")
        if not colon or not number.isdigit() or not path.startswith(b"/") or b"\0" in path:
            continue
        if (number == b"0") != (controllers == b""):
            continue
        named = os.fsdecode(path.removesuffix(_DELETED))
        for controller in os.fsdecode(controllers).split(","):
            found.setdefault(controller, named)
    return found


def membership(procfs: str, pid: int) -> dict[str, str] | None:
    """Return the `memberships` of a live process, None when it is gone or hidden."""
    data = whole(f"{procfs}/{pid}/cgroup", _SIZE_LIMIT)
    return None if data is None else memberships(data)
