"""What is remembered of dbt's invocations, so that each counts once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from exporter.samples import Checkpoint, EntryKey

KEPT_SECONDS = 7 * 86_400.0
MAX_INVOCATIONS = 10_000


@dataclass(frozen=True, slots=True)
class Memory:
    """Moments are Unix seconds."""

    first_look: float
    """When the directory was looked at for the first time ever: what is older is not counted."""
    counted: Mapping[str, float] = field(default_factory=dict)
    """When each invocation was counted, the oldest first."""

    def with_counted(self, invocation: str, now: float) -> Memory:
        """Return the memory with one more invocation; the oldest go."""
        counted = {**self.counted, invocation: now}
        surplus = len(counted) - MAX_INVOCATIONS
        kept = {
            name: at
            for position, (name, at) in enumerate(counted.items())
            if position >= surplus and now - at <= KEPT_SECONDS
        }
        return Memory(self.first_look, kept)


def restored(entries: Mapping[EntryKey, str]) -> Memory | None:
    """Return what a ledger's entries hold; None when there was none; raise ValueError if broken."""
    first_look = entries.get(("dbt", "first_look"))
    if first_look is None:
        return None
    counted = {key: float(at) for (section, key), at in entries.items() if section == "invocation"}
    ordered = dict(sorted(counted.items(), key=lambda each: each[1]))
    return Memory(float(first_look), ordered)


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
    return {("dbt", "first_look"): repr(memory.first_look), **counted}
