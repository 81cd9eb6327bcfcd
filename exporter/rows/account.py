"""One step of the rows' account: tries that were counted, and what is claimed of them, to samples.

The same for whoever counts tries: the Airflow collector, or where there is no database the one
that goes by what pushes say.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from exporter import catalogue
from exporter.catalogue import Family
from exporter.rows.book import ClaimBook
from exporter.rows.claim import Claim, TryId
from exporter.rows.processed import processed
from exporter.rows.settlement import Growth, Limits, Memory, Settlement, Waiting, settle
from exporter.rows.stages import UNKNOWN, Place, Placing, is_expected
from exporter.rows.tasks import (
    Known,
    TaskName,
    Tasks,
    children,
    has_told,
    info,
    main_place,
    noted,
)  # fmt: skip
from exporter.rows.timed import Timed
from exporter.rows.window import Window, moved
from exporter.samples import Labels, Sample

SUCCESS = "success"


@dataclass(frozen=True, slots=True)
class Account:
    """Everything that is kept of rows from one step to the next."""

    tries: Memory = field(default_factory=Memory)
    tasks: Tasks = field(default_factory=dict)
    window: Window = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Terms:
    """What the account goes by; the user and the DAGs may change it from step to step."""

    placing: Placing = field(default_factory=Placing)
    limits: Limits = field(default_factory=Limits)
    wanted: Callable[[str], bool] = lambda _: True
    """Tells of a DAG id whether the user's filters let it through."""


@dataclass(frozen=True, slots=True)
class Step:
    """The account after a step, and what the step counts."""

    account: Account
    increments: list[Sample]
    used: Mapping[TryId, tuple[Claim, ...]]
    """Claims to drop from the book once the increments are in the store."""


def advanced(
    account: Account,
    counted: Mapping[TryId, Waiting],
    book: ClaimBook,
    now: float,
    terms: Terms,
    *,
    active: Iterable[TaskName] = (),
) -> Step:
    """Take in tries just counted, settle what is due at `now` (Unix seconds), and count it.

    `active` are tasks with tries under way: those that belong to a stage are remembered.
    """
    tries = account.tries
    if counted:
        tries = Memory({**tries.waiting, **counted}, tries.settled)
    settled = settle(tries, book.of, book.ids() if len(book) else (), now, terms.limits)
    increments: list[Sample] = []
    seen = [*_placed(active, terms, now)]
    written: list[tuple[Place, Timed]] = []
    for each in settled.settlements:
        if not terms.wanted(each.id.dag_id):
            continue
        told = [(terms.placing.of(*each.id[:2], grown.claim), grown) for grown in each.grown]
        increments += _increments(each, told)
        increments += _unknown(each, account.tasks, terms)
        seen += _told(each, told, now)
        if each.outcome == SUCCESS:
            written += [(place, grown.timed) for place, grown in told]
    tasks, window = noted(account.tasks, now, seen), moved(account.window, now, written)
    return Step(Account(settled.memory, tasks, window), increments, settled.used)


def announced(
    account: Account,
    active: Iterable[TaskName],
    claims: Iterable[tuple[TryId, Claim]],
    terms: Terms,
) -> Iterator[tuple[Family, Labels]]:
    """Name the series that tries of these tasks, and claims on live tries, will count in."""
    for name in active:
        if name in account.tasks and terms.wanted(name[0]):
            yield from children(name, account.tasks[name])
    for on, claim in claims:
        if terms.wanted(on.dag_id):
            yield from children(on[:2], (_known(terms.placing.of(*on[:2], claim), claim, 0.0),))


def info_samples(account: Account, terms: Terms) -> Iterator[Sample]:
    """Make the gauge that joins tasks and stages."""
    yield from (each for each in info(account.tasks) if terms.wanted(each.labels[0] or ""))


def _increments(settlement: Settlement, told: Iterable[tuple[Place, Growth]]) -> Iterator[Sample]:
    name = settlement.id[:2]
    for place, grown in told:
        if settlement.outcome == SUCCESS:
            yield from processed(place, name, grown.claim, grown.timed)
        elif grown.claim.rows is not None:
            yield Sample(catalogue.ROWS_FAILED_TRY, (*place, *name), float(grown.claim.rows))


def _unknown(settlement: Settlement, tasks: Tasks, terms: Terms) -> Iterator[Sample]:
    """Count a try that should have told its rows and did not; once, whatever is told late."""
    if settlement.late or settlement.rows_known:
        return
    name = settlement.id[:2]
    places = tasks.get(name, ())
    if has_told(places) or is_expected(*name, terms.placing.rules):
        place = main_place(places) or terms.placing.of(*name)
        yield Sample(catalogue.TRIES_ROWS_UNKNOWN, (place.pipeline, place.stage, *name), 1.0)


def _placed(
    active: Iterable[TaskName], terms: Terms, now: float
) -> Iterator[tuple[TaskName, Known]]:
    """Yield the tasks that a rule expects to tell, or that something places in a stage."""
    for name in active:
        place = terms.placing.of(*name)
        expected = is_expected(*name, terms.placing.rules)
        if expected or place.stage != UNKNOWN:
            yield name, Known(place, now, expected=expected)


def _told(
    settlement: Settlement, told: Iterable[tuple[Place, Growth]], now: float
) -> Iterator[tuple[TaskName, Known]]:
    for place, grown in told:
        yield settlement.id[:2], _known(place, grown.claim, now)


def _known(place: Place, claim: Claim, now: float) -> Known:
    return Known(place, now, claim.rows is not None, claim.bytes is not None)
