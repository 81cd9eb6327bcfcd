"""What is remembered of dbt's invocations, so that each counts once."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from exporter.rows.stages import Place
from exporter.rows.timed import Timed
from exporter.rows.window import Slot, Window, moved
from exporter.samples import Checkpoint, EntryKey

KEPT_SECONDS = 7 * 86_400.0
MAX_INVOCATIONS = 10_000
_WINDOW = "window"


@dataclass(frozen=True, slots=True)
class Memory:
    """Moments are Unix seconds."""

    first_look: float
    """When the directory was looked at for the first time ever: what is older is not counted."""
    counted: Mapping[str, float] = field(default_factory=dict)
    """When each invocation was counted, the oldest first."""
    window: Window = field(default_factory=dict)
    """What those wrote in the last minutes that belong to no try."""

    def with_written(self, now: float, written: Iterable[tuple[Place, Timed]]) -> Memory:
        """Return the memory with what was written in this minute."""
        return replace(self, window=moved(self.window, now, written))

    def with_counted(self, invocation: str, now: float) -> Memory:
        """Return the memory with one more invocation; the oldest go."""
        counted = {**self.counted, invocation: now}
        surplus = len(counted) - MAX_INVOCATIONS
        kept = {
            name: at
            for position, (name, at) in enumerate(counted.items())
            if position >= surplus and now - at <= KEPT_SECONDS
        }
        return replace(self, counted=kept)


def restored(entries: Mapping[EntryKey, str]) -> Memory | None:
    """Return what a ledger's entries hold, None if nothing; raise ValueError or TypeError."""
    first_look = entries.get(("dbt", "first_look"))
    if first_look is None:
        return None
    counted = {key: float(at) for (section, key), at in entries.items() if section == "invocation"}
    ordered = dict(sorted(counted.items(), key=lambda each: each[1]))
    window = {
        Slot(*json.loads(key)): Timed(*json.loads(text))
        for (section, key), text in entries.items()
        if section == _WINDOW
    }
    return Memory(float(first_look), ordered, window)


def checkpoint(before: Memory | None, after: Memory) -> Checkpoint:
    """Return what has changed, as entries."""
    known = {} if before is None else _entries(before)
    now = _entries(after)
    return Checkpoint(
        {key: value for key, value in now.items() if known.get(key) != value},
        [key for key in known if key not in now],
        lambda: now,
    )


def _entries(memory: Memory) -> dict[EntryKey, str]:
    counted = {("invocation", name): repr(at) for name, at in memory.counted.items()}
    window = {(_WINDOW, json.dumps(slot)): json.dumps(each) for slot, each in memory.window.items()}
    return {("dbt", "first_look"): repr(memory.first_look), **counted, **window}
