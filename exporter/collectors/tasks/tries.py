"""The tries of this host: found among its processes, each with the processes that belong to it."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Iterator, Mapping

import structlog

from exporter.clock import Clock
from exporter.collectors.tasks.followed import Followed
from exporter.collectors.tasks.naming import Sources, named
from exporter.collectors.tasks.processes import Process, ProcessTable
from exporter.collectors.tasks.procfs import Procfs
from exporter.collectors.tasks.tree import Tree
from exporter.collectors.tasks.use import Remembered, loaded, root_key

_TICKS = os.sysconf("SC_CLK_TCK")
_NAMELESS = (
    "a try has ended and nothing told which task it was of: what it used is in no figure; such "
    "processes are counted in task_unattributed_processes"
)


def seconds_since_boot() -> float:
    """Return the time that the start of processes is told in."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


class Tries:
    """Each try from the first look at its task process until it is dropped.

    For one thread at a time.
    """

    def __init__(
        self,
        procfs: Procfs,
        sources: Sources,
        *,
        first_look: float,
        remembered: Mapping[str, str],
        clock: Clock,
        since_boot: Callable[[], float] = seconds_since_boot,
    ) -> None:
        """Read nothing yet.

        What a process used before `first_look` (Unix seconds) is not ours to count, unless
        `remembered`, as the last accepted reading had it, says how far it was counted.
        """
        self._procfs = procfs
        self._sources = sources
        self._remembered = dict(remembered)
        self._boot_id = procfs.boot_id()
        self._clock = clock
        self._since_boot = since_boot
        self._first_look = since_boot() - (clock.wall() - first_look)
        self._table = ProcessTable(procfs, sources.users)
        self._tries: list[Followed] = []
        self._by_pid: dict[int, Followed] = {}
        """The try that a process is a member of."""
        self._told_nameless = False
        self._log = structlog.get_logger("exporter.collectors.tasks")

    def __iter__(self) -> Iterator[Followed]:
        """Yield the tries that there are now; they may change meanwhile."""
        return iter(list(self._tries))

    def look(self, *, thorough: bool) -> list[Followed]:
        """Look for processes and titles; return the tries that are new, with all their members.

        Unless it is thorough it costs microseconds while nothing new has been started.
        """
        new, retitled = self._table.look(self._clock.monotonic(), thorough=thorough)
        known = set(self._tries)
        for process in new:
            self._place(process)
        for process in retitled:
            self._place(process)
            if (followed := self._by_pid.get(process.id.pid)) is not None:
                self._adopt(followed)
        return [each for each in self._tries if each not in known]

    def settle(self, followed: Followed) -> None:
        """Name a try once it is what it looks like; give it up when it is something else."""
        settled = followed.settled(self._clock.monotonic())
        if not settled and not self._is_task(followed.process):
            self._give_up(followed)
            return
        self.name(followed)
        if settled:
            self._table.settle(followed.process.id.pid)

    def name(self, followed: Followed) -> None:
        """Ask once more for the task that a try is of."""
        process = followed.process
        supervisor = self._table.get(process.parent)
        pids = [each.pid for each in followed.tree.members if each != process.id]
        task = named(self._procfs, self._sources, process, supervisor, pids)
        # Near its end a process has neither title nor files any more.
        if task is not None:
            followed.task = task if followed.task is None else task.completed(followed.task)

    def forget(self, pids: Iterable[int]) -> None:
        """Forget processes that have ended."""
        for pid in pids:
            self._by_pid.pop(pid, None)
            self._table.forget(pid)

    def drop_over(self) -> None:
        """Drop the tries of which nothing is left."""
        for each in self:
            if each.tree.ended and not each.tree.members:
                self._tries.remove(each)
                each.tree.close()
                if each.task is None:
                    self._tell_nameless()

    def close(self) -> None:
        """Release everything that is kept open."""
        for each in self._tries:
            each.tree.close()
        self._tries.clear()
        self._by_pid.clear()

    def key(self, followed: Followed) -> str:
        """Return the name under which it is remembered how far a try is counted."""
        return root_key(self._boot_id, followed.tree.root)

    def age_seconds(self, followed: Followed) -> float:
        """Return how long ago its task process was started."""
        return max(0.0, self._since_boot() - followed.process.id.start_ticks / _TICKS)

    def _place(self, process: Process) -> None:
        followed = self._by_pid.get(process.id.pid)
        if followed is not None and process.id in followed.tree.members:
            if process.id == followed.tree.root:
                self.settle(followed)
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
        before = loaded(self._remembered.pop(root_key(self._boot_id, process.id), ""))
        before = before or Remembered()
        tree = Tree(self._procfs, process.id, process.parent, before, now)
        caught_up = bool(before.cpu) or not self._is_ours(process)
        followed = Followed(process, tree, before.told, now, caught_up)
        if not caught_up:
            followed.told_at = now - self.age_seconds(followed)
        self._tries.append(followed)
        self._add(followed, process)

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

    def _tell_nameless(self) -> None:
        """Log it once: others' tasks may run here all the time."""
        if not self._told_nameless:
            self._told_nameless = True
            self._log.warning("tasks.nameless", reason=_NAMELESS)

    def _give_up(self, followed: Followed) -> None:
        """Follow no more what only looked like a task process: a supervisor has other children."""
        followed.given_up = True
        self._tries.remove(followed)
        for process in followed.tree.members:
            self._by_pid.pop(process.pid, None)
        followed.tree.close()
