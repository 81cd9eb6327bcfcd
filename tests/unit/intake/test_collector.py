"""Without a database a try counts when a push tells how it ended, once, restarts included."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from exporter import catalogue
from exporter.intake.collector import SETTLED_SECONDS, PushedTries
from exporter.rows.account import Terms
from exporter.rows.book import ClaimBook
from exporter.rows.claim import Claim, Source
from exporter.rows.settlement import Limits
from exporter.samples import Batch, EntryKey
from tests.support.clock import HandClock
from tests.unit.intake.reports import on

GRACE = 10.0


class World:
    """A collector, its book, and the ledger's entries after each accepted sample."""

    def __init__(self) -> None:
        self.time = HandClock()
        self.book = ClaimBook()
        self.entries: dict[EntryKey, str] = {}
        self.terms = Terms(limits=Limits(GRACE, settled_seconds=SETTLED_SECONDS))
        self.restart()

    def restart(self) -> None:
        self.collector = PushedTries(
            self.book, self.entries, self.time.clock, lambda: self.terms
        )  # fmt: skip

    def claim(self, rows: int, state: str | None = "success", number: int = 1) -> None:
        claims = [Claim(Source.EXPLICIT, rows=rows, seconds=2.0)]
        assert self.book.put(on(number), claims, state, self.time.clock.wall())

    def sample(self, *, accept: bool = True) -> Batch:
        batch = self.collector.sample()
        if accept:
            self.collector.accepted()
            checkpoint = batch.checkpoint
            assert checkpoint is not None
            dropped = set(checkpoint.drop)
            kept = {key: text for key, text in self.entries.items() if key not in dropped}
            self.entries = {**kept, **checkpoint.put}
            assert checkpoint.everything() == self.entries
        return batch

    def rows_after(self, seconds: float) -> float:
        """Let time go by and return the rows that are counted then."""
        self.time.pass_seconds(seconds)
        return rows(self.sample())


def rows(batch: Batch, family: catalogue.Family = catalogue.ROWS_PROCESSED) -> float:
    return sum(each.value for each in batch.increments if each.family is family)


def test_a_claim_counts_once_its_grace_is_over() -> None:
    world = World()
    world.claim(5)
    first = world.sample()
    assert rows(first) == 0
    assert (catalogue.ROWS_PROCESSED, ("etl", "unknown", "etl", "load")) in first.announced
    assert world.rows_after(GRACE) == 5
    assert world.rows_after(GRACE) == 0
    assert len(world.book) == 0


def test_the_same_claim_later_counts_nothing_and_a_larger_one_the_rest() -> None:
    world = World()
    world.claim(5)
    world.sample()
    assert world.rows_after(GRACE) == 5
    world.claim(5)
    assert world.rows_after(GRACE) == 0
    world.claim(7)
    assert world.rows_after(GRACE) == 2
    assert len(world.book) == 0


def test_rows_of_a_try_that_failed_count_elsewhere() -> None:
    world = World()
    world.claim(5, "failed")
    world.sample()
    world.time.pass_seconds(GRACE)
    batch = world.sample()
    assert (rows(batch), rows(batch, catalogue.ROWS_FAILED_TRY)) == (0, 5)


def test_a_claim_without_a_state_waits_for_one() -> None:
    world = World()
    world.claim(5, None)
    world.sample()
    assert world.rows_after(GRACE) == 0
    world.claim(4)
    world.sample()
    assert world.rows_after(GRACE) == 5


@given(
    st.permutations(["success", "skipped", "up_for_retry", "failed"]),
    st.lists(st.booleans(), min_size=3, max_size=3),
)
def test_the_worst_end_that_is_told_within_the_grace_holds_in_whatever_order(
    states: list[str], pauses: list[bool]
) -> None:
    world = World()
    for state, pause in zip(states, [False, *pauses], strict=True):
        if pause:
            world.sample()
            world.restart()
            world.time.pass_seconds(GRACE / 4)
        world.claim(5, state)
    world.sample()
    world.time.pass_seconds(GRACE)
    batch = world.sample()
    assert (rows(batch), rows(batch, catalogue.ROWS_FAILED_TRY)) == (0, 5)


def test_a_restart_at_any_moment_counts_once() -> None:
    world = World()
    world.claim(5)
    world.sample()
    world.restart()
    world.time.pass_seconds(GRACE)
    assert rows(world.sample(accept=False)) == 5  # Killed before the store had it.
    world.restart()
    assert world.rows_after(0) == 5
    world.restart()
    world.claim(5)  # Sent again, or restored from the ledger.
    assert world.rows_after(GRACE) == 0


def test_what_told_before_is_there_at_0_from_the_start() -> None:
    world = World()
    world.claim(5)
    world.sample()
    world.rows_after(GRACE)
    assert not world.sample().announced
    world.restart()
    assert (catalogue.ROWS_PROCESSED, ("etl", "unknown", "etl", "load")) in world.sample().announced


def test_entries_that_make_no_sense_are_told_and_left() -> None:
    world = World()
    world.entries = {("rows_settled", "x"): "{"}
    world.restart()
    world.claim(5)
    batch = world.collector.sample()
    assert rows(batch) == 0
