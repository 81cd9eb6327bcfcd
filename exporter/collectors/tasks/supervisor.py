"""The parent of a task process, which inherits its figures once it has waited for it."""

from __future__ import annotations

from typing import NamedTuple

from exporter.collectors.tasks.procfs import Procfs
from exporter.collectors.tasks.stat import Storage, parsed_stat, parsed_storage


class Span(NamedTuple):
    """What it had inherited before its task process ended, and what since; in any unit."""

    before: int
    after: int


class Supervisor:
    """Waits for one task at a time; what it was read to have is compared with what it has."""

    def __init__(self, procfs: Procfs, pid: int) -> None:
        """Read what it has inherited so far."""
        self.pid = pid
        self._stat = procfs.kept_stat(pid)
        self._storage = procfs.kept_storage(pid)
        self._ticks = self._read_ticks()
        self._bytes: Storage | None = None
        self.note_storage()

    def note_storage(self) -> None:
        """Read its storage figures: its own are among them, so the gap must stay small."""
        self._bytes = parsed_storage(self._storage.read() or b"")

    def ticks(self) -> Span | None:
        """Return the CPU time that it has inherited, in clock ticks; None where it is not told."""
        now = self._read_ticks()
        return None if self._ticks is None or now is None else Span(self._ticks, now)

    def storage(self) -> tuple[Span, Span] | None:
        """Return the bytes read and written by it and by those it has waited for."""
        before = self._bytes
        self.note_storage()
        if before is None or self._bytes is None:
            return None
        return Span(before.read, self._bytes.read), Span(before.written, self._bytes.written)

    def close(self) -> None:
        """Release the descriptors."""
        self._stat.close()
        self._storage.close()

    def _read_ticks(self) -> int | None:
        stat = parsed_stat(self._stat.read() or b"")
        return stat.inherited_ticks if stat else None
