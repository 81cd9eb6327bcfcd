"""A replayed fleet, against a queue with many servers and by hand."""

from __future__ import annotations

import heapq
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.insight.replay.fleet import Arrival, State, Terms, replayed

TERMS = Terms(concurrency=2, boot_seconds=90.0, every_seconds=15.0, hold_seconds=300.0)
ARRIVALS = st.lists(
    st.builds(Arrival, st.integers(0, 900).map(float), st.integers(0, 400).map(float)), max_size=30
).map(sorted)


def fixed(count: int) -> Callable[[State], int]:
    return lambda _: count


@given(ARRIVALS, st.integers(1, 4))
def test_a_fleet_that_never_changes_is_a_queue_with_so_many_servers(
    arrivals: list[Arrival], workers: int
) -> None:
    found = replayed(arrivals, 0.0, 1200.0, fixed(workers), TERMS)
    free = [TERMS.boot_seconds] * (workers * TERMS.concurrency)
    waits = []
    for at, seconds in arrivals:
        begin = max(at, heapq.heappop(free))
        waits.append(begin - at)
        heapq.heappush(free, begin + seconds)
    assert found.waits == pytest.approx(sorted(waits))
    assert found.worker_seconds == workers * 1200.0
    assert set(found.workers) == {workers}


def test_workers_are_kept_for_a_while_and_paid_for_while_they_boot() -> None:
    wanted = {0.0: 3}
    found = replayed([], 0.0, 600.0, lambda state: wanted.get(state.now, 1), TERMS)
    assert list(found.workers) == [3] * 20 + [1] * 20
    assert found.worker_seconds == (3 + 1) * 300.0


def test_a_worker_that_is_busy_does_not_go() -> None:
    arrivals = [Arrival(0.0, 1000.0)]
    found = replayed(arrivals, 0.0, 1500.0, lambda state: int(state.now < 100), TERMS)
    assert found.waits == [90.0]
    assert found.workers[(1080 // 15)] == 1
    assert found.workers[-1] == 0


def test_what_never_starts_has_waited_to_the_end_of_all_patience() -> None:
    found = replayed([Arrival(100.0, 5.0)], 0.0, 600.0, fixed(0), TERMS)
    assert found.worker_seconds == 0.0
    assert found.waits[0] >= 86_400.0


def test_the_policy_sees_what_runs_and_waits_and_how_long_tries_last() -> None:
    seen: list[State] = []

    def policy(state: State) -> int:
        seen.append(state)
        return 1

    terms = Terms(concurrency=2, boot_seconds=10.0, duration_seconds=100.0)
    replayed([Arrival(0.0, 20.0)] * 3, 0.0, 60.0, policy, terms)
    assert [(each.running, each.queued) for each in seen] == [(0, 3), (2, 1), (1, 0), (1, 0)]
    assert seen[-1].duration_seconds == pytest.approx(100 * 0.9**2 + 20 * (1 - 0.9**2))


def test_nothing_to_replay_waits_for_nothing() -> None:
    assert replayed([], 0.0, 60.0, fixed(1), TERMS).waits == []
