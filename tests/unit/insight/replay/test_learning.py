"""The forecast: from the time before alone."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.insight.performance.past import PastTry
from exporter.insight.replay.fleet import Arrival
from exporter.insight.replay.learning import Learning, ScheduledRun
from exporter.insight.replay.policies import Due

SPLIT, END, WAVE = 1000.0, 2000.0, 90.0


def tried(run_id: str, queued: float | None, seconds: float = 10.0, queue: str = "q") -> PastTry:
    start = (queued or 0.0) + 5
    return PastTry(
        "d", "t", run_id, -1, "success", start, start + seconds, None, queued, queue, "p", 1
    )


def run(run_id: str, due: float | None, begun: float) -> ScheduledRun:
    return ScheduledRun("d", run_id, due, begun)


def learned(later: list[PastTry]) -> Learning:
    learning = Learning(SPLIT, END, WAVE)
    learning.add(
        [run("a", 100.0, 105.0)],
        [tried("a", 110.0)] * 4 + [tried("a", 150.0), tried("a", 300.0, 30.0)],
    )
    learning.add([run("b", 500.0, 505.0)], [tried("b", 595.0)] * 2)
    learning.add([run("c", 1500.0, 1505.0)], later)
    return learning


def test_widths_and_durations_are_means_that_follow_the_newest() -> None:
    load = learned([]).queues["q"]
    assert load.widths == {"d": pytest.approx(4 + 0.3 * (2 - 4))}
    assert load.duration_seconds == pytest.approx(12.0 - 0.1 * 2.0 - 0.09 * 2.0)


def test_tasks_that_follow_upon_one_another_count_as_one() -> None:
    learning = Learning(SPLIT, END, WAVE)
    tries = [tried("a", 110.0), tried("a", 125.0), tried("a", 140.0), tried("a", 150.0)]
    learning.add([run("a", 100.0, 105.0)], tries)
    assert learning.queues["q"].widths == {"d": 2.0}


QUEUED_LATER = st.builds(tried, st.just("c"), st.floats(SPLIT, 3000), st.floats(0, 1e6))
ENDED_LATER = st.builds(tried, st.just("b"), st.floats(596, SPLIT), st.floats(SPLIT, 1e6))


@given(st.lists(QUEUED_LATER | ENDED_LATER))
def test_what_comes_later_changes_nothing_of_the_forecast(later: list[PastTry]) -> None:
    found, alone = learned(later), learned([])
    assert found.due("q") == alone.due("q") == [Due(1500.0, 1505.0, pytest.approx(3.4))]
    assert found.queues["q"].duration_seconds == alone.queues["q"].duration_seconds


def test_a_mean_follows_the_order_in_which_tries_ended() -> None:
    tries = [tried("a", 100.0 * number, 10.0 * number) for number in range(1, 6)]
    for given_as in (tries, tries[::-1]):
        learning = Learning(SPLIT, END, WAVE)
        learning.add([], given_as)
        expected = 10.0
        for seconds in (20.0, 30.0, 40.0, 50.0):
            expected += 0.1 * (seconds - expected)
        assert learning.queues["q"].duration_seconds == pytest.approx(expected)


def test_a_first_wave_that_was_not_over_teaches_nothing() -> None:
    learning = Learning(SPLIT, END, WAVE)
    learning.add([run("a", 950.0, 955.0)], [tried("a", 960.0), tried("a", 1010.0)])
    assert learning.queues["q"].widths == {}
    assert learning.due("q") == []


def test_what_was_queued_since_is_replayed() -> None:
    found = learned([tried("c", 1510.0, 7.0), tried("c", 2500.0), tried("c", None)])
    assert found.queues["q"].arrivals == [Arrival(1510.0, 7.0)]


def test_runs_that_nobody_scheduled_are_neither_learned_from_nor_due() -> None:
    learning = Learning(SPLIT, END, WAVE)
    learning.add([run("a", None, 105.0)], [tried("a", 110.0)])
    learning.add([run("b", None, 1505.0)], [tried("b", 1510.0)])
    assert learning.queues["q"].widths == {}
    assert learning.due("q") == []


def test_a_queue_that_a_dag_has_left_is_due_less_and_less() -> None:
    learning = Learning(SPLIT, END, WAVE)
    learning.add([run("a", 100.0, 105.0)], [tried("a", 110.0)])
    learning.add([run("b", 200.0, 205.0)], [tried("b", 210.0, queue="other")])
    assert learning.queues["q"].widths == {"d": pytest.approx(0.7)}
    assert learning.queues["other"].widths == {"d": 1.0}
