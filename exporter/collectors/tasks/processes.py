"""The processes of this host: who is new, and whose title has changed."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from exporter.collectors.tasks.process_id import ProcessId
from exporter.collectors.tasks.procfs import Procfs
from exporter.collectors.tasks.stat import ZOMBIE, parsed_stat
from exporter.collectors.tasks.titles import MAX_TITLE_BYTES, Title, titled

YOUNG_SECONDS = 10.0
"""How long a process may take to show what it is: a fork looks like its parent at first."""
_SOON_SECONDS = 0.2


@dataclass(slots=True)
class Process:
    """One process as it was last described."""

    id: ProcessId
    parent: int
    title: Title | None
    seen_at: float
    """Monotonic seconds of the first look at it."""
    due_at: float
    """Monotonic seconds from which a young one is looked at again."""


class ProcessTable:
    """All processes; one that has been described costs nothing but its place here."""

    def __init__(self, procfs: Procfs, users: Collection[int] = ()) -> None:
        """Know nobody yet; with `users`, titles of others' processes mean nothing."""
        self._procfs = procfs
        self._users = users
        self._known: dict[int, Process] = {}
        self._young: dict[int, Process] = {}
        self._last_pid: int | None = None

    def get(self, pid: int) -> Process | None:
        """Return a process as it was last described."""
        return self._known.get(pid)

    def since(self, process: Process) -> list[Process]:
        """Return the processes that are younger than one, parents before their children."""
        age = _age(process)
        return sorted((each for each in self._known.values() if _age(each) > age), key=_age)

    def look(self, now: float, *, thorough: bool) -> tuple[list[Process], list[Process]]:
        """Return who is new, parents first, and who has another title; `now` is monotonic seconds.

        Unless it is thorough, the processes are listed only when the kernel has made a new one.
        """
        last_pid = self._procfs.last_pid()
        new, retitled = [], self._retitled(now)
        if thorough or last_pid != self._last_pid:
            if last_pid is not None and last_pid < (self._last_pid or 0):
                # Numbers have begun anew: one of no interest may be somebody else's by now.
                self._known.clear()
            new = self._listed(now)
        self._last_pid = last_pid
        return sorted(new, key=_age), retitled

    def refreshed(self, pid: int) -> Process | None:
        """Return a process with the title that it has now; its age does not matter."""
        process = self._known.get(pid)
        if process is not None:
            process.title = self._title(pid, self._cmdline(pid))
        return process

    def settle(self, pid: int) -> None:
        """Leave the title of a process alone from now on."""
        self._young.pop(pid, None)

    def forget(self, pid: int) -> None:
        """Forget one that has ended: its number may be somebody else's already."""
        self._known.pop(pid, None)
        self._young.pop(pid, None)

    def _listed(self, now: float) -> list[Process]:
        pids = self._procfs.pids()
        for pid in self._known.keys() - pids:
            self.forget(pid)
        found = []
        for pid in pids - self._known.keys():
            if (process := self._described(pid, now)) is not None:
                self._known[pid] = self._young[pid] = process
                found.append(process)
        return found

    def _described(self, pid: int, now: float) -> Process | None:
        stat = parsed_stat(self._procfs.stat(pid) or b"")
        if stat is None or stat.state == ZOMBIE:
            return None
        title, due = self._title(pid, self._cmdline(pid)), now + _SOON_SECONDS
        return Process(ProcessId(pid, stat.start_ticks), stat.parent, title, now, due)

    def _cmdline(self, pid: int) -> bytes:
        return self._procfs.cmdline(pid, MAX_TITLE_BYTES) or b""

    def _title(self, pid: int, cmdline: bytes) -> Title | None:
        title = titled(cmdline)
        if title is not None and self._users and self._procfs.user(pid) not in self._users:
            return None
        return title

    def _retitled(self, now: float) -> list[Process]:
        changed = []
        for pid, process in list(self._young.items()):
            age = now - process.seen_at
            if age >= YOUNG_SECONDS:
                del self._young[pid]
            elif now < process.due_at:
                continue
            process.due_at = now + max(_SOON_SECONDS, age)
            cmdline = self._cmdline(pid)
            # Near its end a process has none any more.
            if cmdline and (title := self._title(pid, cmdline)) != process.title:
                process.title = title
                changed.append(process)
        return changed


def _age(process: Process) -> tuple[int, int]:
    return process.id.start_ticks, process.id.pid
