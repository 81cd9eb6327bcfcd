"""How much memory a tree of processes holds: proportional sets seldom, resident sets in between.

A proportional set costs milliseconds for each GiB, a resident set nothing, but it counts shared
pages once for each process. What is shared changes slowly, so it is remembered and taken off.
"""

from __future__ import annotations

from collections.abc import Mapping

from exporter.collectors.tasks.own_cgroup import WorkingSet
from exporter.collectors.tasks.process_id import ProcessId
from exporter.collectors.tasks.stat import Resident

_BATCHED_BYTES = 1024 * 1024


class Memory:
    """The memory of one tree and its peak, in bytes."""

    def __init__(self, peak: int = 0) -> None:
        """Start with no member; `peak` is what an earlier memory knew."""
        self.now = 0
        self.last = 0
        """What was held last: who has ended holds nothing."""
        self.peak = peak
        self._rss: Mapping[ProcessId, int] = {}
        self._shared: dict[ProcessId, int] = {}
        """Of each member's resident set, what others are charged with."""
        self._high_water = 0
        self.container: WorkingSet | None = None
        """Tells the memory of the container that serves this tree alone."""

    def measure(self, found: Mapping[ProcessId, Resident | None]) -> None:
        """Take proportional sets, None where they cannot be read: resident ones stand in then.

        They count from the next resident sets on: with earlier ones, of who may have ended since,
        what was shared would be charged to both.
        """
        self._shared = {
            process: self._followed(process, resident.rss) - resident.pss if resident else 0
            for process, resident in found.items()
        }

    def _followed(self, process: ProcessId, exact: int) -> int:
        """Return the resident set that a measurement is taken against.

        /proc/PID/stat counts in batches a processor (kernel 6.2 on), so it may be some hundred
        kilobytes off the one that smaps_rollup adds up; where it is more, memory has grown since.
        """
        followed = self._rss.get(process, exact)
        return followed if abs(followed - exact) <= _BATCHED_BYTES else exact

    def follow(self, rss: Mapping[ProcessId, int]) -> None:
        """Take the resident sets of all members."""
        self._rss = rss
        # A new member is most likely a fork, which shares what it has; it is measured soon.
        self.now = sum(
            max(0, resident - self._shared.setdefault(process, resident))
            for process, resident in rss.items()
        )
        whole = self.container() if self.container else None
        self.now = self.now if whole is None else whole
        self.last = self.now or self.last
        self.peak = max(self.peak, self.now)

    def high_water(self, process: ProcessId, rss: int) -> None:
        """Take the most that was ever resident in one member: a peak between two looks."""
        # An old mark was set when other amounts were shared.
        if rss > self._high_water:
            self._high_water = rss
            self.peak = max(self.peak, rss - self._shared.get(process, rss))
