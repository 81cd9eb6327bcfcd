"""Where containers are found: in the host's tree of cgroups, or beside us in a pod."""

from __future__ import annotations

import os
import threading
from collections.abc import Mapping
from typing import NamedTuple

import structlog

from exporter.errors import SourceUnavailableError
from exporter.kernel.directories import is_directory
from exporter.kernel.hierarchies import Hierarchies, Home, hierarchies_seen_by
from exporter.kernel.layout import Place, identified
from exporter.kernel.membership import membership
from exporter.kernel.tree import MOST_DIRECTORIES, Tree

WALK_SECONDS = 15.0
"""How often the whole tree is walked for new parents; known ones are looked at each time."""
MAX_CONTAINERS = 10_000
_BOUNDED = (
    f"there are more than {MOST_DIRECTORIES} cgroups, or {MAX_CONTAINERS} containers: what is "
    "beyond is not measured"
)
# Of Docker without and with systemd, and of Podman: the first container is found at once as well.
_USUAL_PARENTS = ("/docker", "/system.slice", "/machine.slice")
# Under systemd crun runs and limits a container in a cgroup of this name below its scope.
_INNER = "container"
_CRUN_RUNTIMES = frozenset({"podman", "cri-o"})


class Found(NamedTuple):
    """One container, and the directories of its cgroup by controller."""

    place: Place
    homes: Mapping[str, Home]
    keep_all: bool = False
    """Whether its files can only be opened now."""


class HostTree:
    """The containers below the cgroups that are mounted here."""

    def __init__(self, hierarchies: Hierarchies) -> None:
        """Take the mounted hierarchies; nothing is read yet."""
        self.is_whole = hierarchies.are_whole
        """Whether there can be no container elsewhere."""
        self._hierarchies = hierarchies
        self._tree = Tree(hierarchies)
        self._walk_at = 0.0
        self._places: frozenset[Place] = frozenset()
        self._known: dict[str, Found] = {}
        self._lock = threading.Lock()
        self._log = structlog.get_logger("exporter.collectors.containers")
        self._is_cut = False

    def found(self, now: float, *, again: bool = False) -> Mapping[str, Found]:
        """Return the containers by id; `now` is monotonic.

        What came in the place of one that has ended is seen `again`, or within `WALK_SECONDS`.
        """
        with self._lock:
            places = self._tree.scan(again=again)
            if now >= self._walk_at:
                self._walk_at = now + WALK_SECONDS
                places |= self._tree.walk()
                self._tell_bounds(is_cut=self._tree.is_cut or len(places) > MAX_CONTAINERS)
        if places is not self._places:
            self._places = places
            bounded = sorted(places, key=lambda place: place.container_id)[:MAX_CONTAINERS]
            self._known = {
                each.container_id: self._known.get(each.container_id) or self._at(each)
                for each in bounded
            }
        return self._known

    def find(self, container_id: str) -> Found | None:
        """Return one container below the usual or known parents; for any thread."""
        with self._lock:
            place = self._tree.find(container_id, _USUAL_PARENTS)
        return None if place is None else self._at(place)

    def parent(self, path: str) -> Mapping[str, Home]:
        """Return the directories of what holds containers."""
        return self._hierarchies.at(path)

    def _tell_bounds(self, *, is_cut: bool) -> None:
        if is_cut and not self._is_cut:
            self._log.warning("containers.bounded", reason=_BOUNDED)
        self._is_cut = is_cut

    def _at(self, place: Place) -> Found:
        homes = self._hierarchies.at(place.path or "/")
        if place.runtime in _CRUN_RUNTIMES:
            inner = self._hierarchies.at(f"{place.path}/{_INNER}")
            homes.update((name, at) for name, at in inner.items() if is_directory(at.directory))
        return Found(place, homes)


class Siblings:
    """The containers whose processes we see, as in a pod that shares its PID namespace.

    Their cgroups lie outside our own mount; each is seen through a process of its container, by
    who has that process's user id (or may trace it).
    """

    def __init__(self, procfs: str) -> None:
        """Take where the processes are found; nothing is read yet."""
        self._procfs = procfs
        self._places: dict[str, Place | None] = {}
        self._known: dict[str, Found] = {}
        self.trouble: str | None = None
        """Why no container but our own can be read, in a sentence."""

    def found(self) -> Mapping[str, Found]:
        """Return the readable containers by id; raise SourceUnavailableError without processes."""
        try:
            names = os.listdir(self._procfs)  # noqa: PTH208 - names only, at each tick
        except OSError as error:
            message = f"{self._procfs} cannot be listed: {error.strerror}"
            raise SourceUnavailableError(message) from None
        pids = [name for name in names if name.isdigit()]
        if not pids:
            message = f"{self._procfs} holds no process: it is not where /proc is mounted"
            raise SourceUnavailableError(message)
        self._places = {pid: self._places.get(pid) or self._place(pid) for pid in pids}
        members: dict[str, list[tuple[str, Place]]] = {}
        for pid, place in self._places.items():
            if place is not None and len(members) < MAX_CONTAINERS:
                members.setdefault(place.container_id, []).append((pid, place))
        found = {
            name: self._known.get(name) or self._through(each) for name, each in members.items()
        }
        self._known = {name: each for name, each in found.items() if each is not None}
        self.trouble = self._hidden(len(found) - len(self._known))
        return self._known

    def _hidden(self, unreadable: int) -> str | None:
        own = self._places.get(str(os.getpid()))
        others = self._known.keys() - {own.container_id if own else ""}
        # One that is hidden is usual: the container that holds a pod together is another user's.
        if others or not unreadable:
            return None
        return (
            f"{unreadable} containers are in sight and none may be read: run with the user id of "
            "their processes"
        )

    def _place(self, pid: str) -> Place | None:
        paths = membership(self._procfs, int(pid)) or {}
        return next(filter(None, map(identified, paths.values())), None)

    def _through(self, members: list[tuple[str, Place]]) -> Found | None:
        for pid, place in members:
            if (seen := hierarchies_seen_by(self._procfs, int(pid))) is not None:
                return Found(place, seen.at("/"), keep_all=True)
        return None
