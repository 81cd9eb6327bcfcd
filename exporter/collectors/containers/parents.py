"""The parents of containers, whose counters keep what their removed children have used."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping

from exporter import catalogue
from exporter.collectors.containers.leftover import Leftover, parent_class
from exporter.collectors.containers.member import Member
from exporter.kernel.cgroup import Cgroup
from exporter.kernel.hierarchies import Home
from exporter.kernel.kept import Descriptors
from exporter.samples import Sample


class Parents:
    """The books of every parent that holds nothing but containers."""

    def __init__(
        self, homes: Callable[[str], Mapping[str, Home]], descriptors: Descriptors
    ) -> None:
        """Take who knows the directories of a path."""
        self._homes = homes
        self._descriptors = descriptors
        self._cgroups: dict[str, Cgroup] = {}
        self._books: dict[str, Leftover] = {}
        self._closed: dict[str, float] = defaultdict(float)
        """By class, what parents that are gone had left."""
        self._looked = False

    def read(self, paths: Iterable[str | None]) -> dict[str, float]:
        """Return the CPU seconds of each parent; to be read before its containers are."""
        wanted = {path for path in paths if path is not None and parent_class(path) is not None}
        for path in wanted - self._cgroups.keys():
            self._cgroups[path] = Cgroup(self._homes(path), self._descriptors)
        seconds = {}
        for path, cgroup in list(self._cgroups.items()):
            reading = cgroup.fast()
            if reading is not None and reading.cpu_seconds is not None:
                seconds[path] = reading.cpu_seconds
            elif path not in wanted:
                self._close(path)
        return seconds

    def update(self, seconds: Mapping[str, float], members: Iterable[Member]) -> None:
        """Bring the books up to date with the containers' readings, made after the parents'."""
        living: dict[str, dict[str, float]] = {path: {} for path in seconds}
        for member in members:
            if member.place.parent in living:
                living[member.place.parent][member.place.container_id] = member.cpu_seconds
        for path, containers in living.items():
            if path in self._books:
                self._books[path].update(seconds[path], containers)
            else:
                # A pod that was not there at the first look has nothing before our time.
                is_new = self._looked and parent_class(path) == "pod"
                self._books[path] = Leftover(seconds[path], containers, is_new=is_new)
        self._looked = True

    def samples(self) -> Iterator[Sample]:
        """Make a sample for each class of parents."""
        totals = self._closed.copy()
        for path, books in self._books.items():
            totals[str(parent_class(path))] += books.seconds
        for name, seconds in totals.items():
            yield Sample(catalogue.CONTAINER_UNATTRIBUTED_CPU, (name,), seconds)

    def _close(self, path: str) -> None:
        self._cgroups.pop(path).close()
        if (books := self._books.pop(path, None)) is not None:
            self._closed[str(parent_class(path))] += books.seconds
