"""Slots in use by the minute, against sums of overlaps."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.insight.performance.occupancy import (
    Occupancy,
    share_at_least,
    share_together,
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
def test_the_share_of_the_time_that_many_share_is_that_of_a_count(
    spans: list[tuple[int, int]], level: int
) -> None:
    begin, end = 5, 25
    ordered = [(min(span), max(span)) for span in spans]
    counts = [sum(low <= second < high for low, high in ordered) for second in range(begin, end)]
    inside = [span for span in ordered if span[1] >= begin and span[0] <= end]
    flat = [float(moment) for span in inside for moment in span]
    expected = sum(count >= level for count in counts) / (end - begin)
    assert share_together(flat, begin, end, level) == pytest.approx(expected)


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
