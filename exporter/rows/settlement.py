"""Which of the claims on a try count, and when: the rules, without a database or a socket.

A counted try waits for a grace, so that every source can tell; then the best source wins, and all
that it says counts. Later claims count only as far as they say more than what was counted, and
only those of the source that won, or of any when none had.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

from exporter.rows.claim import Claim, Part, Source, TryId, merged
from exporter.rows.timed import Timed, timed


@dataclass(frozen=True, slots=True)
class Limits:
    """How long and how many; seconds and tries."""

    grace_seconds: float = 10.0
    """How long a counted try waits for claims."""
    xcom_patience_seconds: float = 60.0
    """How long it waits for an XCom that cannot be read."""
    settled_seconds: float = 3600.0
    """How long a late claim on it still finds it."""
    max_settled: int = 50_000


@dataclass(frozen=True, slots=True)
class Waiting:
    """A counted try that may still be claimed."""

    outcome: str
    duration_seconds: float | None
    counted_at: float
    """Unix seconds."""
    start: datetime | None = None
    """Tells whether what is read in Airflow later is still of this try."""
    told: tuple[Claim, ...] | None = ()
    """Claims of its XCom; None until that was read."""


@dataclass(frozen=True, slots=True)
class Settled:
    """A try whose claims were counted."""

    outcome: str
    duration_seconds: float | None
    at: float
    """Unix seconds."""
    told: tuple[Claim, ...] = ()
    """What was counted, all by the source that won; empty when nobody told."""

    @property
    def winner(self) -> Source | None:
        """The source that won."""
        return self.told[0].source if self.told else None


@dataclass(frozen=True, slots=True)
class Memory:
    """What is remembered of tries from one step to the next."""

    waiting: Mapping[TryId, Waiting] = field(default_factory=dict)
    settled: Mapping[TryId, Settled] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Growth:
    """How much more is known of one part of a try than was counted of it before."""

    claim: Claim
    timed: Timed
    """Not the claim's: rows that were counted untimed may get their seconds late."""


@dataclass(frozen=True, slots=True)
class Settlement:
    """What must be counted of one try now."""

    id: TryId
    outcome: str
    grown: tuple[Growth, ...]
    """Amounts to add, by part; empty when no source told."""
    late: bool
    """The try was settled before: these claims say more."""

    @property
    def rows_known(self) -> bool:
        """Whether anybody told how many rows."""
        return any(each.claim.rows is not None for each in self.grown)


@dataclass(frozen=True, slots=True)
class Step:
    """One step of the settlement."""

    memory: Memory
    settlements: tuple[Settlement, ...]
    used: Mapping[TryId, tuple[Claim, ...]]
    """Pushed claims that are settled: whoever holds them may forget them."""


def settle(
    memory: Memory,
    pushed: Callable[[TryId], tuple[Claim, ...]],
    claimed: Collection[TryId],
    now: float,
    limits: Limits,
) -> Step:
    """Settle the tries whose wait is over, and late claims; `claimed` are the tries with any."""
    due = {on: each for on, each in memory.waiting.items() if _is_due(each, now, limits)}
    settlements: list[Settlement] = []
    changes: dict[TryId, Settled] = {}
    used: dict[TryId, tuple[Claim, ...]] = {}
    for on, each in due.items():
        used[on] = pushed(on)
        won = _timed(_won((*used[on], *(each.told or ()))), each.duration_seconds)
        changes[on] = Settled(each.outcome, each.duration_seconds, now, won)
        settlements.append(Settlement(on, each.outcome, _growth((), won), late=False))
    for on in claimed:
        before = memory.settled.get(on)
        if before is None or on in memory.waiting:
            continue
        used[on] = pushed(on)
        after = _with_late(before, used[on])
        if grown := _growth(before.told, after.told):
            changes[on] = after
            settlements.append(Settlement(on, after.outcome, grown, late=True))
    waiting = memory.waiting
    if due:
        waiting = {on: each for on, each in waiting.items() if on not in due}
    settled = {**memory.settled, **changes} if changes else memory.settled
    return Step(Memory(waiting, _kept(settled, now, limits)), tuple(settlements), used)


def _is_due(waiting: Waiting, now: float, limits: Limits) -> bool:
    waited = now - waiting.counted_at
    if waited < 0:
        return True  # the clock was set back: how long it has waited is not known any more
    if waiting.told is None and waited < limits.xcom_patience_seconds:
        return False
    return waited >= limits.grace_seconds


def _won(claims: Iterable[Claim]) -> tuple[Claim, ...]:
    """Return what the best source says that tells of any data."""
    telling = [claim for claim in merged(claims) if claim.tells]
    best = max((claim.source for claim in telling), default=None)
    return tuple(claim for claim in telling if claim.source is best)


def _timed(claims: Iterable[Claim], duration_seconds: float | None) -> tuple[Claim, ...]:
    """Let claims that say no seconds have taken the whole try."""
    return tuple(
        replace(claim, seconds=duration_seconds) if claim.seconds is None else claim
        for claim in claims
    )


def _with_late(settled: Settled, claims: Iterable[Claim]) -> Settled:
    """Add what the winner says late; when nobody had told, the best of the late ones wins."""
    winner = settled.winner
    late = _won(claim for claim in claims if winner is None or claim.source is winner)
    told = merged((*settled.told, *late))
    return replace(settled, told=_timed(told, settled.duration_seconds))


def _growth(before: Iterable[Claim], after: Iterable[Claim]) -> tuple[Growth, ...]:
    """Return how much more the later claims say, by part; parts that say no more are left out."""
    counted: Mapping[Part, Claim] = {claim.part: claim for claim in before}
    grown = []
    for claim in after:
        known = counted.get(claim.part)
        if known is None:
            grown.append(Growth(claim, timed(claim)))
        elif claim != known:
            grown.append(Growth(_difference(claim, known), timed(claim).minus(timed(known))))
    return tuple(grown)


def _difference(claim: Claim, known: Claim) -> Claim:
    return replace(
        claim,
        rows=None if claim.rows is None else claim.rows - (known.rows or 0),
        bytes=None if claim.bytes is None else claim.bytes - (known.bytes or 0),
        seconds=None if claim.seconds is None else claim.seconds - (known.seconds or 0.0),
    )


def _kept(settled: Mapping[TryId, Settled], now: float, limits: Limits) -> Mapping[TryId, Settled]:
    """Leave out the oldest: what is too old, and what is too many; the order is that of time."""
    surplus = len(settled) - limits.max_settled
    gone = []
    for position, (on, each) in enumerate(settled.items()):
        if position >= surplus and now - each.at <= limits.settled_seconds:
            break
        gone.append(on)
    if not gone:
        return settled
    left = dict(settled)
    for on in gone:
        del left[on]
    return left
