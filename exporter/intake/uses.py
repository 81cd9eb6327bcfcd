"""What tries have used, as others told: waits until their DAG is known, and counts once."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import astuple, dataclass
from functools import partial
from itertools import takewhile

from exporter import catalogue
from exporter.intake.payload import Use
from exporter.samples import Checkpoint, EntryKey, Sample

WAITING, COUNTED = "use", "used"
"""Sections of the checkpoint."""
MAX_STRANGERS = 2_000
"""Uses that wait for DAGs that nobody knows, or knows yet."""
MAX_WAITING = 20_000
"""Uses in all: those of known DAGs leave with the next step, of which none is larger than this."""
MAX_COUNTED = 200_000
WAITING_SECONDS = 3_600.0
"""How long a use waits for its DAG to be known."""
COUNTED_SECONDS = 7 * 86_400.0
"""How long a use that was counted is not counted again."""


@dataclass(frozen=True, slots=True)
class _Waiting:
    use: Use
    at: float
    """Unix seconds of its arrival."""


@dataclass(frozen=True, slots=True)
class Step:
    """What counts now, and what the ledger must know of it."""

    increments: list[Sample]
    checkpoint: Checkpoint
    counted: Mapping[str, float]
    gone: tuple[str, ...]


class Uses:
    """Uses by their keys; belongs to one thread."""

    def __init__(self, entries: Mapping[EntryKey, str]) -> None:
        """Start from a checkpoint's entries; raise ValueError or TypeError for unreadable ones."""
        self._waiting = {key: _read(text) for key, text in _section(entries, WAITING)}
        counted = ((key, float(text)) for key, text in _section(entries, COUNTED))
        # A file has no order; theirs is that of time.
        self._counted = dict(sorted(counted, key=lambda each: each[1]))
        self._fresh: set[str] = set()
        """Waiting uses that the ledger does not know yet."""

    @property
    def waiting(self) -> int:
        """Count the uses that wait."""
        return len(self._waiting)

    def take(self, key: str, use: Use, now: float, *, known: bool) -> bool:
        """Take a use in unless it is here already; tell whether there was room.

        `known` tells whether there is such a DAG: strangers leave most of the room to others.
        """
        if key in self._waiting or key in self._counted:
            return True
        if len(self._waiting) >= (MAX_WAITING if known else MAX_STRANGERS):
            return False
        self._waiting[key] = _Waiting(use, now)
        self._fresh.add(key)
        return True

    def step(self, is_known: Callable[[str], bool], now: float) -> Step:
        """Count what belongs to DAGs that are known; it holds once it is `accepted`."""
        ready = [key for key, each in self._waiting.items() if is_known(each.use.dag_id)]
        counted = dict.fromkeys(ready, now)
        old = (k for k, each in self._waiting.items() if now - each.at > WAITING_SECONDS)
        gone = tuple(key for key in old if key not in counted)
        fresh = {
            (WAITING, key): _written(self._waiting[key])
            for key in self._fresh
            if key not in counted
        }
        forgotten = self._forgotten(len(counted), now)
        drop = [(WAITING, key) for key in (*ready, *gone)] + [(COUNTED, key) for key in forgotten]
        put = {**fresh, **{(COUNTED, key): repr(now) for key in ready}}
        increments = [each for key in ready for each in _samples(self._waiting[key].use)]
        entries = partial(self._entries, counted)
        return Step(increments, Checkpoint(put, drop, entries), counted, (*gone, *forgotten))

    def accepted(self, step: Step) -> None:
        """Take over a step that the store has."""
        for key in (*step.counted, *step.gone):
            self._waiting.pop(key, None)
            self._counted.pop(key, None)
        self._counted.update(step.counted)
        self._fresh.clear()

    def _forgotten(self, coming: int, now: float) -> list[str]:
        """Return the oldest counted uses: what is too old, and what is too many."""
        surplus = len(self._counted) + coming - MAX_COUNTED
        numbered = enumerate(self._counted.items())
        return [
            key
            for _, (key, _) in takewhile(
                lambda each: each[0] < surplus or now - each[1][1] > COUNTED_SECONDS, numbered
            )
        ]

    def _entries(self, counted: Mapping[str, float]) -> Mapping[EntryKey, str]:
        waiting = {
            (WAITING, key): _written(each)
            for key, each in self._waiting.items()
            if key not in counted
        }
        known = {**self._counted, **counted}
        return {**waiting, **{(COUNTED, key): repr(at) for key, at in known.items()}}


def _samples(use: Use) -> Iterator[Sample]:
    amounts = (
        (catalogue.TASK_CPU, use.cpu_seconds),
        (catalogue.TASK_PEAK_MEMORY, use.peak_memory_bytes),
        (catalogue.TASK_READ, use.read_bytes),
        (catalogue.TASK_WRITTEN, use.written_bytes),
    )
    for family, amount in amounts:
        if amount is not None:
            yield Sample(family, (use.dag_id, use.task_id), float(amount))


def _section(entries: Mapping[EntryKey, str], wanted: str) -> Iterator[tuple[str, str]]:
    return ((key, text) for (section, key), text in entries.items() if section == wanted)


def _written(waiting: _Waiting) -> str:
    return json.dumps([waiting.at, *astuple(waiting.use)])


def _read(text: str) -> _Waiting:
    at, *use = json.loads(text)
    return _Waiting(Use(*use), float(at))
