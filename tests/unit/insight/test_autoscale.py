"""The formula of workers desired, against one that counts slots one by one."""

from __future__ import annotations

from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from exporter.insight.autoscale import Load, Policy, demand

SLOTS = st.integers(0, 5_000)
LOADS = st.builds(Load, SLOTS, SLOTS, SLOTS, st.integers(0, 5_000))
COUNTS = st.integers(1, 200)
POLICIES = st.builds(
    Policy,
    concurrency=st.integers(1, 64),
    min_workers=st.integers(0, 20),
    max_workers=st.none() | st.integers(0, 100),
    drain_seconds=st.integers(1, 1000),
    parallelism=st.none() | COUNTS,
)


def oracle(load: Load, policy: Policy, schedulers: int) -> int:
    """Add workers until there are enough, exactly; then apply the bounds one by one."""
    drained = (
        Fraction(load.queued) * Fraction(load.duration_seconds) / Fraction(policy.drain_seconds)
    )
    slots = Fraction(load.running) + Fraction(load.due) + min(drained, Fraction(load.queued))
    workers = 0
    while workers * policy.concurrency < slots:
        workers += 1
    workers = max(workers, policy.min_workers)
    if policy.max_workers is not None and workers > policy.max_workers:
        workers = policy.max_workers
    if policy.parallelism is not None:
        busy = 0
        while busy * policy.concurrency < policy.parallelism * schedulers:
            busy += 1
        workers = min(workers, busy)
    return workers


@given(LOADS, POLICIES, st.integers(1, 5))
def test_the_workers_are_those_of_the_oracle(load: Load, policy: Policy, schedulers: int) -> None:
    found = demand(load, policy, schedulers).workers
    exact = oracle(load, policy, schedulers)
    # Floats may lie on the other side of a whole worker by less than a billionth of a slot.
    slack = Fraction(1, 10**9)
    either = {
        oracle(Load(load.running, load.queued, load.due + sign * slack, load.duration_seconds),
               policy, schedulers)
        for sign in (-1, 1)
    }  # fmt: skip
    assert found == exact or found in either


@given(LOADS, POLICIES, st.integers(0, 5))
def test_never_more_than_the_maximum(load: Load, policy: Policy, schedulers: int) -> None:
    found = demand(load, policy, schedulers).workers
    assert found >= 0
    if policy.max_workers is not None:
        assert found <= policy.max_workers


@given(LOADS, POLICIES, st.integers(1, 100))
def test_more_load_never_asks_for_less(load: Load, policy: Policy, more: int) -> None:
    least = demand(load, policy).workers
    for grown in (
        Load(load.running + more, load.queued, load.due, load.duration_seconds),
        Load(load.running, load.queued + more, load.due, load.duration_seconds),
        Load(load.running, load.queued, load.due + more, load.duration_seconds),
    ):
        assert demand(grown, policy).workers >= least


def test_short_tries_share_slots_and_long_ones_do_not() -> None:
    policy = Policy(concurrency=10, drain_seconds=120.0)
    assert demand(Load(queued=100, duration_seconds=12.0), policy).workers == 1
    assert demand(Load(queued=100, duration_seconds=60.0), policy).workers == 5
    assert demand(Load(queued=100, duration_seconds=6000.0), policy).workers == 10


def test_an_idle_queue_keeps_the_minimum_and_none_where_that_is_allowed() -> None:
    assert demand(Load(), Policy()).workers == 1
    assert demand(Load(), Policy(min_workers=0)).workers == 0


def test_schedulers_limit_the_workers_that_they_can_keep_busy() -> None:
    policy = Policy(concurrency=16, parallelism=32)
    assert demand(Load(running=1000), policy, 1).workers == 2
    assert demand(Load(running=1000), policy, 3).workers == 6
    # None alive is a scheduler that restarts, not a reason to stop every worker.
    assert demand(Load(running=1000), policy, 0).workers == 2
