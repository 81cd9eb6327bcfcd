"""Which claims count, and when."""

from __future__ import annotations

from dataclasses import replace

from exporter.rows.claim import Claim, Source, TryId
from exporter.rows.settlement import Growth, Limits, Memory, Settlement, Step, Waiting, settle
from exporter.rows.timed import Timed

ONE = TryId("d", "t", "r", -1, 1)
TWO = TryId("d", "t", "r", -1, 2)
LIMITS = Limits()
WAITING = Waiting("success", 30.0, counted_at=100.0)


def explicit(rows: int | None = None, **more: object) -> Claim:
    return Claim(Source.EXPLICIT, rows=rows, **more)  # type: ignore[arg-type]


def claims(of: Settlement) -> tuple[Claim, ...]:
    return tuple(each.claim for each in of.grown)


def settled(
    memory: Memory, pushed: dict[TryId, tuple[Claim, ...]], now: float, limits: Limits = LIMITS
) -> Step:
    return settle(memory, lambda on: pushed.get(on, ()), pushed, now, limits)


def test_a_try_settles_when_its_grace_is_over() -> None:
    memory = Memory({ONE: WAITING})
    pushed = {ONE: (explicit(5),)}
    early = settled(memory, pushed, 109.9)
    assert (early.memory, early.settlements, early.used) == (memory, (), {})
    due = settled(memory, pushed, 110.0)
    assert due.settlements == (
        Settlement(
            ONE, "success", (Growth(explicit(5, seconds=30.0), Timed(5, 30.0)),), late=False
        ),
    )
    assert due.used == pushed
    assert (dict(due.memory.waiting), list(due.memory.settled)) == ({}, [ONE])
    again = settled(due.memory, pushed, 120.0)
    assert (again.settlements, again.used) == ((), pushed)


def test_a_try_waits_longer_for_its_xcom_but_not_for_ever() -> None:
    memory = Memory({ONE: replace(WAITING, told=None)})
    assert settled(memory, {}, 159.0).settlements == ()
    assert settled(memory, {}, 160.0).settlements == (Settlement(ONE, "success", (), late=False),)


def test_a_clock_that_is_set_back_keeps_nobody_waiting() -> None:
    assert settled(Memory({ONE: WAITING}), {}, 50.0).settlements


def test_the_best_source_wins_with_all_its_parts_and_nothing_is_added_up() -> None:
    told = (Claim(Source.XCOM, rows=7, seconds=2.0), Claim(Source.XCOM, stage="gold", rows=8))
    memory = Memory({ONE: replace(WAITING, told=told)})
    pushed = {ONE: (Claim(Source.PLUGIN, rows=90), Claim(Source.DBT, rows=80))}
    (found,) = settled(memory, pushed, 110.0).settlements
    assert set(claims(found)) == {told[0], replace(told[1], seconds=30.0)}
    pushed = {ONE: (*pushed[ONE], explicit(1))}
    (found,) = settled(memory, pushed, 110.0).settlements
    assert claims(found) == (explicit(1, seconds=30.0),)


def test_a_source_that_tells_no_amount_does_not_win() -> None:
    pushed = {ONE: (explicit(seconds=5.0), Claim(Source.PLUGIN, rows=3))}
    (found,) = settled(Memory({ONE: WAITING}), pushed, 110.0).settlements
    assert [claim.source for claim in claims(found)] == [Source.PLUGIN]


def test_a_late_claim_on_a_try_that_nobody_told_of_counts_once() -> None:
    memory = settled(Memory({ONE: WAITING}), {}, 110.0).memory
    pushed = {ONE: (explicit(5), Claim(Source.PLUGIN, rows=9))}
    step = settled(memory, pushed, 200.0)
    assert step.settlements == (
        Settlement(ONE, "success", (Growth(explicit(5, seconds=30.0), Timed(5, 30.0)),), late=True),
    )
    assert settled(step.memory, pushed, 210.0).settlements == ()


def test_a_late_claim_of_another_source_than_the_winner_is_taken_and_not_counted() -> None:
    memory = settled(Memory({ONE: WAITING}), {ONE: (Claim(Source.PLUGIN, rows=9),)}, 110.0).memory
    step = settled(memory, {ONE: (explicit(50),)}, 200.0)
    assert (step.settlements, step.used) == ((), {ONE: (explicit(50),)})


def test_what_the_winner_says_late_counts_as_far_as_it_is_more() -> None:
    first = {ONE: (explicit(5, bytes=100, seconds=1.0), explicit(3, stage="gold"))}
    memory = settled(Memory({ONE: WAITING}), first, 110.0).memory
    late = {ONE: (explicit(7, bytes=90), explicit(3, stage="gold"), explicit(2, stage="new"))}
    step = settled(memory, late, 200.0)
    (found,) = step.settlements
    assert set(claims(found)) == {
        explicit(2, bytes=0, seconds=0.0),
        explicit(2, stage="new", seconds=30.0),
    }
    assert settled(step.memory, first, 210.0).settlements == ()
    assert settled(step.memory, late, 210.0).settlements == ()


def test_a_late_claim_waits_while_its_try_is_waiting() -> None:
    memory = settled(Memory({ONE: WAITING}), {}, 110.0).memory
    again = replace(memory, waiting={ONE: replace(WAITING, counted_at=200.0)})  # a run made again
    pushed = {ONE: (explicit(5),)}
    step = settled(again, pushed, 205.0)
    assert (step.settlements, step.used) == ((), {})
    (found,) = settled(again, pushed, 210.0).settlements
    assert not found.late


def test_a_claim_on_a_try_that_is_not_known_is_left_where_it_is() -> None:
    step = settled(Memory(), {ONE: (explicit(5),)}, 110.0)
    assert (step.settlements, step.used) == ((), {})


def test_settled_tries_are_remembered_for_a_while_and_up_to_a_number() -> None:
    memory = settled(Memory({ONE: WAITING}), {}, 110.0).memory
    memory = replace(memory, waiting={TWO: replace(WAITING, counted_at=200.0)})
    after = settled(memory, {}, 210.0).memory
    assert list(after.settled) == [ONE, TWO]
    assert list(settled(after, {}, 110.0 + LIMITS.settled_seconds).memory.settled) == [ONE, TWO]
    assert list(settled(after, {}, 111.0 + LIMITS.settled_seconds).memory.settled) == [TWO]
    assert list(settled(memory, {}, 210.0, replace(LIMITS, max_settled=1)).memory.settled) == [TWO]
