"""What is told of pools, DAGs and an Airflow that are full, and of tries that wait for them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import pytest

from exporter.insight.performance.active_tasks import ActiveTasks
from exporter.insight.performance.findings import Limits
from exporter.insight.performance.kind import Kind
from exporter.insight.performance.past import PastTry
from exporter.insight.performance.saturation import (
    of_active_tasks,
    of_saturation,
    of_scheduling,
)
from exporter.insight.performance.tally import Periods, Tally

PERIODS = Periods(0.0, 100_000.0, 200_000.0)
HOUR = 3600.0


def a_minute(number: int, dag_id: str = "d", wait: float = 0.0, beside: int = 0) -> PastTry:
    """Return the try of a minute, queued a second before; `beside` others of its run."""
    start = 100_001.0 + 60 * number
    return PastTry(
        dag_id, "t", "r", beside, "success", start, start + 59, start - wait - 1, start - 1,
        "q", "p", 1,
    )  # fmt: skip


def one_after_another(dag_id: str = "d", wait: float = 0.0) -> Iterator[PastTry]:
    return (a_minute(number, dag_id, wait) for number in range(1000))


def of_tries(tries: Iterable[PastTry]) -> Tally:
    tally = Tally(PERIODS)
    for each in tries:
        tally.add_try(each)
    return tally


def active(
    tries: Iterable[PastTry], limits: dict[str, int], *, of_each_run: bool = True
) -> ActiveTasks:
    found = ActiveTasks(PERIODS, limits, of_each_run=of_each_run)
    for each in tries:
        found.add(each)
    found.end()
    return found


NOBODY = active((), {})


def test_tries_that_wait_to_be_queued_while_there_is_room_are_a_finding() -> None:
    limits, tally = Limits({"p": 16}, 32), of_tries(one_after_another(wait=90.0))
    (found,) = of_scheduling(tally, NOBODY, limits)
    assert found.kind is Kind.SATURATION
    assert "90 s (p95) from scheduled to queued" in found.text
    assert found.text.endswith("with room left in pool slots and [core] parallelism")
    assert found.recommendation.startswith("Check max_active_tasks, unknown here; if there is room")
    assert not [*of_scheduling(of_tries(one_after_another(wait=5.0)), NOBODY, limits)]


def test_where_no_dag_is_at_its_limit_it_is_the_scheduler() -> None:
    tries = [*one_after_another(wait=90.0)]
    known = Limits({"p": 16}, 32)
    (found,) = of_scheduling(of_tries(tries), active(tries, {"d": 16}), known)
    assert found.text.endswith("in pool slots, max_active_tasks and [core] parallelism")
    assert "unknown" not in found.recommendation
    assert "the scheduler loop is slow" in found.recommendation


def test_no_room_is_claimed_where_the_limits_are_not_known() -> None:
    (found,) = of_scheduling(of_tries(one_after_another(wait=90.0)), NOBODY, Limits())
    assert found.text == "Tasks wait 90 s (p95) from scheduled to queued"
    assert found.recommendation.startswith(
        "Check pool slots, max_active_tasks and [core] parallelism, unknown here; if there is room"
    )


def test_tries_that_wait_for_a_full_pool_or_all_of_airflow_are_none() -> None:
    tally = of_tries(one_after_another(wait=90.0))
    assert not [*of_scheduling(tally, NOBODY, Limits({"p": 1}, 32))]
    assert not [*of_scheduling(tally, NOBODY, Limits({"p": 16}, 1))]


def test_a_dag_at_its_limit_explains_why_its_tries_wait() -> None:
    tries = [
        a_minute(number, wait=90.0, beside=beside) for number in range(100) for beside in range(4)
    ]
    tries += [a_minute(number) for number in range(100, 200)]
    at_limit = active(tries, {"d": 4})
    (found,) = of_active_tasks(at_limit)
    assert found.kind is Kind.SATURATION
    assert found.sentence == (
        "Runs of d are at their max_active_tasks (4) 50% of the time in which there are tasks: "
        "tasks wait 90 s (p95) from scheduled to queued, 10.0 h in all"
    )
    assert found.recommendation == (
        "If pools and workers have room, raise max_active_tasks of d from 4."
    )
    assert found.seconds == 36_000
    assert not [*of_scheduling(of_tries(tries), at_limit, Limits())]
    assert not [*of_active_tasks(active(tries, {"d": 5}))]


def test_a_dag_at_its_limit_for_which_nothing_waits_is_none() -> None:
    tries = [a_minute(number, beside=beside) for number in range(100) for beside in range(2)]
    assert not [*of_active_tasks(active(tries, {"d": 2}))]


def test_those_of_other_dags_that_wait_still_wait_for_the_scheduler() -> None:
    tries = [*one_after_another("full", wait=90.0), *one_after_another("free", wait=100.0)]
    both = active(tries, {"full": 1, "free": 9})
    assert len([*of_active_tasks(both)]) == 1
    (found,) = of_scheduling(of_tries(tries), both, Limits())
    assert found.seconds == 100_000


def test_before_airflow_3_the_limit_is_that_of_all_runs_and_who_waits_is_not_known() -> None:
    tries = [
        a_minute(number)._replace(run_id=f"r{run}", scheduled=None)
        for number in range(100)
        for run in range(2)
    ]
    (found,) = of_active_tasks(active(tries, {"d": 2}, of_each_run=False))
    assert found.text.startswith("d is at its max_active_tasks (2) 100% of the time")
    assert found.sentence.endswith("which others waited is not recorded before Airflow 3")
    assert found.recommendation.endswith("meanwhile, raise max_active_tasks of d from 2.")
    assert not [*of_active_tasks(active(tries, {"d": 2}))]


def test_before_airflow_3_a_dag_of_one_task_at_a_time_is_none() -> None:
    tries = [*one_after_another()]
    assert not [*of_active_tasks(active(tries, {"d": 1}, of_each_run=False))]


@pytest.mark.parametrize(("parallelism", "told"), [(2, True), (3, False)])
def test_an_airflow_with_all_tasks_that_it_may_is_told_so(parallelism: int, told: bool) -> None:
    # Two hours of 28: 7.2 %.
    tries = [a_minute(number, beside=beside) for number in range(120) for beside in range(2)]
    found = [*of_saturation(of_tries(tries), Limits(parallelism=parallelism))]
    assert [each.text for each in found] == (
        ["[core] parallelism is exhausted 7% of the time"] if told else []
    )


def test_what_waits_in_a_queue_counts_and_what_is_deferred_does_not() -> None:
    day = 100_000.0
    queued = a_minute(0)._replace(queued=day, start=day + 9 * HOUR, end=day + 10 * HOUR)
    deferred = a_minute(0)._replace(queued=None, requeued=day + 10 * HOUR, end=day + 10 * HOUR)
    (found,) = of_saturation(of_tries([queued]), Limits(parallelism=1))
    assert "exhausted 36% of the time" in found.text
    assert not [*of_saturation(of_tries([deferred]), Limits(parallelism=1))]


def test_a_pool_that_is_often_full_is_told_so() -> None:
    tally = of_tries(one_after_another())
    (found,) = of_saturation(tally, Limits({"p": 1, "other": 1, "unlimited": -1}))
    assert found.sentence == "Pool p is full 60% of the time: 1 slot"
    assert not [*of_saturation(tally, Limits({"p": 2}))]


def test_a_pool_is_full_of_what_waits_for_workers_as_well() -> None:
    day = 100_000.0
    waiting = a_minute(0)._replace(queued=day, start=day + 9 * HOUR, end=day + 10 * HOUR)
    (found,) = of_saturation(of_tries([waiting]), Limits({"p": 1}))
    assert "full 36% of the time" in found.text
    assert found.recommendation.startswith("Its tries hold slots while they wait for workers")
    running = waiting._replace(start=day)
    (found,) = of_saturation(of_tries([running]), Limits({"p": 1}))
    assert found.recommendation.startswith("Add slots, or move tasks")


def test_a_pool_full_of_what_is_queued_explains_why_others_wait() -> None:
    tries = [
        each._replace(queued=each.start, start=each.end - 1)
        for each in one_after_another(wait=90.0)
    ]
    assert not [*of_scheduling(of_tries(tries), NOBODY, Limits({"p": 1}, 32))]


def test_a_pool_that_is_full_whenever_it_is_used_explains_why_its_tries_wait() -> None:
    # An hour of 28: seldom full, and yet what they all wait for.
    tally = of_tries(a_minute(number, wait=90.0) for number in range(60))
    limits = Limits({"p": 1}, 32)
    (found,) = of_saturation(tally, limits)
    assert found.sentence == (
        "Pool p is full 100% of the time in which it is used: 1 slot; tasks wait 90 s (p95) from "
        "scheduled to queued, 90.0 min in all"
    )
    assert found.seconds == 60 * 90.0
    assert not [*of_scheduling(tally, NOBODY, limits)]


def test_what_waits_in_one_pool_is_not_explained_by_another() -> None:
    waiting = [a_minute(number, wait=90.0) for number in range(60)]
    full = [a_minute(number)._replace(pool="full") for number in range(60)]
    limits = Limits({"p": 16, "full": 1}, 32)
    assert not [*of_saturation(of_tries([*waiting, *full]), limits)]
    assert len([*of_scheduling(of_tries([*waiting, *full]), NOBODY, limits)]) == 1
