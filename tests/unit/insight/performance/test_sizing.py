"""Memory that is advised."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.insight.performance.sizing import STEP_BYTES, advised_bytes

MIB = 2**20


@pytest.mark.parametrize(
    ("peak", "advised"), [(1, 128), (106, 128), (107, 256), (1000, 1280), (1024, 1280)]
)
def test_a_fifth_more_is_rounded_up_to_128_mib(peak: int, advised: int) -> None:
    assert advised_bytes(peak * MIB, 10) == advised * MIB


@pytest.mark.parametrize(
    ("peak", "tries"), [(1000.0, 9), (0.0, 50), (math.inf, 50), (math.nan, 50)]
)
def test_few_tries_or_no_peak_give_no_advice(peak: float, tries: int) -> None:
    assert advised_bytes(peak, tries) is None


@given(st.floats(1, 1e13))
def test_advice_covers_the_peak_and_wastes_no_step(peak: float) -> None:
    advised = advised_bytes(peak, 100)
    assert advised is not None
    assert advised % STEP_BYTES == 0
    assert 0 <= advised - peak * 1.2 < STEP_BYTES * 1.001
