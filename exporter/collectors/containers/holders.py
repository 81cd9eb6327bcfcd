"""What holds containers, whose counters keep what removed containers have used."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping

from exporter import catalogue
from exporter.collectors.containers.leftover import USUAL_HOLDERS, Leftover, holder, holder_class
from exporter.collectors.containers.member import Member
from exporter.kernel.cgroup import Cgroup
from exporter.kernel.directories import is_directory
from exporter.kernel.hierarchies import Home
from exporter.kernel.kept import Descriptors
from exporter.samples import Sample


class Holder:
    """One cgroup that holds nothing but containers, or pods of them."""

    def __init__(self, kind: str, cgroup: Cgroup, books: Leftover) -> None:
        """Take its cgroup; nothing is read yet."""
        self.kind = kind
        """The class that `holder_class` told."""
        self.books = books
        self.members: set[Member] = set()
        """Its living containers."""
        self._cgroup = cgroup
        self._seconds: float | None = None

    def read(self) -> bool:
        """Read the CPU used by all that it ever held; tell whether it is still there."""
        reading = self._cgroup.fast()
        self._seconds = None if reading is None else reading.cpu_seconds
        return self._seconds is not None

    def update(self) -> None:
        """Bring the books up to date with readings of its containers made after its own."""
        if not self.books.is_begun:
            # Once after them: else what they used in between would be told as left over.
            self.read()
        if self._seconds is not None:
            living = sum(member.cpu_seconds for member in self.members)
            self.books.update(self._seconds, living)

    def close(self) -> None:
        """Release what is kept open."""
        self._cgroup.close()


class Holders:
    """Every holder of nothing but containers or pods, and what those that are gone had left."""

    def __init__(
        self, homes: Callable[[str], Mapping[str, Home]], descriptors: Descriptors
    ) -> None:
        """Take who knows the directories of a path."""
        self._homes = homes
        self._descriptors = descriptors
        self._usual = {path: homes(path).get("cpuacct") for path in USUAL_HOLDERS}
        self._known: dict[str, Holder] = {}
        self._closed: dict[str, float] = defaultdict(float)
        """CPU seconds by class."""
        self._looked = False

    def begin(self, member: Member) -> None:
        """Take a container that has come."""
        if (path := holder(member.place.parent or "")) is not None:
            self._open(path)
            self._known[path].members.add(member)

    def end(self, member: Member) -> None:
        """Take the last reading of a container that has ended."""
        found = self._known.get(holder(member.place.parent or "") or "")
        if found is not None:
            found.members.discard(member)
            found.books.end(member.cpu_seconds)

    def read(self) -> None:
        """Read every holder; to be done before its containers are read."""
        # The usual ones also while nothing is in them: of what comes and goes unseen they tell.
        for path, home in self._usual.items():
            if home is not None and is_directory(home.directory):
                self._open(path)
        for path, each in list(self._known.items()):
            if not each.read() and not each.members:
                del self._known[path]
                each.close()
                self._closed[each.kind] += each.books.seconds

    def update(self) -> None:
        """Bring all books up to date, after the containers have been read."""
        for each in self._known.values():
            each.update()
        self._looked = True

    def samples(self) -> Iterator[Sample]:
        """Make a sample for each class."""
        totals = self._closed.copy()
        for each in self._known.values():
            totals[each.kind] += each.books.seconds
        for kind, seconds in totals.items():
            yield Sample(catalogue.CONTAINER_UNATTRIBUTED_CPU, (kind,), seconds)

    def _open(self, path: str) -> None:
        if path not in self._known:
            # One that was looked for from the first look on has nothing before our time.
            books = Leftover(is_new=self._looked and path in USUAL_HOLDERS)
            cgroup = Cgroup(self._homes(path), self._descriptors)
            self._known[path] = Holder(holder_class(path), cgroup, books)
