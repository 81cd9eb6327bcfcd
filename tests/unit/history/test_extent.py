"""What of the time that is asked for is there."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.history.extent import Extent, extent, told

NOW = datetime(2026, 3, 29, tzinfo=timezone.utc)
DAY = timedelta(days=1)
ASKED = st.timedeltas(timedelta(hours=1), 3650 * DAY)


def week(first: datetime | None) -> Extent:
    return extent(NOW, 28 * DAY, 7 * DAY, first)


@given(ASKED, ASKED, st.none() | st.timedeltas(-DAY, 9000 * DAY))
def test_no_time_is_longer_than_asked_or_begins_before_the_first_try(
    earlier: timedelta, later: timedelta, age: timedelta | None
) -> None:
    first = None if age is None else NOW - age
    found = extent(NOW, earlier, later, first)
    assert found.begin <= found.split < found.end == NOW
    assert timedelta(0) <= found.earlier <= earlier
    assert found.later <= later
    if first is None or first <= NOW - later - earlier:
        assert (found.earlier, found.later) == (earlier, later)
    elif first < NOW - timedelta(minutes=1):
        assert found.begin == first
    assert found.is_later_cut <= (found.earlier == timedelta(0))


@pytest.mark.parametrize(
    ("age", "earlier", "later", "cut"),
    [
        (400 * DAY, 28 * DAY, 7 * DAY, (False, False)),
        (34.9 * DAY, 27.9 * DAY, 7 * DAY, (False, False)),
        (10 * DAY, 3 * DAY, 7 * DAY, (True, False)),
        (2 * DAY, timedelta(0), 2 * DAY, (True, True)),
    ],
)
def test_it_is_told_which_of_the_two_is_shorter(
    age: timedelta, earlier: timedelta, later: timedelta, cut: tuple[bool, bool]
) -> None:
    found = week(NOW - age)
    assert (found.earlier, found.later) == (earlier, later)
    assert (found.is_earlier_cut, found.is_later_cut) == cut


def test_where_no_try_is_known_nothing_is_cut() -> None:
    assert not week(None).is_earlier_cut
    assert not week(None).is_later_cut


def test_a_try_of_the_future_leaves_a_time_that_is_not_empty() -> None:
    assert week(NOW + DAY).later == timedelta(minutes=1)


def test_a_time_is_told_with_both_ends() -> None:
    begin = NOW - timedelta(minutes=12)
    assert told(begin, NOW) == "2026-03-28 23:48 to 2026-03-29 00:00 UTC (12.0 min)"
