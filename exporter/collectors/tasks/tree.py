"""A try's task process and its descendants, followed until the last of them has ended."""

from __future__ import annotations

import os

from exporter.collectors.tasks.account import Account, Used
from exporter.collectors.tasks.members import Member, all_read
from exporter.collectors.tasks.memory import Memory
from exporter.collectors.tasks.process_id import ProcessId
from exporter.collectors.tasks.procfs import Procfs
from exporter.collectors.tasks.stat import (
    ZOMBIE,
    Resident,
    Stat,
    parsed_high_water,
    parsed_resident,
)
from exporter.collectors.tasks.supervisor import Supervisor
from exporter.collectors.tasks.use import Remembered, Use

_LATE_SECONDS = 0.1
_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
_TICKS = os.sysconf("SC_CLK_TCK")
_CPUS = os.cpu_count() or 1


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
        self._supervisor = Supervisor(procfs, supervisor)

    def add(self, process: ProcessId, *, ours: bool) -> None:
        """Take in a member; its parent comes first."""
        pid = process.pid
        stat, storage = self._procfs.kept_stat(pid), self._procfs.kept_storage(pid)
        self.members[process] = Member(process, stat, storage, ours)

    def count(self, now: float, *, thorough: bool = False) -> list[ProcessId]:
        """Read CPU time, memory and storage of all members; return those that have ended.

        What shows no sign of work has its storage figures read only if it is `thorough`.
        """
        stats, unsure = all_read(self.members, lambda each: self.members[each].read())
        seconds, self._counted_at = now - self._counted_at, now
        if not thorough and stats == self._stats and len(stats) == len(self.members):
            return []
        unseen = self.root in self.members and self.root not in stats
        if unseen:
            # Read before its supervisor is: who vanishes in between is in both, and not counted.
            stats, unsure = all_read(stats, lambda each: self.members[each].read())
        self._stats = stats
        self._count_cpu(unsure, seconds if unseen else None)
        self._count_storage(unseen=unseen)
        self._follow_memory()
        return self._without_ended()

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

    def _count_cpu(self, unsure: set[ProcessId], unseen_seconds: float | None) -> None:
        """Count CPU time; of an end that nobody saw it is told since when it may have been."""
        used = {
            each: Used(stat.parent, stat.own_ticks, stat.inherited_ticks)
            for each, stat in self._stats.items()
        }
        self._begin(self._cpu, used)
        growth = None
        if unseen_seconds is not None and (waited := self._supervisor.ticks()) is not None:
            trial = Account(self._cpu.last)
            growth = trial.advance_by_heir(used, self._supervisor.pid, *waited)
            # It may have waited for others as well: not more than the processors can do is believed
            possible = (unseen_seconds + _LATE_SECONDS) * _CPUS * _TICKS
            self._cpu, growth = (trial, growth) if growth <= possible else (self._cpu, None)
        if growth is None:
            growth = self._cpu.advance(used, unsure)
        self.total = self.total.plus(Use(cpu_seconds=growth / _TICKS))

    def _count_storage(self, *, unseen: bool) -> None:
        """Count what was moved to and from storage, where that is allowed to be read."""
        found, unsure = all_read(self._stats, lambda each: self.members[each].read_storage())
        waited = self._supervisor.storage()
        growth = []
        for index, account in enumerate((self._read, self._written)):
            used = {
                each: Used(self._stats[each].parent, 0, at[index]) for each, at in found.items()
            }
            self._begin(account, used)
            # Where the task process's own figures are hidden, those of its supervisor mean nothing.
            growth.append(
                account.advance_by_heir(used, self._supervisor.pid, *waited[index])
                if unseen and waited and self.root in account.last
                else account.advance(used, unsure)
            )
        self.total = self.total.plus(Use(0.0, *growth))

    def _begin(self, account: Account, used: dict[ProcessId, Used]) -> None:
        for each in used.keys() - account.last.keys():
            if not self.members[each].ours:
                account.begin(each, used[each])

    def _follow_memory(self) -> None:
        self.memory.follow({each: s.rss_pages * _PAGE_BYTES for each, s in self._stats.items()})
        mark = parsed_high_water(self._status.read() or b"")
        if mark is not None:
            self.memory.high_water(self.root, mark)

    def _without_ended(self) -> list[ProcessId]:
        root = self._stats.get(self.root)
        self.ended = self.ended or root is None or root.state == ZOMBIE
        left = self._stats.keys() - ({self.root} if self.ended else set())
        ended = [process for process in self.members if process not in left]
        for process in ended:
            self.members.pop(process).close()
        return ended
