"""What rates are made of: by a window of ours or by counters, they are the same."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter import catalogue
from exporter.rows.account import Account, Terms, advanced
from exporter.rows.book import ClaimBook
from exporter.rows.claim import Claim, Source, TryId
from exporter.rows.settlement import Waiting
from exporter.rows.stages import Place
from exporter.rows.timed import Timed, increments, timed
from exporter.rows.window import joined, moved, rates
from exporter.samples import Sample

START = 1_000_020.0
TERMS = Terms()
_SECONDS = st.none() | st.integers(0, 900).map(float)
_CLAIM = st.builds(
    Claim,
    st.just(Source.EXPLICIT),
    stage=st.sampled_from(["bronze", "gold"]),
    rows=st.none() | st.integers(0, 10**6),
    bytes=st.none() | st.integers(0, 10**12),
    seconds=_SECONDS,
)
_CLAIMS = st.lists(_CLAIM, max_size=4)
_TRIES = st.lists(st.tuples(_SECONDS, _CLAIMS, _CLAIMS), max_size=6)
"""How long each took, as far as anybody knows; what is claimed in time, and what late."""


def settled(
    tries: Sequence[tuple[float | None, list[Claim], list[Claim]]],
) -> tuple[Account, list[Sample]]:
    """Return the account after these tries, and all that was counted of them."""
    account, book = Account(), ClaimBook()
    counted: list[Sample] = []
    ids = [TryId("dag", "load", f"run{number}", -1, 1) for number in range(len(tries))]
    for on, (_, first, _) in zip(ids, tries, strict=True):
        book.put(on, first, None, START)
    waiting = {
        on: Waiting("success", duration, START)
        for on, (duration, _, _) in zip(ids, tries, strict=True)
    }
    for now, new in ((START, waiting), (START + 10, {}), (START + 200, {})):
        if now > START + 10:
            for on, (_, _, late) in zip(ids, tries, strict=True):
                book.put(on, late, None, now)
        step = advanced(account, new, book, now, TERMS)
        account = step.account
        counted += step.increments
        book.drop(step.used)
    return account, counted


def by_counters(counted: Iterable[Sample]) -> dict[tuple[str, ...], float]:
    """Return the rates as PromQL has them: what counters grew by, over what those of time did."""
    sums: Counter[tuple[str, ...]] = Counter()
    for each in counted:
        sums[(each.family.name, *map(str, each.labels))] += each.value
    found = {}
    for gauge, amounts, seconds, unit in (
        (catalogue.PROCESSING_RATE_MBPS, catalogue.TIMED_BYTES, catalogue.TIMED_BYTES_SECONDS, 1e6),
        (catalogue.PROCESSING_ROWS_PER_SECOND, catalogue.TIMED_ROWS, catalogue.TIMED_ROWS_SECONDS,
         1),
    ):  # fmt: skip
        for (name, *place), amount in sums.items():
            if name == amounts.name and (took := sums[(seconds.name, *place)]) > 0:
                found[(gauge.name, *place)] = amount / took / unit
    return found


def by_gauges(samples: Iterable[Sample]) -> dict[tuple[str, ...], float]:
    return {(each.family.name, *map(str, each.labels)): each.value for each in samples}


@given(_TRIES)
def test_the_gauges_are_the_ratios_of_the_counters_whatever_tries_tell_and_when(tries) -> None:
    account, counted = settled(tries)
    assert by_gauges(rates(account.window, START + 200)) == pytest.approx(by_counters(counted))


@given(_TRIES)
def test_what_is_counted_bit_by_bit_is_what_is_known_in_the_end(tries) -> None:
    account, counted = settled(tries)
    known = Counter[str]()
    for each in account.tries.settled.values():
        for claim in each.told:
            if claim.seconds is not None and claim.rows is not None:
                known.update(data_timed_rows_total=claim.rows)
                known.update(data_timed_rows_seconds_total=claim.seconds)
            if claim.seconds is not None and claim.bytes is not None:
                known.update(data_timed_bytes_total=claim.bytes)
                known.update(data_timed_bytes_seconds_total=claim.seconds)
    found = Counter[str]()
    for each in counted:
        if "timed" in each.family.name:
            found[each.family.name] += each.value
    assert found == known


def test_bytes_that_are_told_late_bring_the_seconds_of_their_try() -> None:
    told = [Claim(Source.EXPLICIT, rows=60, seconds=2.0)]
    late = [Claim(Source.EXPLICIT, bytes=4_000_000)]
    account, _ = settled([(30.0, told, late)])
    assert {each.family: each.value for each in rates(account.window, START + 200)} == {
        catalogue.PROCESSING_RATE_MBPS: 2.0,
        catalogue.PROCESSING_ROWS_PER_SECOND: 30.0,
    }


def test_rows_without_seconds_are_in_no_rate_until_their_seconds_are_told() -> None:
    rows = Claim(Source.EXPLICIT, rows=60)
    account, counted = settled([(None, [rows], [])])
    assert not [*rates(account.window, START + 200)]
    assert by_counters(counted) == {}
    account, _ = settled([(None, [rows], [replace(rows, seconds=4.0)])])
    assert [each.value for each in rates(account.window, START + 200)] == [15.0]


def test_no_rows_in_some_seconds_are_a_rate_of_0_in_both_counters() -> None:
    found = [*increments(Place("p", "gold"), timed(Claim(Source.XCOM, rows=0, seconds=3.0)))]
    assert found == [
        Sample(catalogue.TIMED_ROWS, ("p", "gold"), 0.0),
        Sample(catalogue.TIMED_ROWS_SECONDS, ("p", "gold"), 3.0),
    ]


def test_windows_are_joined_minute_by_minute() -> None:
    place = Place("p", "gold")
    one = moved({}, START, [(place, Timed(5, 1.0))])
    other = moved({}, START, [(place, Timed(7, 2.0)), (Place("q", "gold"), Timed(1, 1.0))])
    assert by_gauges(rates(joined([one, other]), START)) == {
        (catalogue.PROCESSING_ROWS_PER_SECOND.name, *place): 4.0,
        (catalogue.PROCESSING_ROWS_PER_SECOND.name, "q", "gold"): 1.0,
    }
    assert joined([]) == {}
