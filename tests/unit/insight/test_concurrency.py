"""The most that was held at one moment, against counting at every moment."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

from hypothesis import given
from hypothesis import strategies as st

from exporter.insight.concurrency import Span, peak

START = datetime(2026, 1, 1, tzinfo=timezone.utc)

seconds = st.integers(0, 20)
spans = st.lists(st.tuples(seconds, st.none() | seconds, st.integers(0, 4)), max_size=12)


def at(second: int) -> datetime:
    return START + timedelta(seconds=second)


@given(spans)
def test_the_peak_is_the_most_of_any_second(given: list[tuple[int, int | None, int]]) -> None:
    made = [Span(at(begin), None if end is None else at(end), slots) for begin, end, slots in given]
    held = [
        sum(
            slots
            for begin, end, slots in given
            if begin <= second and (end is None or end <= begin or second < end)
        )
        for second in range(21)
    ]
    assert peak(made) == max(held)


def test_what_follows_upon_one_another_counts_as_one() -> None:
    assert peak([Span(at(second), at(second + 1), 2.0) for second in range(40)]) == 2


def test_nothing_holds_nothing() -> None:
    assert peak([]) == 0
