"""What is remembered of dbt's invocations, so that each counts once."""

from __future__ import annotations

import json
import math
from bisect import bisect_left
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from operator import itemgetter

from exporter.rows.stages import Place
from exporter.rows.timed import Timed
from exporter.rows.window import Slot, Window, moved
from exporter.samples import Checkpoint, EntryKey

KEPT_SECONDS = 7 * 86_400.0
MAX_INVOCATIONS = 10_000
_SINCE = ("dbt", "first_look")
_WINDOW = "window"


@dataclass(frozen=True, slots=True)
class Memory:
    """Moments are Unix seconds."""

    since: float
    """What dbt made before is not counted: the first look ever, or the last that was forgotten."""
    counted: Mapping[str, float] = field(default_factory=dict)
    """When dbt made each invocation that has been counted, the oldest first."""
    window: Window = field(default_factory=dict)
    """What those wrote in the last minutes that belong to no try."""

    def with_written(self, now: float, written: Iterable[tuple[Place, Timed]]) -> Memory:
        """Return the memory with what was written in this minute."""
        return replace(self, window=moved(self.window, now, written))

    def with_counted(self, invocations: Mapping[str, float], now: float) -> Memory:
        """Return the memory with more invocations, by when dbt made them; the oldest go.

        Their files may stay for ever: what is as old as they are is not counted any more.
        """
        known = sorted({**self.counted, **invocations}.items(), key=itemgetter(1))
        old = bisect_left([at for _, at in known], now - KEPT_SECONDS)
        going = max(old, len(known) - MAX_INVOCATIONS)
        if going == 0:
            return replace(self, counted=dict(known))
        after = math.nextafter(known[going - 1][1], math.inf)
        return replace(self, since=max(self.since, after), counted=dict(known[going:]))


def restored(entries: Mapping[EntryKey, str]) -> Memory | None:
    """Return what a ledger's entries hold, None if nothing; raise ValueError or TypeError."""
    since = entries.get(_SINCE)
    if since is None:
        return None
    counted = {key: float(at) for (section, key), at in entries.items() if section == "invocation"}
    ordered = dict(sorted(counted.items(), key=lambda each: each[1]))
    window = {
        Slot(*json.loads(key)): Timed(*json.loads(text))
        for (section, key), text in entries.items()
        if section == _WINDOW
    }
    return Memory(float(since), ordered, window)


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
    return {_SINCE: repr(memory.since), **counted, **window}
