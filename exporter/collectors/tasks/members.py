"""The processes of a tree: what is kept open of each, and how all of them are read."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TypeVar

from exporter.collectors.tasks.process_id import ProcessId
from exporter.collectors.tasks.stat import Stat, Storage, parsed_stat, parsed_storage
from exporter.kernel.kept import KeptFile

T = TypeVar("T")
_PASSES = 3
"""How often a tree is read while its members vanish."""


@dataclass(slots=True)
class Member:
    """What is kept open of one process."""

    id: ProcessId
    stat: KeptFile
    storage: KeptFile
    ours: bool
    """Whether all it ever used is to be counted; else what it uses from now on."""
    _last: tuple[bytes, Stat | None] = (b"", None)
    """What stat held at the last reading, and its meaning: most tasks wait most of the time."""

    def read(self) -> Stat | None:
        """Read the process's figures; None when it is gone."""
        data = self.stat.read() or b""
        if data != self._last[0]:
            stat = parsed_stat(data)
            # Its number is somebody else's where the file could not be kept open.
            self._last = (data, stat if stat and stat.start_ticks == self.id.start_ticks else None)
        return self._last[1]

    def read_storage(self) -> Storage | None:
        """Read what it moved to and from storage; None when it is gone or hides that."""
        return parsed_storage(self.storage.read() or b"")

    def close(self) -> None:
        """Release the descriptors."""
        self.stat.close()
        self.storage.close()


def all_read(
    processes: Iterable[ProcessId], read: Callable[[ProcessId], T | None]
) -> tuple[dict[ProcessId, T], set[ProcessId]]:
    """Read all in order, once more when some have vanished; return also who vanished at last."""
    left = list(processes)
    found: dict[ProcessId, T] = {}
    vanished: set[ProcessId] = set()
    for _ in range(_PASSES):
        found = {each: value for each in left if (value := read(each)) is not None}
        vanished = set(left) - found.keys()
        if not vanished:
            break
        left = list(found)
    return found, vanished
