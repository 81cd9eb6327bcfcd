"""One cgroup, read until it is gone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from os import pread
from threading import Lock
from typing import NamedTuple, cast

from exporter.kernel.cgroup_files import CgroupFiles
from exporter.kernel.hierarchies import Home
from exporter.kernel.kept import Descriptors
from exporter.kernel.membership import UNIFIED
from exporter.kernel.processes import process_ids
from exporter.kernel.slow import Slow, slow

# Processes are in every hierarchy; the memory controller is the one that runtimes never omit.
_PROCESSES = ("memory", "cpuacct", "cpu", "pids", UNIFIED)
# More than any file of the fast tick has, and less than what is no small object to Python.
_FAST_BYTES = 448
_FAST_FIGURES = ("cpu", "usage", "peak", "oom_kills")

Contents = Sequence[bytes | None]
"""What the files of the fast figures held, in their order; None where there is none."""
_NO_CONTENTS: Contents = [None] * len(_FAST_FIGURES)


class Fast(NamedTuple):
    """What each tick reads; a tuple, for a frozen dataclass costs as much as a `pread`."""

    cpu_seconds: float | None
    memory_usage_bytes: int | None
    memory_peak_bytes: int | None
    """The highest usage so far; version 2 tells it since kernel 5.19."""
    oom_kills: int | None


_UNKNOWN = Fast(None, None, None, None)


class Cgroup:
    """Read one cgroup; any thread may call. Files are opened and closed by one at a time."""

    def __init__(
        self, homes: Mapping[str, Home], descriptors: Descriptors, *, keep_all: bool = False
    ) -> None:
        """Take the directories by controller, from `Hierarchies.at`; open nothing yet.

        Up to six descriptors stay open. With `keep_all` it is every file's: for what lies
        behind /proc/PID/root, which cannot be opened any more once that process has ended.
        """
        self._files = CgroupFiles(homes, descriptors, keep_all=keep_all)
        self._figures = [self._files.figure(name) for name in _FAST_FIGURES]
        # Of all cgroups of a version the same objects: they stay in the processor's caches.
        self._sources = [figure.source for figure in self._figures]
        self._last: tuple[Contents, Fast | None] = (_NO_CONTENTS, None)
        """The last reading, and what it was made of; replaced as one, for any thread reads it."""
        self._open: Sequence[int] | None = None
        """Each figure's descriptor, -1 where there is none; None when files must be opened."""
        self._lock = Lock()
        self._closed = False

    def fast(self) -> Fast | None:
        """Read CPU, memory and kills, one `pread` each; None when the cgroup is gone.

        As long as the CPU used stands still nothing has run, so peak and kills stand still, too:
        they are read when it moves, and once after each `slow`.
        While a cgroup of version 1 is being removed some figures are None before the others.
        What has not changed is returned as the same object again.
        """
        descriptors = self._open
        data = None if descriptors is None else _contents(descriptors, self._last[0])
        # No lock was held: what was closed meanwhile may have been another file's already.
        if data is None or descriptors is not self._open:
            data = self._opened()
        before, fast = self._last
        return fast if data == before else self._made(data)

    def slow(self) -> Slow | None:
        """Read the rest; None when the cgroup is gone."""
        with self._alone():
            if self._closed:
                return None
            processes = self.pids()
            found = slow(self._files.look(), None if processes is None else len(processes))
        # Whatever the kernel may have charged to who sleeps is seen by the next tick at the latest.
        self._open = None
        return found

    def pids(self) -> list[int] | None:
        """Return the processes in it and below, bounded; None when the cgroup is gone."""
        for controller in _PROCESSES:
            if (home := self._files.homes.get(controller)) is not None:
                return process_ids(home.directory)
        return None

    def close(self) -> None:
        """Release what is kept open; everything is gone from then on."""
        with self._alone():
            self._closed = True
            self._files.close()

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Hold off others who open or close, and be noticed by who reads without asking."""
        with self._lock:
            self._open = None
            try:
                yield
            finally:
                descriptors = [figure.descriptor for figure in self._figures]
                self._open = None if None in descriptors else cast("list[int]", descriptors)

    def _opened(self) -> list[bytes | None]:
        """Read file by file: open what is not open, close what is gone."""
        with self._alone():
            found = [figure.read() for figure in self._figures]
        return [data and data[:_FAST_BYTES] for data in found]

    def _made(self, data: Contents) -> Fast | None:
        """Make a reading; a file that says the same as the last time is not parsed again."""
        before, last = self._last
        cpu, usage, peak, oom_kills = self._sources
        seconds, used, highest, killed = last or _UNKNOWN
        # Written out: a loop takes half as long again.
        if data[0] != before[0]:
            seconds = cpu.seconds(data[0])
        if data[1] != before[1]:
            used = usage.value(data[1])
        if data[2] != before[2]:
            highest = peak.value(data[2])
        if data[3] != before[3]:
            killed = oom_kills.value(data[3])
        fast = Fast(seconds, used, highest, killed)
        known = None if fast == _UNKNOWN else fast
        self._last = (data, known)
        return known


def _contents(descriptors: Sequence[int], before: Contents) -> Contents | None:
    """Read each file from its beginning; None when one of them fails."""
    cpu, usage, peak, oom_kills = descriptors
    try:
        # Written out: a loop would be a tenth of what all this takes.
        used = pread(cpu, _FAST_BYTES, 0) if cpu >= 0 else None
        held = pread(usage, _FAST_BYTES, 0) if usage >= 0 else None
        if used is not None and used == before[0]:
            # Nothing has run: nothing took more memory than ever, and nothing was killed.
            return [used, held, before[2], before[3]]
        return [
            used,
            held,
            pread(peak, _FAST_BYTES, 0) if peak >= 0 else None,
            pread(oom_kills, _FAST_BYTES, 0) if oom_kills >= 0 else None,
        ]
    except OSError:
        return None
