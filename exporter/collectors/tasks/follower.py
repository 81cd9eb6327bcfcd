"""Counts the tries of this host from the first look at their task process to the last figures.

Two threads come here: the sampler's reads on each tick; another one glances several times a
second, so that short tries are seen. A third is told when a task process ends.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from threading import RLock

from exporter.clock import Clock
from exporter.collectors.tasks.followed import Followed
from exporter.collectors.tasks.naming import Sources
from exporter.collectors.tasks.reading import Ended, Reading, Running, TaskName
from exporter.collectors.tasks.tries import Tries
from exporter.collectors.tasks.use import NOTHING, Use

Watch = Callable[[int, Callable[[], None]], bool]
"""Calls back, in a thread of its own, when a process has ended; False when it cannot."""


class Follower:
    """All tries that have processes on this host."""

    def __init__(
        self,
        tries: Tries,
        sources: Sources,
        *,
        slow_seconds: float,
        watch: Watch | None,
        clock: Clock,
    ) -> None:
        """Read nothing yet; memory is measured and all storage read every `slow_seconds`."""
        self._tries = tries
        self._sources = sources
        self._slow_seconds = slow_seconds
        self._watch = watch
        self._clock = clock
        self._lock = RLock()
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
            thorough = slow or each.measure_due(now)
            if thorough:
                self._measure(each)
            with self._lock:
                self._count(each, thorough=thorough)
                if each.task is None:
                    self._tries.name(each)
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
                self._count(each, thorough=True)
                self._tell_end(each, cut_short=True)
            return self._taken()

    def close(self) -> None:
        """Release everything that is kept open."""
        with self._lock:
            self._closed = True
            self._tries.close()

    # Counting.

    def _look(self, *, thorough: bool) -> None:
        for followed in self._tries.look(thorough=thorough):
            self._begin(followed)

    def _begin(self, followed: Followed) -> None:
        pid = followed.tree.root.pid
        if self._watch is not None:
            self._watch(pid, partial(self._exited, followed))
        if self._sources.pod() is not None:
            followed.tree.memory.container = self._sources.container(pid)
        self._measure(followed)
        self._count(followed, thorough=True)
        if followed.caught_up:
            followed.rated_cpu_seconds = followed.tree.total.cpu_seconds
        self._tries.settle(followed)

    def _measure(self, followed: Followed) -> None:
        began = self._clock.monotonic()
        # Not under the lock: large processes take long, and a zombie does not wait.
        residents = followed.tree.residents()
        with self._lock:
            followed.tree.memory.measure(residents)
            followed.was_measured(residents, began, self._clock.monotonic())

    def _count(self, followed: Followed, *, thorough: bool = False) -> None:
        if not followed.given_up:
            ended = followed.tree.count(self._clock.monotonic(), thorough=thorough)
            self._tries.forget(process.pid for process in ended)

    def _exited(self, followed: Followed) -> None:
        with self._lock:
            if not followed.tree.ended:
                self._count(followed)

    # Telling.

    def _reading(self) -> Reading:
        now = self._clock.monotonic()
        running: dict[TaskName, Running] = {}
        tries = []
        unattributed = 0
        for each in self._tries:
            if each.task is None:
                unattributed += each.settled(now) and not each.tree.ended
            elif each.settled(now):
                name = (each.task.dag_id, each.task.task_id)
                used = each.tell(running.setdefault(name, Running()), now, self._read_at)
                self._owed[name] = self._owed.get(name, NOTHING).plus(used)
                self._tell_end(each)
                if not each.tree.ended:
                    tries.append(each.shown(each.task, self._tries.age_seconds(each)))
        self._tries.drop_over()
        self._read_at = now
        kept = {
            self._tries.key(each): each.remembered() for each in self._tries if not each.tree.ended
        }
        return Reading(running, dict(self._owed), list(self._ended), unattributed, kept, tries)

    def _tell_end(self, followed: Followed, *, cut_short: bool = False) -> None:
        tree = followed.tree
        if followed.task is not None and (tree.ended or cut_short) and not followed.end_told:
            followed.end_told = True
            self._ended.append(Ended(followed.task, tree.memory.peak or None, tree.total))

    def _taken(self) -> list[Ended]:
        """Return the ends that are owed; nobody gets them again."""
        ended, self._ended = self._ended, []
        return ended
