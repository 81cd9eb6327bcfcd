from __future__ import annotations

import pytest

from exporter.bundle import thresholds
from exporter.errors import ConfigError


def test_every_threshold_says_in_a_sentence_what_it_means():
    for each in thresholds.declared():
        assert each.default >= 0, each
        assert each.unit, each
        assert each.meaning.endswith("."), each


def test_a_threshold_is_what_was_set_last_and_the_others_stay():
    values = thresholds.chosen(["memory_ratio=0.7", "queued_tasks=10", "memory_ratio=0.75"])
    defaults = thresholds.chosen()
    changed = {name: value for name, value in values.items() if value != defaults[name]}
    assert changed == {"memory_ratio": 0.75, "queued_tasks": 10}


@pytest.mark.parametrize("given", ["memory=0.7", "", "=1", "memory_ratio =1"])
def test_a_threshold_that_does_not_exist_is_refused_by_its_name(given):
    with pytest.raises(ConfigError, match="no such threshold; there are queued_tasks, "):
        thresholds.chosen([given])


def test_a_ratio_in_percent_is_refused():
    assert thresholds.chosen(["memory_ratio=1"])["memory_ratio"] == 1
    with pytest.raises(ConfigError, match=r"--set memory_ratio: must be a part of 1"):
        thresholds.chosen(["memory_ratio=80"])


@pytest.mark.parametrize("given", ["", "=", "=80%", "=nan", "=inf", "=-1", "=1 or up", "=0x10"])
def test_what_is_no_number_is_refused_with_the_name(given):
    with pytest.raises(ConfigError, match=r"--set memory_ratio: must be a number"):
        thresholds.chosen([f"memory_ratio{given}"])
