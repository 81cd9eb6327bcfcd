"""Tests of how judgements are told, and of the exit status."""

from __future__ import annotations

import json

import pytest

from exporter.baseline.report import as_json, exit_status, text
from exporter.insight.baselines.baseline import Baseline, Direction, Key, Scope, judged

RATE = Key(Scope.STAGE, "bronze", "rate_mbps")
MEMORY = Key(Scope.COMPONENT, "worker", "memory_mib")
CPU = Key(Scope.COMPONENT, "worker", "cpu_cores")
BASELINES = (
    Baseline(MEMORY, Direction.MAX, 2048, 0.2, "p95", 3600),
    Baseline(CPU, Direction.MAX, 1, 0.2, "avg", 90),
    Baseline(RATE, Direction.MIN, 12345.678, 0, "ratio", 900),
)


def test_the_missed_ones_come_first_and_a_last_line_sums_up():
    assert text(judged(BASELINES, {RATE: 6172.839, MEMORY: 1024})) == (
        "breach  stage bronze rate_mbps: 6,172.839 MB/s, wanted at least 12,345.678 MB/s "
        "(ratio over 15 min); headroom -50.0%\n"
        "unknown component worker cpu_cores: no data, wanted at most 1.2 cores "
        "(avg over 1.5 min)\n"
        "ok      component worker memory_mib: 1,024 MiB, wanted at most 2,457.6 MiB "
        "(p95 over 60 min); headroom +58.3%\n"
        "3 baselines: 1 breach, 1 unknown, 1 ok\n"
    )


def test_absurd_figures_are_told_in_a_few_characters():
    rate, memory = text(judged((BASELINES[2], BASELINES[0]), {RATE: 1e300, MEMORY: 1e18})).split(
        "\n"
    )[1::-1]
    assert rate == (
        "ok      stage bronze rate_mbps: > 999 P MB/s, wanted at least 12,345.678 MB/s "
        "(ratio over 15 min); headroom > 999,999,999%"
    )
    assert memory.startswith("breach  component worker memory_mib: > 999 P MiB, wanted at most 2,4")
    assert memory.endswith("; headroom < -999,999,999%")


def test_small_figures_are_not_told_as_nothing():
    tiny = Baseline(RATE, Direction.MIN, 5e-6, 0, "ratio", 900)
    assert "rate_mbps: 2e-06 MB/s, wanted at least 5e-06 MB/s" in text(judged([tiny], {RATE: 2e-6}))


def test_json_holds_every_term_and_null_for_what_is_unknown():
    memory, cpu, rate = json.loads(as_json(judged(BASELINES, {MEMORY: 1228.8, RATE: 0})))[
        "baselines"
    ]
    assert memory == {
        "scope": "component", "name": "worker", "metric": "memory_mib", "unit": "MiB",
        "direction": "max", "target": 2048, "tolerance_ratio": 0.2, "limit": 2457.6,
        "aggregation": "p95", "window_seconds": 3600, "actual": 1228.8,
        "headroom_ratio": 0.5, "status": "ok",
    }  # fmt: skip
    assert (cpu["actual"], cpu["headroom_ratio"], cpu["status"]) == (None, None, "unknown")
    assert (rate["actual"], rate["headroom_ratio"], rate["status"]) == (0, -1, "breach")


@pytest.mark.parametrize(
    ("actuals", "lenient", "strict"),
    [
        ({MEMORY: 1, CPU: 1, RATE: 20000}, 0, 0),
        ({MEMORY: 1, RATE: 20000}, 0, 3),
        ({}, 0, 3),
        ({RATE: 1}, 1, 1),
        ({MEMORY: 1, CPU: 1, RATE: 1}, 1, 1),
    ],
)
def test_the_exit_status_is_that_of_the_worst_and_unknown_counts_when_strict(
    actuals, lenient, strict
):
    judgements = judged(BASELINES, actuals)
    assert exit_status(judgements, strict=False) == lenient
    assert exit_status(judgements, strict=True) == strict
