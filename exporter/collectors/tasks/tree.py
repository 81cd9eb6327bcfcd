"""A try's task process and its descendants, followed until the last of them has ended."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TypeVar

from exporter.collectors.tasks.account import Account, Used
from exporter.collectors.tasks.memory import Memory
from exporter.collectors.tasks.process_id import ProcessId
from exporter.collectors.tasks.procfs import Procfs
from exporter.collectors.tasks.stat import (
    ZOMBIE,
    Resident,
    Stat,
    parsed_high_water,
    parsed_resident,
    parsed_stat,
    parsed_storage,
)
from exporter.collectors.tasks.use import Remembered, Use
from exporter.kernel.kept import KeptFile

T = TypeVar("T")
_PASSES = 3
"""How often a tree is read while its members vanish."""
_LATE_SECONDS = 0.1
_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
_TICKS = os.sysconf("SC_CLK_TCK")
_CPUS = os.cpu_count() or 1


@dataclass(slots=True)
class Member:
    """What is kept open of one process."""

    stat: KeptFile
    storage: KeptFile
    ours: bool
    """Whether all it ever used is to be counted; else what it uses from now on."""

    last: tuple[bytes, Stat | None] = (b"", None)
    """What stat held at the last reading, and its meaning: most tasks wait most of the time."""

    def read(self) -> Stat | None:
        """Read the process's figures; None when it is gone."""
        data = self.stat.read() or b""
        if data != self.last[0]:
            self.last = (data, parsed_stat(data))
        return self.last[1]

    def close(self) -> None:
        """Release the descriptors."""
        self.stat.close()
        self.storage.close()


class Tree:
    """Counts what a tree of processes uses; `total` never loses what its members used at last.

    When the task process ends it is a zombie for a moment: whoever calls `count` then gets its
    final figures. Later, they are in those of its supervisor, which waits for one task at a time.
    """

    def __init__(
        self, procfs: Procfs, root: ProcessId, supervisor: int, before: Remembered, now: float
    ) -> None:
        """Follow the tree of a task process, counted up to `before`; `now` is monotonic seconds."""
        self._procfs = procfs
        self.root = root
        self.members: dict[ProcessId, Member] = {}
        """Parents before their children."""
        self.ended = False
        """The task process has ended; what it has left behind may still run."""
        self.total = before.total
        self.memory = Memory(before.peak_bytes)
        self._cpu = Account(before.cpu)
        self._read = Account(before.read)
        self._written = Account(before.written)
        self._counted_at = now
        self._stats: dict[ProcessId, Stat] = {}
        """As of the last reading."""
        self._status = procfs.kept_status(root.pid)
        self._supervisor_id = ProcessId(supervisor, 0)
        self._supervisor = procfs.kept_stat(supervisor)
        stat = parsed_stat(self._supervisor.read() or b"")
        self._waited_ticks = stat.inherited_ticks if stat else None

    def add(self, process: ProcessId, *, ours: bool) -> None:
        """Take in a member; its parent comes first."""
        pid = process.pid
        stat, storage = self._procfs.kept_stat(pid), self._procfs.kept_storage(pid)
        self.members[process] = Member(stat, storage, ours)

    def count(self, now: float) -> list[ProcessId]:
        """Read CPU time and resident memory of all members; return those that have ended."""
        stats, unsure = _all_read(self.members, self._stat)
        since, self._counted_at = self._counted_at, now
        if stats == self._stats and len(stats) == len(self.members):
            return []
        self._stats = stats
        used = _used(stats)
        for each in stats.keys() - self._cpu.last.keys():
            if not self.members[each].ours:
                self._cpu.begin(each, used[each])
        growth = None
        if self.root in self.members and self.root not in stats:
            stats, unsure = _all_read(stats, self._stat)
            used = _used(stats)
            growth = self._growth_by_supervisor(used, now - since)
        if growth is None:
            growth = self._cpu.advance(used, unsure)
        self.total = self.total.plus(Use(cpu_seconds=growth / _TICKS))
        self.memory.follow({each: stat.rss_pages * _PAGE_BYTES for each, stat in stats.items()})
        mark = parsed_high_water(self._status.read() or b"")
        if mark is not None:
            self.memory.high_water(self.root, mark)
        return self._without_ended(stats)

    def count_storage(self) -> None:
        """Read what all members moved to and from storage, where that is allowed."""
        found, unsure = _all_read(self.members, self._storage)
        read = {each: Used(parent, 0, amount) for each, (parent, amount, _) in found.items()}
        written = {each: Used(parent, 0, amount) for each, (parent, _, amount) in found.items()}
        for each in found:
            if not self.members[each].ours:
                self._read.begin(each, read[each])
                self._written.begin(each, written[each])
        growth = (self._read.advance(read, unsure), self._written.advance(written, unsure))
        self.total = self.total.plus(Use(0.0, *growth))

    def residents(self) -> dict[ProcessId, Resident | None]:
        """Read the proportional sets of all members; the only reading that may take long."""
        read = self._procfs.smaps_rollup
        return {each: parsed_resident(read(each.pid) or b"") for each in list(self.members)}

    def remembered(self, told: Use) -> Remembered:
        """Return how far the tree is counted."""
        cpu, read, written = self._cpu.last, self._read.last, self._written.last
        return Remembered(cpu, read, written, self.total, told, self.memory.peak)

    def close(self) -> None:
        """Release everything that is kept open."""
        for member in self.members.values():
            member.close()
        self._status.close()
        self._supervisor.close()

    def _stat(self, process: ProcessId) -> Stat | None:
        stat = self.members[process].read()
        return stat if stat and stat.start_ticks == process.start_ticks else None

    def _storage(self, process: ProcessId) -> tuple[int, int, int] | None:
        stat = self._stat(process)
        found = parsed_storage(self.members[process].storage.read() or b"")
        return (stat.parent, *found) if stat and found else None

    def _growth_by_supervisor(self, used: dict[ProcessId, Used], seconds: float) -> int | None:
        """Return the growth in ticks up to an end that nobody saw; None where it is not told."""
        stat = parsed_stat(self._supervisor.read() or b"")
        if stat is None or self._waited_ticks is None:
            return None
        # It takes part as if it were a member that did nothing but wait.
        account = Account(self._cpu.last)
        account.begin(self._supervisor_id, Used(0, 0, self._waited_ticks))
        waited = {self._supervisor_id: Used(0, 0, stat.inherited_ticks)}
        growth = account.advance({**used, **waited})
        # It may have waited for others as well: not more than the processors can do is believed.
        possible = (seconds + _LATE_SECONDS) * _CPUS * _TICKS
        if growth > possible:
            return None
        del account.last[self._supervisor_id]
        self._cpu = account
        return growth

    def _without_ended(self, stats: dict[ProcessId, Stat]) -> list[ProcessId]:
        root = stats.get(self.root)
        self.ended = self.ended or root is None or root.state == ZOMBIE
        left = stats.keys() - ({self.root} if self.ended else set())
        if self.ended and self.root in self.members:
            self.count_storage()
        ended = [process for process in self.members if process not in left]
        for process in ended:
            self.members.pop(process).close()
        return ended


def _all_read(
    processes: Iterable[ProcessId], read: Callable[[ProcessId], T | None]
) -> tuple[dict[ProcessId, T], set[ProcessId]]:
    """Read all in order, once more when some have vanished; return also who vanished at last."""
    left = list(processes)
    found: dict[ProcessId, T] = {}
    vanished: set[ProcessId] = set()
    for _ in range(_PASSES):
        found = {each: value for each in left if (value := read(each)) is not None}
        vanished = set(left) - found.keys()
        if not vanished:
            break
        left = list(found)
    return found, vanished


def _used(stats: dict[ProcessId, Stat]) -> dict[ProcessId, Used]:
    return {
        each: Used(stat.parent, stat.own_ticks, stat.inherited_ticks)
        for each, stat in stats.items()
    }
