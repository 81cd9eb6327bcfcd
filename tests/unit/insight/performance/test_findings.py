"""What is told of runs that start late and of tries that wait to be queued."""

from __future__ import annotations

from exporter.insight.performance.findings import Kind, Limits, of_delays, of_scheduling
from exporter.insight.performance.past import PastRun, PastTry
from exporter.insight.performance.tally import Periods, Tally

PERIODS = Periods(0.0, 100_000.0, 200_000.0)


def of_runs(runs: int, seconds: float) -> Tally:
    """Return runs that are due every ten minutes and start two minutes late."""
    tally = Tally(PERIODS)
    for number in range(runs):
        due = 100_000.0 + 600 * number
        tally.add_run(
            PastRun("d", f"r{number}", "success", due + 120, due + 120 + seconds, due), {}, None
        )
    return tally


def of_tries(wait: float) -> Tally:
    """Return tries of a minute each, one after the other, that wait to be queued."""
    tally = Tally(PERIODS)
    for number in range(1000):
        start = 100_000.0 + 60 * number
        tally.add_try(
            PastTry("d", "t", "r", -1, "success", start, start + 60, start - wait - 1, start - 1,
                    "q", "p", 1)
        )  # fmt: skip
    return tally


def test_a_dag_without_room_for_more_runs_is_told_so() -> None:
    (found,) = of_delays(of_runs(160, 1190.0), Limits(runs={"d": 2}))
    assert found.kind is Kind.DELAY
    assert found.text == (
        "Scheduled runs of d start 2.0 min late (p95 of 160); "
        "in 94% of the time it has all 2 runs it may"
    )
    assert found.recommendation.startswith("Raise its max_active_runs")


def test_a_dag_with_room_waits_for_the_scheduler() -> None:
    (found,) = of_delays(of_runs(160, 1190.0), Limits(runs={"d": 16}))
    assert "in 0% of the time" in found.text
    assert "scheduler's loop" in found.recommendation


def test_where_the_limit_is_not_known_both_are_named() -> None:
    (found,) = of_delays(of_runs(160, 1190.0), Limits())
    assert "of the time" not in found.text
    assert "max_active_runs" in found.recommendation


def test_tries_that_wait_to_be_queued_while_there_is_room_are_a_finding() -> None:
    limits = Limits({"p": 16}, 32)
    (found,) = of_scheduling(of_tries(90.0), limits)
    assert found.kind is Kind.SATURATION
    assert "90 s (p95) from scheduled to queued" in found.text
    assert "max_active_tasks" in found.recommendation
    assert not [*of_scheduling(of_tries(5.0), limits)]


def test_tries_that_wait_for_a_full_pool_or_all_of_airflow_are_none() -> None:
    assert not [*of_scheduling(of_tries(90.0), Limits({"p": 1}, 32))]
    assert not [*of_scheduling(of_tries(90.0), Limits({"p": 16}, 1))]
