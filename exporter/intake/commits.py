"""The thread that makes what was pushed durable: many pushes in one transaction of the ledger."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field

import structlog

from exporter.clock import Clock
from exporter.intake.payload import Report
from exporter.intake.strangers import Strangers
from exporter.intake.uses import Uses
from exporter.rows.book import ClaimBook, settled_state
from exporter.rows.claim import Claim, TryId
from exporter.samples import Batch, Checkpoint
from exporter.telemetry.store import Store

MAX_QUEUED = 512
"""Pushes that wait for the thread; more are refused."""
MAX_AT_ONCE = 256
"""Pushes in one transaction."""
_TICK_SECONDS = 1.0
"""How often uses that wait for their DAG are looked at."""
_EXPIRY_SECONDS = 10.0
"""How often claims that nobody counts are looked at."""
_STOP_SECONDS = 0.3


@dataclass(frozen=True, slots=True)
class _Push:
    reports: Sequence[Report]
    durable: Future[bool] = field(default_factory=Future)


class Committer:
    """Takes pushes from the web's thread and answers each once the ledger has it."""

    def __init__(
        self,
        name: str,
        store: Store,
        book: ClaimBook,
        uses: Uses,
        clock: Clock,
        *,
        wants: Callable[[str], bool],
        knows: Callable[[str], bool | None],
        must_persist: bool,
    ) -> None:
        """Prepare; nothing is taken before `start`.

        The ledger keeps claims and uses under `name`. `wants` tells of a DAG id whether the
        user's filters let it through, `knows` whether there is such a DAG (None while that cannot
        be told). With `must_persist` nothing is acknowledged that is in memory only.
        """
        self._name = name
        self._store = store
        self._book = book
        self._uses = uses
        self._clock = clock
        self._wants = wants
        self._knows = knows
        self._strangers = Strangers(knows)
        self._must_persist = must_persist
        self._log = structlog.get_logger("exporter.intake")
        self._expiry_due = clock.monotonic()
        self._queue: deque[_Push] = deque()
        self._stopped = False
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._run, name="intake", daemon=True)

    def start(self) -> None:
        """Begin to commit."""
        self._thread.start()

    def stop(self) -> None:
        """Commit what is queued, and end."""
        with self._changed:
            self._stopped = True
            self._changed.notify_all()
        if self._thread.is_alive():
            self._thread.join(_STOP_SECONDS)

    def submit(self, reports: Sequence[Report]) -> Future[bool] | None:
        """Queue a push; the future tells whether it was taken. None when the queue is full."""
        push = _Push(reports)
        with self._changed:
            if self._stopped or len(self._queue) >= MAX_QUEUED:
                return None
            self._queue.append(push)
            self._changed.notify_all()
        return push.durable

    def _run(self) -> None:
        while (pushes := self._next()) is not None:
            self._commit(pushes)

    def _next(self) -> list[_Push] | None:
        """Wait for pushes, at most until the next tick; return None at the end."""
        with self._changed:
            self._changed.wait_for(lambda: self._queue or self._stopped, _TICK_SECONDS)
            if self._stopped and not self._queue:
                return None
            count = min(len(self._queue), MAX_AT_ONCE)
            return [self._queue.popleft() for _ in range(count)]

    def _commit(self, pushes: Sequence[_Push]) -> None:
        try:
            taken = self._written([push.reports for push in pushes])
        # The request boundary goes on here, where answers are made: who waits is told, and the
        # web logs it. What was taken in stays: it counts once, whether it is sent again or not.
        except Exception as error:  # noqa: BLE001 - see above
            for push in pushes:
                push.durable.set_exception(error)
            if not pushes:
                self._log.exception("intake.failed")
        else:
            for push, is_taken in zip(pushes, taken, strict=True):
                push.durable.set_result(is_taken)

    def _written(self, pushes: Sequence[Sequence[Report]]) -> list[bool]:
        """Take pushes in and write them to the ledger; tell of each whether it is there."""
        now = self._clock.wall()
        # Before anything is let in: a book that was restored has strangers as well.
        self._expire(now)
        taken = [self._take(reports, now) for reports in pushes]
        claims, step = self._book.checkpoint(), self._uses.step(self._is_known, now)
        both = _joined(claims, step.checkpoint)
        if both.put or both.drop:
            self._store.put(self._name, Batch(increments=step.increments, checkpoint=both))
        self._uses.accepted(step)
        if self._must_persist and not self._store.persistent:
            return [False] * len(taken)
        return taken

    def _expire(self, now: float) -> None:
        if self._clock.monotonic() >= self._expiry_due:
            self._expiry_due = self._clock.monotonic() + _EXPIRY_SECONDS
            self._book.expire(now)
            gone = self._strangers.overdue(self._book.ids(), now)
            self._book.drop({on: self._book.of(on) for on in gone})

    def _take(self, reports: Sequence[Report], now: float) -> bool:
        """Take a push in, or as much of it as there is room for; tell whether that was all."""
        wanted = [report for report in reports if self._wants(report.on.dag_id)]
        room = True
        for on, claims, state in _by_try(wanted):
            admitted = self._strangers.admits(on, now)
            room = admitted and self._book.put(on, claims, state, now) and room
        for report in wanted:
            known = self._is_known(report.on.dag_id)
            for key, use in report.uses.items():
                room = self._uses.take(key, use, now, known=known) and room
        return room

    def _is_known(self, dag_id: str) -> bool:
        return self._knows(dag_id) is True


def _by_try(reports: Iterable[Report]) -> list[tuple[TryId, list[Claim], str | None]]:
    """Return the claims of a push by their try, each with the state that holds of those told."""
    claims: dict[TryId, list[Claim]] = {}
    states: dict[TryId, str | None] = {}
    for report in reports:
        if report.claim is not None:
            claims.setdefault(report.on, []).append(report.claim)
            states[report.on] = settled_state(states.get(report.on), report.state)
    return [(on, told, states[on]) for on, told in claims.items()]


def _joined(one: Checkpoint, other: Checkpoint) -> Checkpoint:
    return Checkpoint(
        {**one.put, **other.put},
        [*one.drop, *other.drop],
        lambda: {**one.everything(), **other.everything()},
    )
