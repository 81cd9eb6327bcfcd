"""Tests of the judgement: the guide's cases, both directions, and no data."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.insight.baselines.baseline import (
    Baseline,
    Direction,
    Key,
    Scope,
    Status,
    headroom_ratio,
    judged,
)
from exporter.insight.baselines.file import baselines

BRONZE_RATE = Key(Scope.STAGE, "bronze", "rate_mbps")
SILVER_MEMORY = Key(Scope.STAGE, "silver", "memory_mib")
POSITIVE = st.floats(1e-6, 1e15)
TOLERANCES = st.floats(0, 0.99)


def baseline(
    direction: Direction = Direction.MIN, target: float = 100, tolerance: float = 0.2
) -> Baseline:
    return Baseline(BRONZE_RATE, direction, target, tolerance, "ratio", 900)


@pytest.mark.parametrize(
    ("key", "actual", "status", "headroom"),
    [
        (BRONZE_RATE, 79.0, Status.BREACH, -0.0125),
        (BRONZE_RATE, 80.0, Status.OK, 0.0),
        (BRONZE_RATE, 200.0, Status.OK, 1.5),
        (SILVER_MEMORY, 1024.0, Status.OK, 0.7917),
        (SILVER_MEMORY, 4915.0, Status.OK, 0.0),
        (SILVER_MEMORY, 4916.0, Status.BREACH, -0.0002),
        (SILVER_MEMORY, 40960.0, Status.BREACH, -7.3333),
        (Key(Scope.COMPONENT, "webserver", "cpu_cores"), 0.61, Status.BREACH, -0.0167),
        (Key(Scope.COMPONENT, "webserver", "cpu_cores"), 0.59, Status.OK, 0.0167),
    ],
)
def test_the_guides_cases_are_judged_by_their_direction(key, actual, status, headroom):
    judgements = {each.baseline.key: each for each in judged(baselines(None), {key: actual})}
    found = judgements.pop(key)
    assert (found.status, found.actual) == (status, actual)
    assert found.headroom_ratio == pytest.approx(headroom, abs=5e-5)
    assert {each.status for each in judgements.values()} == {Status.UNKNOWN}


@pytest.mark.parametrize("actuals", [{}, {BRONZE_RATE: math.nan}, {BRONZE_RATE: math.inf},
                                     {BRONZE_RATE: -1.0}])  # fmt: skip
def test_without_an_amount_a_baseline_is_neither_kept_nor_missed(actuals):
    [judgement] = judged([baseline()], actuals)
    assert judgement.status is Status.UNKNOWN
    assert (judgement.actual, judgement.headroom_ratio) == (None, None)


def test_a_zero_rate_is_data():
    [judgement] = judged([baseline()], {BRONZE_RATE: 0.0})
    assert (judgement.status, judgement.headroom_ratio) == (Status.BREACH, -1.0)


def test_a_target_of_zero_is_kept_by_zero_alone():
    zero = baseline(Direction.MAX, target=0)
    assert [judged([zero], {BRONZE_RATE: actual})[0].status for actual in (0.0, 0.001)] == [
        Status.OK, Status.BREACH,
    ]  # fmt: skip


@given(
    direction=st.sampled_from(Direction),
    target=POSITIVE,
    tolerance=TOLERANCES,
    actual=st.floats(0, 1e18),
)
def test_below_zero_is_beyond_the_limit_and_nothing_else_is(direction, target, tolerance, actual):
    judged_by = baseline(direction, target, tolerance)
    headroom = headroom_ratio(judged_by, actual)
    assert math.isfinite(headroom)
    beyond = actual < judged_by.limit if direction is Direction.MIN else actual > judged_by.limit
    # A limit below what stands for 0 does not exist: targets are at least 1e-6.
    assert (headroom < 0) == beyond


@given(direction=st.sampled_from(Direction), target=POSITIVE, tolerance=TOLERANCES)
def test_the_limit_itself_is_no_breach_and_the_next_number_is(direction, target, tolerance):
    judged_by = baseline(direction, target, tolerance)
    beyond = -math.inf if direction is Direction.MIN else math.inf
    assert headroom_ratio(judged_by, judged_by.limit) >= 0
    assert headroom_ratio(judged_by, math.nextafter(judged_by.limit, beyond)) < 0
