"""The kernel's files about processes: what cannot be read is None, whatever the reason.

Processes end at any moment, and most of these files are for their owner's eyes only.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from exporter.errors import SourceUnavailableError
from exporter.kernel.kept import Descriptors, KeptFile, whole

MAX_LINKS = 256
"""Open files of one process that are looked at."""
_MAX_LISTED = 4096
"""Open files of one process that are listed: the lowest, and a log is opened early."""
_MAX_STAT_BYTES = 1024
_MAX_STATUS_BYTES = 4096
_OWN_NUMBERS = re.compile(rb"\nNSpid:([0-9\t ]+)\n")
"""A process's number in the namespace of the mount, and in each one below down to its own."""

_USER = re.compile(rb"\nUid:\t([0-9]{1,10})\t")
"""The real user id comes first: a program that changes its effective one was started by it."""


class Procfs:
    """A mounted proc file system."""

    def __init__(self, root: Path, descriptors: Descriptors) -> None:
        """Take where it is mounted, and what descriptors are kept within."""
        self._root = str(root)
        self._descriptors = descriptors
        self._loadavg = KeptFile(f"{root}/loadavg", descriptors, _MAX_STAT_BYTES)

    def pids(self) -> set[int]:
        """List the processes; raise SourceUnavailableError where there is no such file system."""
        try:
            names = os.listdir(self._root)  # noqa: PTH208 - of a thousand paths none is wanted
        except OSError as error:
            message = f"{self._root} cannot be listed: {error.strerror}"
            raise SourceUnavailableError(message) from None
        if pids := {int(name) for name in names if name.isdecimal()}:
            return pids
        message = f"{self._root} holds no process: it is not where /proc is mounted"
        raise SourceUnavailableError(message)

    def last_pid(self) -> int | None:
        """Return the number that was given to the last new process or thread."""
        field = (self._loadavg.read() or b"").rpartition(b" ")[2].strip()
        return int(field) if field.isdigit() else None

    def boot_id(self) -> str:
        """Return what tells this run of the machine from others; empty where it is not told."""
        found = whole(f"{self._root}/sys/kernel/random/boot_id", _MAX_STAT_BYTES)
        return (found or b"").decode(errors="replace").strip()

    def numbers_are_ours(self) -> bool:
        """Tell whether it names processes as we would: not if it is of another PID namespace."""
        found = _OWN_NUMBERS.search(whole(f"{self._root}/self/status", _MAX_STATUS_BYTES) or b"")
        return found is not None and found[1].split() == [b"%d" % os.getpid()]

    def stat(self, pid: int) -> bytes | None:
        """Read /proc/PID/stat."""
        return self._read(pid, "stat", _MAX_STAT_BYTES)

    def kept_stat(self, pid: int) -> KeptFile:
        """Open /proc/PID/stat for good: it stays this process's, also as a zombie."""
        return self._kept(pid, "stat", _MAX_STAT_BYTES)

    def kept_storage(self, pid: int) -> KeptFile:
        """Open /proc/PID/io for good."""
        return self._kept(pid, "io", _MAX_STAT_BYTES)

    def kept_status(self, pid: int) -> KeptFile:
        """Open /proc/PID/status for good."""
        return self._kept(pid, "status", _MAX_STATUS_BYTES)

    def smaps_rollup(self, pid: int) -> bytes | None:
        """Read /proc/PID/smaps_rollup; costs some milliseconds for each GiB that is resident."""
        return self._read(pid, "smaps_rollup", _MAX_STATUS_BYTES)

    def cmdline(self, pid: int, limit: int) -> bytes | None:
        """Read the beginning of /proc/PID/cmdline."""
        return self._read(pid, "cmdline", limit)

    def user(self, pid: int) -> int | None:
        """Return the id of the user who started a process; None when it is gone."""
        found = _USER.search(whole(f"{self._root}/{pid}/status", _MAX_STATUS_BYTES) or b"")
        return int(found[1]) if found else None

    def environ(self, pid: int, limit: int) -> bytes | None:
        """Read the beginning of /proc/PID/environ; it may hold secrets."""
        return self._read(pid, "environ", limit)

    def open_files(self, pid: int) -> Iterator[bytes]:
        """Yield what the descriptors of a process point to, the highest first."""
        folder = os.fsencode(f"{self._root}/{pid}/fd")
        try:
            with os.scandir(folder) as entries:
                names = [each.name for each in islice(entries, _MAX_LISTED)]
            numbers = sorted(map(int, names), reverse=True)
        except (OSError, ValueError):
            return
        for number in numbers[:MAX_LINKS]:
            if (target := _target(b"%s/%d" % (folder, number))) is not None:
                yield target

    def _read(self, pid: int, name: str, limit: int) -> bytes | None:
        return whole(f"{self._root}/{pid}/{name}", limit)

    def _kept(self, pid: int, name: str, limit: int) -> KeptFile:
        return KeptFile(f"{self._root}/{pid}/{name}", self._descriptors, limit)


def _target(link: bytes) -> bytes | None:
    try:
        return os.readlink(link)  # noqa: PTH115 - names of files are bytes, in any encoding
    except OSError:
        return None
