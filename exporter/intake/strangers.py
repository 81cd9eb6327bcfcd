"""Claims on tries of DAGs that do not exist: few are kept, and not for long.

A DAG may be newer than what was last read of the database, or missing there for a moment, so they
are not refused at once; but nobody may fill the book with names of his own making.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import islice

from exporter.rows.claim import TryId

MAX_STRANGERS = 1_000
STAY_SECONDS = 600.0


class Strangers:
    """Who is in the book under a DAG that nobody knows; belongs to one thread."""

    def __init__(self, knows: Callable[[str], bool | None]) -> None:
        """Ask `knows` whether there is such a DAG; None while that cannot be told."""
        self._knows = knows
        self._since: dict[TryId, float] = {}

    def admits(self, on: TryId, now: float) -> bool:
        """Tell whether a try may be claimed; a stranger takes one of a few places."""
        if self._knows(on.dag_id) is not False or on in self._since:
            return True
        if len(self._since) >= MAX_STRANGERS:
            return False
        self._since[on] = now
        return True

    def overdue(self, booked: Iterable[TryId], now: float) -> list[TryId]:
        """Judge all that is in the book, whoever let it in; return those who must go.

        Some came while nobody could tell which DAGs there are, or before a restart: of these,
        too, the first ones alone have a place, and the others go at once.
        """
        strangers = {
            on: self._since.get(on, now) for on in booked if self._knows(on.dag_id) is False
        }
        staying = (on for on, since in strangers.items() if now - since <= STAY_SECONDS)
        self._since = {on: strangers[on] for on in islice(staying, MAX_STRANGERS)}
        return [on for on in strangers if on not in self._since]
