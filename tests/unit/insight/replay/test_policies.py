"""Ways to scale, by numbers worked out by hand."""

from __future__ import annotations

from datetime import datetime, timezone

import pytest

from exporter.insight.autoscale import Policy as Settings
from exporter.insight.replay.fleet import State
from exporter.insight.replay.policies import Due, chart, guide, guide_keda, ours, policies

MONDAY_NOON = datetime(2026, 1, 5, 12, tzinfo=timezone.utc).timestamp()
MONDAY_NIGHT = datetime(2026, 1, 5, 3, tzinfo=timezone.utc).timestamp()
SUNDAY_NOON = datetime(2026, 1, 4, 12, tzinfo=timezone.utc).timestamp()


def state(tasks: int, now: float = MONDAY_NIGHT, duration: float = 120.0) -> State:
    return State(now, 0, tasks, duration)


@pytest.mark.parametrize(
    ("now", "tasks", "wanted"),
    [(MONDAY_NIGHT, 100, 7), (MONDAY_NOON, 100, 10), (SUNDAY_NOON, 100, 7), (MONDAY_NIGHT, 0, 2),
     (MONDAY_NOON, 10_000, 50)],
)  # fmt: skip
def test_the_guides_formula_multiplies_in_business_hours(
    now: float, tasks: int, wanted: int
) -> None:
    assert guide(16)(state(tasks, now)) == wanted


@pytest.mark.parametrize(("tasks", "wanted"), [(0, 2), (11, 3), (1000, 50)])
def test_the_guides_scaled_object_asks_for_a_worker_for_five(tasks: int, wanted: int) -> None:
    assert guide_keda(state(tasks)) == wanted


@pytest.mark.parametrize(("tasks", "wanted"), [(0, 1), (16, 1), (17, 2), (1000, 9)])
def test_the_chart_divides_by_the_concurrency(tasks: int, wanted: int) -> None:
    assert chart(Settings(max_workers=9))(state(tasks)) == wanted


def test_ours_drains_in_time_and_looks_ahead_to_what_is_due() -> None:
    now = MONDAY_NIGHT
    due = [
        Due(now - 70, now + 10, 1000.0),
        Due(now - 30, now - 20, 1000.0),
        Due(now - 20, now + 15, 16.0),
        Due(now + 90, now + 95, 32.0),
        Due(now + 91, now + 95, 1000.0),
    ]
    # 64 tasks of 30 s need 16 slots to start within 120 s; 48 more are due within the boot time.
    assert ours(Settings(), 1, ())(state(64, duration=30.0)) == 1
    assert ours(Settings(), 1, due)(state(64, duration=30.0)) == 4


def test_the_policies_are_told_apart_by_name() -> None:
    assert [*policies(Settings(), 1, ())] == [
        "guide formula", "guide KEDA", "chart KEDA", "ours, no look-ahead", "ours",
    ]  # fmt: skip
