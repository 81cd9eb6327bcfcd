"""Slots in use by the minute, against sums of overlaps."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.insight.performance.occupancy import (
    Occupancy,
    Spans,
    share_at_least,
    thinned,
)

MOMENTS = st.integers(0, 900).map(float)
INTERVALS = st.lists(st.tuples(MOMENTS, MOMENTS, st.integers(1, 4)), max_size=20)


@given(INTERVALS)
def test_each_minute_holds_its_part_of_every_interval(
    intervals: list[tuple[float, float, int]],
) -> None:
    begin, end = 100.0, 700.0
    occupancy = Occupancy(begin, end)
    for start, stop, slots in intervals:
        occupancy.add(start, stop, slots)
    expected = []
    for minute in range(10):
        low, high = begin + 60 * minute, begin + 60 * (minute + 1)
        overlaps = [max(0.0, min(b, high) - max(a, low)) * slots for a, b, slots in intervals]
        expected.append(sum(overlaps) / 60)
    assert occupancy.minutes() == pytest.approx(expected)


@given(st.lists(st.tuples(st.integers(0, 30), st.integers(0, 30)), max_size=12), st.integers(1, 4))
def test_spans_at_a_time_are_those_of_a_count(spans: list[tuple[int, int]], level: int) -> None:
    begin, end = 5, 25
    kept = Spans(begin, end)
    for low, high in spans:
        kept.add(low, high)
    counts = [sum(low <= second < high for low, high in spans) for second in range(begin, end)]
    found = kept.use(level)
    assert found == (
        sum(count > 0 for count in counts), sum(count >= level for count in counts), max(counts),
    )  # fmt: skip
    assert found.full_share * found.busy_seconds == pytest.approx(found.full_seconds)


@given(INTERVALS, st.integers(1, 5))
def test_the_use_of_a_level_is_that_of_the_minutes(
    intervals: list[tuple[float, float, int]], level: int
) -> None:
    occupancy = Occupancy(100.0, 700.0)
    for start, stop, slots in intervals:
        occupancy.add(start, stop, slots)
    minutes = occupancy.minutes()
    found = occupancy.use(level)
    assert found.busy_seconds == 60 * len([each for each in minutes if each > 0])
    assert found.full_seconds == 60 * len([each for each in minutes if each >= 0.95 * level])
    assert found.most == max(minutes)


def test_a_period_that_ends_within_a_minute_has_that_minute() -> None:
    occupancy = Occupancy(0.0, 90.0)
    occupancy.add(0.0, 1000.0)
    assert occupancy.minutes() == [1.0, 0.5]


def test_shares_and_thinning_keep_the_peaks() -> None:
    minutes = [0.0, 1.0, 7.0, 2.0, 3.0]
    assert share_at_least(minutes, 2.0) == 0.6
    assert thinned(minutes, 2) == [7.0, 3.0]
    assert thinned(minutes, 100) == minutes
    assert share_at_least([], 1.0) == 0.0
