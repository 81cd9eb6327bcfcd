"""The containers in a hierarchy of cgroups, found by the names of its directories."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable

from exporter.kernel.directories import child_names, is_directory, link_count
from exporter.kernel.hierarchies import Hierarchies, Hierarchy
from exporter.kernel.layout import (
    Place,
    holds_all_pods,
    holds_some_pods,
    identified,
    is_pod,
    possible_paths,
)
from exporter.kernel.membership import UNIFIED

MOST_DEPTH = 12
MOST_DIRECTORIES = 20_000
"""Directories looked into by one walk, or entries of one directory."""

# The hierarchy that is walked: every container is in each, memory is the one never omitted.
_WALKED = ("memory", "cpuacct", "cpu", "pids", UNIFIED)


class Tree:
    """Find containers; it learns below which cgroups they are. Used by one thread at a time."""

    def __init__(self, hierarchies: Hierarchies) -> None:
        """Know no parent yet: begin with `walk`."""
        found = hierarchies.by_controller
        self._hierarchy: Hierarchy | None = next(
            (found[controller] for controller in _WALKED if controller in found), None
        )
        self._parents: set[str] = set()
        self._nests: set[str] = set()
        """Below which pods come and go, each of them a parent."""
        self._below: dict[str, dict[str, Place | None]] = {}
        """By parent and name of a directory, which container it is."""
        self._links: dict[str, int | None] = {}
        """How many links each parent had when it was last looked through."""
        self._scanned: frozenset[Place] = frozenset()
        self.is_cut = False
        """Whether the last walk ended at a bound of what may be looked into."""

    @property
    def parents(self) -> frozenset[str]:
        """Return the cgroups below which containers were seen."""
        return frozenset(self._parents)

    def scan(self, *, again: bool = False) -> frozenset[Place]:
        """Return the containers in pods and below known parents; who is gone is forgotten.

        It is the same object again as long as none came and none went. A parent with as many
        directories as before is looked through only `again`: who knows that a container has
        ended asks for that, for another may have come in its place.
        """
        below = {}
        for parent in self._parents | self._pods():
            links = self._link_count(parent)
            if links is not None and links == self._links.get(parent) and not again:
                below[parent] = self._below[parent]
            elif (names := self._names(parent)) is None:
                self._parents.discard(parent)
                self._links.pop(parent, None)
            else:
                below[parent] = self._identified(parent, names)
                self._links[parent] = links
        if below != self._below:
            self._below = below
            self._links = {parent: self._links[parent] for parent in below}
            found = (place for places in below.values() for place in places.values())
            self._scanned = frozenset(place for place in found if place is not None)
        return self._scanned

    def walk(self) -> frozenset[Place]:
        """Look through the whole tree, the upper levels first, and learn the parents.

        What lies beyond the bounds is not found.
        """
        self.is_cut = False
        found: set[Place] = set()
        seen = 0
        waiting = deque([("/", 0)])
        while waiting:
            path, depth = waiting.popleft()
            for name in self._names(path) or ():
                seen += 1
                if seen > MOST_DIRECTORIES:
                    self.is_cut = True
                    return frozenset(found)
                if (place := _place(path, name)) is not None:
                    found.add(place)
                    self._parents.add(path)
                elif holds_all_pods(name):
                    self._nests.add(f"{path.rstrip('/')}/{name}")
                if depth + 1 < MOST_DEPTH:
                    waiting.append((f"{path.rstrip('/')}/{name}", depth + 1))
        return frozenset(found)

    def find(self, container_id: str, hint_parents: Iterable[str] = ()) -> Place | None:
        """Return a container by trying its possible names below hinted and known parents."""
        for parent in (*hint_parents, *self._parents):
            for path in possible_paths(container_id, parent):
                directory = self._directory(path)
                place = identified(path)
                if directory is not None and place is not None and is_directory(directory):
                    self._parents.add(parent)
                    # It may have come in the place of one that has ended.
                    self._links.pop(parent, None)
                    return place
        return None

    def _pods(self) -> set[str]:
        """Return the pods that there are now."""
        found = set()
        for nest in self._nests:
            inner = [f"{nest}/{name}" for name in self._names(nest) or () if holds_some_pods(name)]
            for path in (nest, *inner):
                found |= {f"{path}/{name}" for name in self._names(path) or () if is_pod(name)}
        return found

    def _identified(self, parent: str, names: list[str]) -> dict[str, Place | None]:
        known = self._below.get(parent, {})
        if list(known) == names:
            return known
        return {name: known[name] if name in known else _place(parent, name) for name in names}

    def _names(self, path: str) -> list[str] | None:
        directory = self._directory(path)
        # One more than the bound tells that there are more.
        return None if directory is None else child_names(directory, MOST_DIRECTORIES + 1)

    def _link_count(self, path: str) -> int | None:
        directory = self._directory(path)
        return None if directory is None else link_count(directory)

    def _directory(self, path: str) -> str | None:
        home = None if self._hierarchy is None else self._hierarchy.home(path)
        return None if home is None else home.directory


def _place(parent: str, name: str) -> Place | None:
    # Below a container every cgroup is in it; only its own directory is the container.
    path = f"{parent.rstrip('/')}/{name}"
    place = identified(path)
    return place if place is not None and place.path == path else None
