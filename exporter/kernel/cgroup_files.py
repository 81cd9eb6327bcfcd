"""The files of one cgroup, each opened once though its controllers may share it."""

from __future__ import annotations

from collections.abc import Mapping

from exporter.kernel.figures import BY_VERSION, Source
from exporter.kernel.hierarchies import Home
from exporter.kernel.kept import Descriptors, KeptFile

# What a last reading wants after the container has ended. The rest changes seldom: opening it
# anew is cheaper than 4.6 KB of kernel memory for each.
_KEPT = frozenset({"memory.stat", "cpu.stat"})
_NOWHERE = Source("", "")


class Figure:
    """One figure that is read at each tick: its file, and where in it the figure stands."""

    __slots__ = ("_file", "source")

    def __init__(self, file: KeptFile | None, source: Source) -> None:
        """Take the file and where in it; None where the controller is missing."""
        self._file = file
        self.source = source

    @property
    def descriptor(self) -> int | None:
        """What to `pread` from; -1 where there is nothing to read, None where `read` must open."""
        return -1 if self._file is None else self._file.descriptor

    def read(self) -> bytes | None:
        """Return the file's content, opened where need be."""
        return None if self._file is None else self._file.read()


class CgroupFiles:
    """Hold a cgroup's files; used by one thread at a time."""

    def __init__(
        self, homes: Mapping[str, Home], descriptors: Descriptors, *, keep_all: bool
    ) -> None:
        """Take the directories by controller; open nothing yet."""
        self.homes = homes
        self._descriptors = descriptors
        self._keep_all = keep_all
        self._files: dict[str, KeptFile] = {}

    def figure(self, name: str) -> Figure:
        """Return the reader of one figure, its file kept open."""
        if (source := self.source(name)) is None:
            return Figure(None, _NOWHERE)
        path = f"{self.homes[source.controller].directory}/{source.file}"
        return Figure(self._file(path, kept=True), source)

    def source(self, name: str) -> Source | None:
        """Return where a figure stands in this cgroup."""
        for version, figures in BY_VERSION.items():
            source: Source = getattr(figures, name)
            home = self.homes.get(source.controller)
            if home is not None and home.version == version:
                return source
        return None

    def look(self) -> Look:
        """Begin to read the rest, and look again for files that were not there."""
        for file in self._files.values():
            file.retry()
        return Look(self)

    def read(self, controller: str, name: str) -> bytes | None:
        """Return the content of a controller's file."""
        if (home := self.homes.get(controller)) is None:
            return None
        kept = self._keep_all or name in _KEPT
        return self._file(f"{home.directory}/{name}", kept=kept).read()

    def close(self) -> None:
        """Close all."""
        for file in self._files.values():
            file.close()

    def _file(self, path: str, *, kept: bool) -> KeptFile:
        if (file := self._files.get(path)) is None:
            file = KeptFile(path, self._descriptors if kept else None)
            self._files[path] = file
        return file


class Look:
    """Read each file once, however many figures stand in it: they fit together."""

    def __init__(self, files: CgroupFiles) -> None:
        """Take the files; nothing is read yet."""
        self._files = files
        self._read: dict[tuple[str, str], bytes | None] = {}

    @property
    def found(self) -> bool:
        """Tell whether any file was there."""
        return any(data is not None for data in self._read.values())

    def version(self, controller: str) -> int | None:
        """Return the cgroup version of a controller; None where it is missing."""
        home = self._files.homes.get(controller)
        return None if home is None else home.version

    def data(self, controller: str, name: str) -> bytes | None:
        """Return a file's content as of this look."""
        key = (controller, name)
        if key not in self._read:
            self._read[key] = self._files.read(controller, name)
        return self._read[key]

    def value(self, name: str) -> int | None:
        """Return a figure in the file's unit."""
        source = self._files.source(name)
        return source and source.value(self.data(source.controller, source.file))

    def seconds(self, name: str) -> float | None:
        """Return a figure that is a time."""
        source = self._files.source(name)
        return source and source.seconds(self.data(source.controller, source.file))
