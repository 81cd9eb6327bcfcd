"""The cgroup file systems that are mounted, from /proc/self/mountinfo."""

from __future__ import annotations

import os
import re
from typing import NamedTuple

from exporter.kernel.kept import whole

_SIZE_LIMIT = 4 * 1024 * 1024
_VERSIONS = {b"cgroup": 1, b"cgroup2": 2}
_ESCAPE = re.compile(rb"\\([0-7]{3})")
_ROOT, _POINT, _FIELDS = 3, 4, 6


class Mount(NamedTuple):
    """One mounted cgroup hierarchy, or a part of one."""

    point: str
    """The directory where it is mounted."""
    root: str
    """The cgroup that is seen there: `/` unless a part was bound, `/..` from inside a namespace."""
    version: int
    """1 or 2."""
    options: frozenset[str]
    """Super block options; with version 1 the controllers are among them."""


def mounts(data: bytes) -> list[Mount]:
    """Return the cgroup mounts in order; malformed and cut lines are left out.

    Format: proc(5), `36 35 98:0 ROOT POINT rw,noatime [optional...] - TYPE SOURCE OPTIONS`.
    """
    found = []
    for line in data.split(b"\n")[:-1]:
        left, _, right = line.partition(b" - ")
        fields = left.split(b" ")
        kind, _, rest = right.partition(b" ")
        version = _VERSIONS.get(kind)
        if version is None or len(fields) < _FIELDS:
            continue
        root, point = _unescaped(fields[_ROOT]), _unescaped(fields[_POINT])
        if not (root.startswith("/") and point.startswith("/")) or "\0" in root + point:
            continue
        options = os.fsdecode(rest.rpartition(b" ")[2]).split(",")
        found.append(Mount(point, root, version, frozenset(options)))
    return found


def mounted(procfs: str) -> list[Mount]:
    """Return the cgroup mounts that this process sees; none when the kernel does not tell."""
    return mounts(whole(f"{procfs}/self/mountinfo", _SIZE_LIMIT) or b"")


def _unescaped(name: bytes) -> str:
    # Space, tab, line end and backslash are written in octal.
    return os.fsdecode(_ESCAPE.sub(lambda match: bytes([int(match[1], 8) & 0xFF]), name))
