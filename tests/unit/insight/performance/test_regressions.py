"""The rule for regressions: its test against pandas' ranks and every permutation."""

from __future__ import annotations

import math
from itertools import combinations
from statistics import NormalDist

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.insight.performance.regressions import (
    SIGNIFICANCE,
    change,
    confirmed_up_to,
    mann_whitney,
)

SECONDS = st.lists(st.integers(0, 12).map(float), min_size=4, max_size=8)


def permuted(one: list[float], other: list[float]) -> float:
    """Return the share of all ways to divide the values that leave as little to `one`."""
    ranks = pd.Series([*one, *other]).rank().tolist()
    sums = [sum(chosen) for chosen in combinations(ranks, len(one))]
    return sum(each <= sum(ranks[: len(one)]) + 1e-9 for each in sums) / len(sums)


def normal(one: list[float], other: list[float]) -> float:
    """Return the p-value by the mean and the variance that the sum of so many ranks has."""
    ranks = pd.Series([*one, *other]).rank()
    chosen, total = len(one), len(ranks)
    variance = ranks.var(ddof=0) * chosen * (total - chosen) / (total - 1)
    if not variance:
        return 1.0
    distance = chosen * ranks.mean() - ranks[:chosen].sum() - 0.5
    return 1 - NormalDist().cdf(distance / math.sqrt(variance))


@given(SECONDS, SECONDS)
def test_the_p_value_is_that_of_pandas_ranks(one: list[float], other: list[float]) -> None:
    assert mann_whitney(one, other) == pytest.approx(normal(one, other), abs=1e-9)


@given(st.permutations(range(14)))
def test_the_p_value_is_near_that_of_all_permutations(order: list[int]) -> None:
    one, other = ([float(each) for each in part] for part in (order[:7], order[7:]))
    assert mann_whitney(one, other) == pytest.approx(permuted(one, other), abs=0.02)


def test_what_became_faster_is_no_evidence() -> None:
    slow, fast = [20.0 + each for each in range(9)], [10.0 + each for each in range(9)]
    assert mann_whitney(slow, fast) > 0.999


def test_equal_values_prove_nothing() -> None:
    assert mann_whitney([5.0] * 10, [5.0] * 10) == 1.0


def test_twice_as_slow_in_many_tries_is_confirmed() -> None:
    before = [float(each) for each in range(90, 110)]
    found = change(before, [2 * each for each in before])
    assert found is not None
    assert found.ratio == 2.0
    assert found.p_value < 1e-6


def test_what_chance_may_have_made_is_suspected() -> None:
    before = [10.0, 10.0, 10.0, 10.0, 40.0, 40.0, 40.0]
    now = [10.0, 10.0, 10.0, 40.0, 40.0, 40.0, 40.0]
    found = change(before, now)
    assert found is not None
    assert found.p_value > SIGNIFICANCE


@pytest.mark.parametrize(
    ("before", "now"),
    [
        ([10.0] * 20, [12.9] * 20),
        ([10.0] * 20, [5.0] * 20),
        ([10.0] * 6, [50.0] * 20),
        ([10.0] * 20, [50.0] * 6),
        ([], []),
    ],
)
def test_little_growth_or_few_tries_are_no_regression(
    before: list[float], now: list[float]
) -> None:
    assert change(before, now) is None


def test_a_task_that_took_no_time_before_has_no_finite_ratio() -> None:
    found = change([0.0] * 10, [60.0] * 10)
    assert found is not None
    assert found.ratio == float("inf")


def rejected(p_values: list[float], compared: int) -> list[float]:
    """Return what Benjamini and Hochberg reject, by their definition: the largest k that holds."""
    ordered = sorted(p_values)
    ks = [k for k in range(1, len(ordered) + 1) if ordered[k - 1] <= 0.1 * k / compared]
    return [each for each in ordered[: max(ks, default=0)] if each <= 0.01]


@given(st.lists(st.floats(0, 1) | st.floats(0, 0.02), max_size=30), st.integers(0, 500))
def test_what_is_confirmed_is_what_benjamini_and_hochberg_reject(
    p_values: list[float], others: int
) -> None:
    limit = confirmed_up_to(p_values, len(p_values) + others)
    confirmed = sorted(each for each in p_values if each <= limit)
    assert confirmed == rejected(p_values, len(p_values) + others)


def test_one_of_a_hundred_is_nothing_among_ten_thousand() -> None:
    assert confirmed_up_to([0.009], 1) == 0.009
    assert confirmed_up_to([0.009] * 5, 10_000) == 0.0
