"""Tests of the baselines' series."""

from __future__ import annotations

from exporter import catalogue
from exporter.insight.baselines.baseline import Baseline, Direction, Key, Scope
from exporter.insight.baselines.file import baselines
from exporter.insight.baselines.gauges import gauges
from exporter.samples import Sample

RATE = Key(Scope.STAGE, "bronze", "rate_mbps")
LABELS = ("stage", "bronze", "rate_mbps", "min")


def test_every_baseline_has_its_target_and_its_tolerance_and_no_actual_without_data():
    samples = list(gauges(baselines(None), {}))
    assert len(samples) == 2 * 15
    assert Sample(catalogue.BASELINE_TARGET, LABELS, 100.0) in samples
    assert Sample(catalogue.BASELINE_TOLERANCE, LABELS, 0.2) in samples


def test_what_is_known_is_told_as_the_actual():
    samples = list(gauges(baselines(None), {RATE: 79.0, Key(Scope.STAGE, "x", "rate_mbps"): 1.0}))
    actuals = [each for each in samples if each.family is catalogue.BASELINE_ACTUAL]
    assert actuals == [Sample(catalogue.BASELINE_ACTUAL, LABELS, 79.0)]


def test_a_rate_over_another_window_than_ours_is_not_ours_to_tell():
    hourly = Baseline(RATE, Direction.MIN, 100, 0.2, "ratio", 3600)
    assert len(list(gauges([hourly], {RATE: 79.0}))) == 2
