"""The collector that counts pushed tries where no database is sampled: by the state they tell."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace

import structlog

from exporter.clock import Clock
from exporter.collectors.base import Collector
from exporter.rows.account import (
    Account,
    Step,
    Terms,
    advanced,
    announced,
    info_samples,
)
from exporter.rows.book import ClaimBook
from exporter.rows.claim import Claim, TryId
from exporter.rows.memory import compare_accounts, restored_account
from exporter.rows.settlement import Waiting
from exporter.rows.window import Window
from exporter.samples import Batch, Changes, EntryKey

SETTLED_SECONDS = 7 * 86_400.0
"""How long a push on a try is known to be another one on the same: a day's retries, and more."""
MAX_SETTLED = 100_000
"""Twice as many, of usual names, took 155 MB, and 263 after a restart."""


class PushedTries(Collector):
    """Settles what was pushed; a try counts when the first push tells how it ended."""

    name = "rows"

    def __init__(
        self,
        book: ClaimBook,
        entries: Mapping[EntryKey, str],
        clock: Clock,
        terms: Callable[[], Terms],
    ) -> None:
        """Share the book with those who take pushes; go on from what earlier checkpoints hold."""
        self._book = book
        self._clock = clock
        self._terms = terms
        self._account = _restored(entries)
        self._step: Step | None = None
        self._first = True

    @property
    def window(self) -> Window:
        """What the successful tries of the last minutes wrote."""
        return self._account.window

    def sample(self) -> Batch:
        """Take in the tries that were pushed since the last sample, and settle what is due."""
        now, terms, before = self._clock.wall(), self._terms(), self._account
        step = advanced(before, self._ended(now), self._book, now, terms)
        # What has told before is at 0 from the start, so that the first increase is seen.
        known = before.tasks if self._first else ()
        self._step = step
        changes = Changes()
        compare_accounts(changes, before, step.account)
        return Batch(
            gauges={"rows": [*info_samples(step.account, terms)]},
            increments=step.increments,
            announced=[*announced(step.account, known, self._claims(), terms)],
            checkpoint=changes.checkpoint(lambda: _entries(step.account)),
        )

    def accepted(self) -> None:
        """Let go of the claims that were settled: the store has them."""
        if self._step is not None:
            self._account = self._step.account
            self._book.drop(self._step.used)
            self._step = None
            self._first = False

    def _ended(self, now: float) -> Mapping[TryId, Waiting]:
        """Return the tries of which pushes now tell an end, or a worse one than they did."""
        known, new = self._account.tries, Waiting("", None, now)
        return {
            on: replace(before, outcome=state)
            for on, state in self._book.states().items()
            if on not in known.settled and (before := known.waiting.get(on, new)).outcome != state
        }

    def _claims(self) -> Iterator[tuple[TryId, Claim]]:
        for on in self._book.ids():
            for claim in self._book.of(on):
                yield on, claim


def _entries(account: Account) -> Mapping[EntryKey, str]:
    changes = Changes()
    compare_accounts(changes, Account(), account)
    return changes.put


def _restored(entries: Mapping[EntryKey, str]) -> Account:
    try:
        return restored_account(entries)
    except (ValueError, TypeError, KeyError) as error:
        structlog.get_logger("exporter.intake").error(
            "memory.unreadable", error=type(error).__name__
        )
        return Account()
