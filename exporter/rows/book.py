"""The book of claims: what was pushed of tries that have not been settled yet."""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from exporter.rows.claim import Claim, TryId, merged
from exporter.rows.entries import claim_values, claims_of, try_id, try_text
from exporter.samples import Checkpoint, EntryKey

MAX_CLAIMS = 50_000
"""Claims held at a time; more are refused until tries settle."""
MAX_LENGTH = 16 * 2**20
"""Characters of them as the ledger has them: three times what so many of usual names take."""
MAX_PARTS = 64
"""Claims on one try."""
EXPIRY_SECONDS = 86_400.0
"""How long a claim waits for somebody to count its try."""
SECTION = "claim"
_WORST_FIRST = ("failed", "up_for_retry", "skipped", "success", None)


class Entry(NamedTuple):
    """What is claimed of one try."""

    claims: tuple[Claim, ...]
    state: str | None
    """How the try ended, by what its pushes said."""
    at: float
    """Unix seconds of the first claim."""


def settled_state(one: str | None, other: str | None) -> str | None:
    """Return what holds of two states that were told of one try, in whatever order.

    A task may say that it has succeeded and fail after that: success is what everybody must say.
    """
    return min((one, other), key=_WORST_FIRST.index)


class ClaimBook:
    """Claims by try; written by those who take pushes, read and emptied by the one who counts."""

    def __init__(self, entries: Mapping[EntryKey, str] | None = None) -> None:
        """Start from a checkpoint's entries; raise ValueError or TypeError for unreadable ones."""
        self._lock = threading.Lock()
        found = {
            try_id(key): _entry(value)
            for (section, key), value in (entries or {}).items()
            if section == SECTION
        }
        self._entries = dict(sorted(found.items(), key=lambda each: each[1].at))
        self._size = sum(len(each.claims) for each in self._entries.values())
        self._length = sum(_length(on, each) for on, each in self._entries.items())
        self._changed: set[TryId] = set()

    def __len__(self) -> int:
        """Count the claims."""
        return self._size

    def put(self, on: TryId, claims: Sequence[Claim], state: str | None, now_wall: float) -> bool:
        """Take all claims of one push, or none when there is no room; tell which.

        They are held from now on, and durable once a checkpoint made later is written.
        """
        with self._lock:
            known = self._entries.get(on) or Entry((), None, now_wall)
            entry = Entry(
                merged((*known.claims, *claims)), settled_state(known.state, state), known.at
            )
            if entry == self._entries.get(on):
                return True
            size = self._size + len(entry.claims) - len(known.claims)
            length = self._length + _length(on, entry) - _length(on, known)
            if len(entry.claims) > MAX_PARTS or size > MAX_CLAIMS or length > MAX_LENGTH:
                return False
            self._entries[on] = entry
            self._size, self._length = size, length
            self._changed.add(on)
            return True

    def of(self, on: TryId) -> tuple[Claim, ...]:
        """Return what is claimed of a try."""
        entry = self._entries.get(on)
        return entry.claims if entry else ()

    def ids(self) -> list[TryId]:
        """Return the tries that there are claims on."""
        with self._lock:
            return list(self._entries)

    def states(self) -> dict[TryId, str]:
        """Return how tries ended, of those whose pushes told."""
        with self._lock:
            return {on: each.state for on, each in self._entries.items() if each.state is not None}

    def drop(self, used: Mapping[TryId, tuple[Claim, ...]]) -> None:
        """Forget tries whose claims are still the ones that were used."""
        with self._lock:
            for on, claims in used.items():
                entry = self._entries.get(on)
                if entry is not None and entry.claims == claims:
                    self._remove(on, entry)

    def expire(self, now_wall: float) -> None:
        """Forget claims whose try nobody has counted for a day."""
        with self._lock:
            old = []
            # Their order is that of their first claim.
            for on, entry in self._entries.items():
                if now_wall - entry.at <= EXPIRY_SECONDS:
                    break
                old.append((on, entry))
            for on, entry in old:
                self._remove(on, entry)

    def checkpoint(self) -> Checkpoint:
        """Return what has changed since the last checkpoint, for the ledger."""
        with self._lock:
            changed, self._changed = self._changed, set()
            put = {_key(on): _text(self._entries[on]) for on in changed if on in self._entries}
            drop = [_key(on) for on in changed if on not in self._entries]
            return Checkpoint(put, drop, self._all)

    def _all(self) -> Mapping[EntryKey, str]:
        with self._lock:
            return {_key(on): _text(entry) for on, entry in self._entries.items()}

    def _remove(self, on: TryId, entry: Entry) -> None:
        del self._entries[on]
        self._size -= len(entry.claims)
        self._length -= _length(on, entry)
        self._changed.add(on)


def _key(on: TryId) -> EntryKey:
    return (SECTION, try_text(on))


def _length(on: TryId, entry: Entry) -> int:
    return len(try_text(on)) + len(_text(entry)) if entry.claims else 0


def _text(entry: Entry) -> str:
    return json.dumps([claim_values(entry.claims), entry.state, entry.at])


def _entry(text: str) -> Entry:
    claims, state, at = json.loads(text)
    return Entry(claims_of(claims), state, float(at))
