"""Native buckets: exact at the bounds, bounded in number, the same in whatever order they come."""

from __future__ import annotations

import json
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.telemetry.native import COARSEST_SCHEMA, MAX_BUCKETS, ZERO_THRESHOLD, Native

ANY = st.floats(0, allow_nan=False, allow_infinity=False)


def observed(values):
    native = Native()
    for value in values:
        native.observe(value)
    return native


def state(native):
    return native.saved()


@pytest.mark.parametrize(
    ("value", "index"),
    [(1.0, 0), (2.0, 8), (0.5, -8), (1.0000001, 1), (2.0 ** (1 / 8), 1), (1024.0, 80),
     (2.0**-127, -1016), (sys.float_info.max, 8192)],
)  # fmt: skip
def test_a_value_lies_in_the_bucket_that_ends_at_it(value, index):
    assert list(observed([value])) == [(index, 1)]


@given(st.lists(ANY, max_size=400))
def test_whatever_is_observed_the_number_of_buckets_is_bounded(values):
    native = observed([*values, sys.float_info.max, sys.float_info.min])
    assert len(native) <= MAX_BUCKETS
    assert native.schema >= COARSEST_SCHEMA
    assert native.count == len(values) + 2


def test_a_range_without_end_is_joined_to_wider_buckets():
    native = observed([2.0 ** (n / 8) for n in range(-1000, 1001)])
    assert native.schema == -1
    assert len(native) <= MAX_BUCKETS


@given(st.lists(ANY, max_size=300), st.lists(ANY, max_size=300))
def test_merged_is_what_observing_both_would_be(one, two):
    merged, both = observed(one), observed([*one, *two])
    merged.merge(observed(two))
    # Either may have become coarser at another moment; at the same schema they are the same.
    coarsest = min(merged.schema, both.schema)
    for each in (merged, both):
        if each.schema > coarsest:
            each._coarsen(each.schema - coarsest)
    assert state(merged) == state(both)


@given(st.lists(ANY, max_size=300))
def test_what_is_saved_is_loaded(values):
    native = observed(values)
    assert state(Native.loaded(json.loads(json.dumps(native.saved())))) == state(native)


@pytest.mark.parametrize(
    "saved",
    [[], [3], [3, 0, [1], []], [3, 0, [2, 1], [1, 1]], [3, 0, [1, 1], [1, 1]], [9, 0, [], []],
     [3, -1, [], []], [3, 0, [40000], [1]], [3, 0, [1], [-1]], [3, 0, [1.5], [1]],
     ["x", 0, [], []], [3, 0, 5, 5], [3, 0, [1], [2**48]], 7, None],
)  # fmt: skip
def test_what_makes_no_sense_is_refused(saved):
    with pytest.raises((ValueError, TypeError)):
        Native.loaded(saved)


def test_classic_buckets_are_spread_over_their_middles():
    native = Native.spread((1.0, 4.0), [1, 2, 3])
    assert list(native) == [(-8, 1), (8, 2), (24, 3)]


def test_the_zero_bucket_takes_what_is_hardly_more_than_nothing():
    native = observed([0.0, ZERO_THRESHOLD, ZERO_THRESHOLD * 1.01])
    assert (native.zero, native.count) == (2, 3)
