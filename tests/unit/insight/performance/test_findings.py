"""What is told of runs that start late, and of tries that wait in queues."""

from __future__ import annotations

from exporter.insight.performance.findings import Limits, of_delays, of_waits
from exporter.insight.performance.kind import Kind
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


def test_a_dag_without_room_for_more_runs_is_told_so() -> None:
    (found,) = of_delays(of_runs(160, 1190.0), Limits(runs={"d": 2}))
    assert found.kind is Kind.DELAY
    assert found.sentence == (
        "Scheduled runs of d start 2.0 min late (p95 of 160 runs): "
        "at its max_active_runs (2) 94% of the time"
    )
    assert found.recommendation.startswith("Raise its max_active_runs")


def test_a_dag_with_room_waits_for_the_scheduler() -> None:
    (found,) = of_delays(of_runs(160, 1190.0), Limits(runs={"d": 16}))
    assert found.detail == "at its max_active_runs (16) 0% of the time"
    assert "scheduler loop" in found.recommendation


def test_where_the_limit_is_not_known_both_are_named() -> None:
    (found,) = of_delays(of_runs(160, 1190.0), Limits())
    assert found.detail == ""
    assert "max_active_runs" in found.recommendation


def test_tries_that_wait_in_a_queue_wait_for_workers() -> None:
    tally = Tally(PERIODS)
    for number in range(1000):
        at = 100_000.0 + 60 * number
        tally.add_try(
            PastTry("d", "t", "r", -1, "success", at, at + 60, None, at - 90, "q", "p", 1)
        )
    (found,) = of_waits(tally)
    assert found.text == "Tasks of queue q, pool p, wait 90 s (p95) from queued to started"
    assert found.recommendation.startswith("They hold their pool slots already, so worker slots")
