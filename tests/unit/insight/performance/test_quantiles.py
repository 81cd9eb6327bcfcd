"""Quantiles against numpy's, and samples that keep an even choice."""

from __future__ import annotations

import random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.insight.performance.quantiles import KEPT, Sample, quantile

VALUES = st.lists(st.floats(0, 1e9), min_size=1, max_size=200)


@given(VALUES, st.floats(0, 1))
def test_a_quantile_is_numpys(values: list[float], share: float) -> None:
    expected = np.quantile(values, share)
    assert quantile(sorted(values), share) == pytest.approx(expected, rel=1e-9, abs=1e-6)


@given(VALUES)
def test_a_small_sample_is_exact(values: list[float]) -> None:
    sample = Sample(random.Random(0))
    for each in values:
        sample.add(each)
    assert sample.ordered() == sorted(values)
    assert (sample.count, sample.largest) == (len(values), max(values))
    assert sample.mean == pytest.approx(np.mean(values))


def test_a_large_sample_keeps_an_even_choice_of_values_that_come_in_order() -> None:
    sample = Sample(random.Random(0))
    for each in range(100 * KEPT):
        sample.add(float(each))
    assert len(sample.ordered()) == KEPT
    for share in (0.25, 0.5, 0.75, 0.95):
        assert sample.quantile(share) == pytest.approx(share * 100 * KEPT, abs=10 * KEPT)


def test_without_values_everything_is_zero() -> None:
    sample = Sample(random.Random(0))
    assert (sample.mean, sample.quantile(0.95), sample.count) == (0.0, 0.0, 0)
