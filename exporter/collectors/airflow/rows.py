"""The rows' part of the Airflow sample: tries just counted, their XCom, and what was pushed."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial
from itertools import islice

import structlog
from sqlalchemy import Connection

from exporter import catalogue
from exporter.catalogue import Family
from exporter.clock import Clock
from exporter.collectors.airflow import xcom
from exporter.collectors.airflow.options import Options
from exporter.collectors.airflow.schema import Schema
from exporter.collectors.airflow.transaction import begin
from exporter.errors import SourceUnavailableError
from exporter.model import FinishedTry, TaskKey
from exporter.rows.account import (
    SUCCESS,
    Account,
    Terms,
    advanced,
    announced,
    info_samples,
)
from exporter.rows.book import ClaimBook
from exporter.rows.claim import Claim, TryId
from exporter.rows.settlement import Limits, Waiting
from exporter.rows.stages import Placing
from exporter.rows.tasks import TaskName
from exporter.samples import Labels, Sample

Tags = Mapping[str, tuple[str, ...]]
"""Tags by DAG."""
Transact = Callable[[Callable[[Connection, Schema], xcom.Reading]], xcom.Reading]
"""Runs a reading in a transaction of its own."""


@dataclass(frozen=True, slots=True)
class Seen:
    """What the sample saw that rows depend on."""

    finished: Collection[FinishedTry]
    live: Collection[TaskKey]
    tasks: frozenset[TaskName]
    """Tasks of the active set; the same object while it is the same set."""
    tags: Tags | None
    """The same object until they were read again; None while they cannot be read."""


@dataclass(frozen=True, slots=True)
class RowsSample:
    """What the rows add to a batch."""

    account: Account
    increments: Sequence[Sample] = ()
    announced: Sequence[tuple[Family, Labels]] = ()
    gauges: Mapping[str, list[Sample]] = field(default_factory=dict)


class Rows:
    """Settles how much each counted try wrote, with XCom and the book of what was pushed."""

    def __init__(self, book: ClaimBook, clock: Clock) -> None:
        """Share the book with those who take pushes."""
        self._book = book
        self._clock = clock
        self._log = structlog.get_logger("exporter.collectors.airflow")
        self._failing_since: float | None = None
        """Monotonic seconds of the first of the last readings of XCom, all of which failed."""
        self._tags: Tags = {}
        self._used: Mapping[TryId, tuple[Claim, ...]] = {}
        self._basis: tuple[object, ...] = ()
        """What the places of the active tasks depend on, as the store has them."""
        self._next_basis: tuple[object, ...] = ()

    def sample(
        self, account: Account, seen: Seen, options: Options, transact: Transact | None
    ) -> RowsSample:
        """Take in what has finished, read its XCom, and settle what is due.

        Without `transact` no XCom is read.
        """
        now = self._clock.wall()
        self._book.expire(now)
        self._tags = self._tags if seen.tags is None else seen.tags
        placing = Placing(options.rules.tasks, self._tags)
        wanted = options.dags.wants
        finished = {**account.tries.waiting, **_waiting(seen.finished, now, wanted)}
        told, skipped = self._told(finished, options, transact)
        terms = Terms(placing, self._limits(options.row_limits), wanted)
        self._next_basis = (seen.tasks, self._tags, options.rules, options.dags)
        moved = not _same(self._basis, self._next_basis)
        active = seen.tasks if moved else ()
        step = advanced(account, {**finished, **told}, self._book, now, terms, active=active)
        self._used = step.used
        gauges = {}
        if moved or step.account.tasks is not account.tasks:
            gauges["row_tasks"] = [*info_samples(step.account, terms)]
        return RowsSample(
            step.account,
            [*step.increments, *_skipped(skipped)],
            [*announced(step.account, seen.tasks, self._claims_on(seen.live), terms)],
            gauges,
        )

    def accepted(self) -> None:
        """Let go of the claims that the last sample settled: the store has them."""
        self._book.drop(self._used)
        self._used = {}
        self._basis = self._next_basis

    def _told(
        self, waiting: Mapping[TryId, Waiting], options: Options, transact: Transact | None
    ) -> tuple[Mapping[TryId, Waiting], Mapping[str, int]]:
        """Return the tries whose XCom has now been read, and what was skipped in it."""
        unread = (item for item in waiting.items() if item[1].told is None)
        page = dict(islice(unread, xcom.TRIES_A_READING))
        # Of two tries of one task instance the later is the last here: XCom can only be its own.
        starts = {TaskKey(*on[:4]): each.start for on, each in page.items() if each.start}
        found = xcom.Reading()
        if page and transact is not None:
            try:
                found = transact(partial(_read, starts, options))
            except SourceUnavailableError as error:
                # What tries wrote is told later, or not: their being counted does not wait for it.
                self._note_xcom(good=False, error=str(error))
                return {}, {}
            self._note_xcom(good=True)
        told = {}
        for on, each in page.items():
            key = TaskKey(*on[:4])
            if key not in found.unread:
                is_own = starts.get(key) == each.start
                told[on] = replace(each, told=found.claims.get(key, ()) if is_own else ())
        return told, found.skipped

    def _limits(self, limits: Limits) -> Limits:
        """Return them as they are now: what waits for its turn alone is read, however long."""
        patience, since = limits.xcom_patience_seconds, self._failing_since
        if since is not None and self._clock.monotonic() - since >= patience:
            return limits
        return replace(limits, xcom_patience_seconds=math.inf)

    def _note_xcom(self, *, good: bool, error: str | None = None) -> None:
        if good and self._failing_since is not None:
            self._log.info("xcom.recovered")
            self._failing_since = None
        elif not good and self._failing_since is None:
            self._log.warning("xcom.failed", error=error)
            self._failing_since = self._clock.monotonic()

    def _claims_on(self, live: Collection[TaskKey]) -> Iterator[tuple[TryId, Claim]]:
        for on in self._book.ids() if len(self._book) else ():
            if on[:4] in live:
                for claim in self._book.of(on):
                    yield on, claim


def _read(
    starts: Mapping[TaskKey, datetime], options: Options, connection: Connection, schema: Schema
) -> xcom.Reading:
    begin(connection, options.timeout_seconds)
    return xcom.read(connection, schema, starts, options.rules.names)


def _waiting(
    finished: Iterable[FinishedTry], now: float, wanted: Callable[[str], bool]
) -> Mapping[TryId, Waiting]:
    return {
        TryId(*each.row.key, each.row.try_number or 0): Waiting(
            each.outcome,
            each.duration_seconds,
            now,
            each.row.start,
            # A try that did not succeed may have left a value, but nobody can tell of what.
            told=None if each.outcome == SUCCESS else (),
        )
        for each in finished
        if wanted(each.row.key.dag_id)
    }


def _same(one: tuple[object, ...], other: tuple[object, ...]) -> bool:
    return len(one) == len(other) and all(a is b for a, b in zip(one, other, strict=True))


def _skipped(counts: Mapping[str, int]) -> Iterator[Sample]:
    for reason, count in counts.items():
        yield Sample(catalogue.XCOM_SKIPPED, (reason,), float(count))
