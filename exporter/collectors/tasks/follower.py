"""Follows the tries of this host from the first look at their task process to the last figures.

Two threads come here: the sampler's reads on each tick; another one glances several times a
second, so that short tries are seen. A third is told when a task process ends.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from functools import partial
from threading import RLock

from exporter.clock import Clock
from exporter.collectors.tasks.followed import Followed
from exporter.collectors.tasks.naming import Sources, named
from exporter.collectors.tasks.processes import Process, ProcessTable
from exporter.collectors.tasks.procfs import Procfs
from exporter.collectors.tasks.reading import Ended, Reading, Running, TaskName
from exporter.collectors.tasks.tree import Tree
from exporter.collectors.tasks.use import NOTHING, Remembered, Use, loaded, root_key

Watch = Callable[[int, Callable[[], None]], bool]
"""Calls back, in a thread of its own, when a process has ended; False when it cannot."""
_TICKS = os.sysconf("SC_CLK_TCK")


def _seconds_since_boot() -> float:
    return time.clock_gettime(time.CLOCK_BOOTTIME)


class Follower:
    """All tries that have processes on this host."""

    def __init__(
        self,
        procfs: Procfs,
        sources: Sources,
        *,
        first_look: float,
        slow_seconds: float,
        remembered: Mapping[str, str],
        watch: Watch | None,
        clock: Clock,
        since_boot: Callable[[], float] = _seconds_since_boot,
    ) -> None:
        """Read nothing yet.

        What a process used before `first_look` (Unix seconds) is not ours to count, unless
        `remembered`, as the last accepted reading had it, says how far it was counted. Memory and
        storage are read anew every `slow_seconds`.
        """
        self._procfs = procfs
        self._sources = sources
        self._slow_seconds = slow_seconds
        self._remembered = dict(remembered)
        self._watch = watch
        self._clock = clock
        self._since_boot = since_boot
        self._first_look = since_boot() - (clock.wall() - first_look)
        self._lock = RLock()
        self._table = ProcessTable(procfs)
        self._tries: list[Followed] = []
        self._by_pid: dict[int, Followed] = {}
        """The try that a process is a member of."""
        self._slow_due = clock.monotonic()
        self._read_at = clock.monotonic()
        self._owed: dict[TaskName, Use] = {}
        self._ended: list[Ended] = []
        self._closed = False

    def glance(self) -> None:
        """Look for new tries; costs microseconds while nothing new has been started."""
        with self._lock:
            if not self._closed:
                self._look(thorough=False)

    def read(self) -> Reading:
        """Count everything; raise SourceUnavailableError where there is no proc file system."""
        now = self._clock.monotonic()
        slow = now >= self._slow_due
        if slow:
            self._slow_due = now + self._slow_seconds
        with self._lock:
            self._look(thorough=True)
            tries = list(self._tries)
        for each in tries:
            if slow or each.measure_due(now):
                self._measure(each)
            with self._lock:
                self._count(each)
                if slow:
                    each.tree.count_storage()
                if each.task is None:
                    self._name(each)
        with self._lock:
            return self._reading()

    def accepted(self) -> list[Ended]:
        """Owe nothing of the last reading any more: somebody has it. Return its ends."""
        with self._lock:
            self._owed = {}
            return self._taken()

    def left(self) -> list[Ended]:
        """Return the tries that no accepted reading has told the end of, as counted by now."""
        with self._lock:
            for each in self._tries:
                self._count(each)
                self._tell_end(each, cut_short=True)
            return self._taken()

    def close(self) -> None:
        """Release everything that is kept open."""
        with self._lock:
            self._closed = True
            for each in self._tries:
                each.tree.close()
            self._tries.clear()
            self._by_pid.clear()

    # Finding.

    def _look(self, *, thorough: bool) -> None:
        new, retitled = self._table.look(self._clock.monotonic(), thorough=thorough)
        known = len(self._tries)
        for process in new:
            self._place(process)
        for process in retitled:
            self._place(process)
            if (followed := self._by_pid.get(process.id.pid)) is not None:
                self._adopt(followed)
        # Not before all members are there: what is remembered of one that is missing is given up.
        for followed in self._tries[known:]:
            self._begin(followed)

    def _place(self, process: Process) -> None:
        followed = self._by_pid.get(process.id.pid)
        if followed is not None and process.id in followed.tree.members:
            if process.id == followed.tree.root:
                self._retitled(followed)
        elif (above := self._by_pid.get(process.parent)) is not None:
            self._add(above, process)
        elif self._is_task(process):
            self._follow(process)

    def _is_task(self, process: Process) -> bool:
        """Tell whether a process works on a try; no descendant of one who does is asked about."""
        title = process.title
        if title is None or title.at_work:
            return title is not None
        # A new child of a supervisor has its title for some seconds. The parent may have got the
        # title long after it was described.
        parent = self._table.refreshed(process.parent)
        return parent is not None and parent.title is not None and parent.title.key == title.key

    def _follow(self, process: Process) -> None:
        now = self._clock.monotonic()
        before = loaded(self._remembered.pop(root_key(process.id), "")) or Remembered()
        tree = Tree(self._procfs, process.id, process.parent, before, now)
        age = self._since_boot() - process.id.start_ticks / _TICKS
        caught_up = bool(before.cpu) or not self._is_ours(process)
        told_at = now if caught_up else now - max(0.0, age)
        followed = Followed(process, tree, before.told, told_at, caught_up)
        self._tries.append(followed)
        self._add(followed, process)

    def _begin(self, followed: Followed) -> None:
        if self._watch is not None:
            self._watch(followed.tree.root.pid, partial(self._exited, followed))
        if self._sources.pod() is not None:
            pid = followed.tree.root.pid
            followed.tree.memory.container = self._sources.container(pid)
        self._measure(followed)
        self._count(followed)
        followed.tree.count_storage()
        if followed.caught_up:
            followed.rated_cpu_seconds = followed.tree.total.cpu_seconds
        self._retitled(followed)

    def _add(self, followed: Followed, process: Process) -> None:
        self._by_pid[process.id.pid] = followed
        followed.tree.add(process.id, ours=self._is_ours(process))
        if process.id != followed.tree.root:
            self._table.settle(process.id.pid)

    def _adopt(self, followed: Followed) -> None:
        """Take in the descendants that were there before their ancestor showed what it is."""
        for each in self._table.since(followed.process):
            if each.id.pid not in self._by_pid and self._by_pid.get(each.parent) is followed:
                self._add(followed, each)

    def _is_ours(self, process: Process) -> bool:
        return process.id.start_ticks / _TICKS >= self._first_look

    def _retitled(self, followed: Followed) -> None:
        if not followed.settled(self._clock.monotonic()) and not self._is_task(followed.process):
            self._give_up(followed)
            return
        self._name(followed)
        if followed.settled(self._clock.monotonic()):
            self._table.settle(followed.process.id.pid)

    def _give_up(self, followed: Followed) -> None:
        """Follow no more what only looked like a task process: a supervisor has other children."""
        followed.given_up = True
        self._tries.remove(followed)
        for process in followed.tree.members:
            self._by_pid.pop(process.pid, None)
        followed.tree.close()

    def _name(self, followed: Followed) -> None:
        process = followed.process
        supervisor = self._table.get(process.parent)
        pids = [each.pid for each in followed.tree.members if each != process.id]
        task = named(self._procfs, self._sources, process, supervisor, pids)
        # Near its end a process has neither title nor files any more.
        if task is not None:
            followed.task = task if followed.task is None else task.completed(followed.task)

    # Counting.

    def _measure(self, followed: Followed) -> None:
        began = self._clock.monotonic()
        # Not under the lock: large processes take long, and a zombie does not wait.
        residents = followed.tree.residents()
        with self._lock:
            followed.tree.memory.measure(residents)
            followed.was_measured(residents, began, self._clock.monotonic())

    def _count(self, followed: Followed) -> None:
        if followed.given_up:
            return
        for process in followed.tree.count(self._clock.monotonic()):
            self._by_pid.pop(process.pid, None)
            self._table.forget(process.pid)

    def _exited(self, followed: Followed) -> None:
        with self._lock:
            if not followed.tree.ended:
                self._count(followed)

    # Telling.

    def _reading(self) -> Reading:
        now = self._clock.monotonic()
        running: dict[TaskName, Running] = {}
        unattributed = 0
        for each in self._tries:
            if each.task is None:
                unattributed += each.settled(now) and not each.tree.ended
            elif each.settled(now):
                name = (each.task.dag_id, each.task.task_id)
                used = each.tell(running.setdefault(name, Running()), now, self._read_at)
                self._owed[name] = self._owed.get(name, NOTHING).plus(used)
                self._tell_end(each)
        self._tries = [each for each in self._tries if not self._is_over(each)]
        self._read_at = now
        kept = {
            root_key(each.tree.root): each.remembered()
            for each in self._tries
            if not each.tree.ended
        }
        return Reading(running, dict(self._owed), list(self._ended), unattributed, kept)

    def _tell_end(self, followed: Followed, *, cut_short: bool = False) -> None:
        tree = followed.tree
        if followed.task is not None and (tree.ended or cut_short) and not followed.end_told:
            followed.end_told = True
            self._ended.append(Ended(followed.task, tree.memory.peak or None, tree.total))

    def _taken(self) -> list[Ended]:
        """Return the ends that are owed; nobody gets them again."""
        ended, self._ended = self._ended, []
        return ended

    def _is_over(self, followed: Followed) -> bool:
        over = followed.tree.ended and not followed.tree.members
        if over:
            followed.tree.close()
        return over
