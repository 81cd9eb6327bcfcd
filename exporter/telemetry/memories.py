"""What collectors have asked to be remembered: the entries of their checkpoints."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import partial

from exporter.samples import Checkpoint, EntryKey
from exporter.telemetry.change import Change


class Memories:
    """By collector, what makes all entries that hold after its last checkpoint.

    Not the entries themselves: the collector holds the same, and in a smaller form.
    """

    def __init__(self, saved: Change, change: Change) -> None:
        """Start from what was saved; what changes from now on is noted in `change`."""
        entries: dict[str, dict[EntryKey, str]] = {}
        for (collector, key), value in saved.entries.items():
            entries.setdefault(collector, {})[key] = value
        self._of: dict[str, Callable[[], Mapping[EntryKey, str]]] = {
            name: partial(dict, found) for name, found in entries.items()
        }
        self._change = change

    def entries(self, collector: str) -> Mapping[EntryKey, str]:
        """Return all entries of a collector."""
        return self._of.get(collector, dict)()

    def note(self, collector: str, checkpoint: Checkpoint) -> None:
        """Take a checkpoint over."""
        for key in checkpoint.drop:
            self._change.drop_entry(collector, key)
        for key, value in checkpoint.put.items():
            self._change.put_entry(collector, key, value)
        self._of[collector] = checkpoint.everything

    def everything(self) -> Iterable[tuple[str, EntryKey, str]]:
        """Yield collector, key and value of every entry."""
        for collector, entries in self._of.items():
            for key, value in entries().items():
                yield collector, key, value
