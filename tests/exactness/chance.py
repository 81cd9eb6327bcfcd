"""What may happen next to a task instance, and how often: one random life, event by event."""

from __future__ import annotations

from datetime import datetime, timedelta
from random import Random
from typing import NamedTuple

from tests.exactness.events import ENDED, Instance

BOUNDS = (1.0, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1800.0, 3600.0)
"""The buckets of `airflow_task_duration_seconds`: durations on a bound belong below it."""
NOTHING = "EmptyOperator"

# From each state: what may follow, with weights. A try under way forbids what is marked `-`: a
# deferred one that dies in the queue with retries left leaves no row that tells of it.
_NEXT: dict[str | None, dict[str, float]] = {
    None: {
        "schedule": 40,
        "skip_from_upstream": 2,
        "give_up_upstream": 1,
        "mark_success": 1,
        "clear": 1,
    },
    "scheduled": {"queue": 40, "clear": 1, "mark_failed": 0.5},
    "queued": {
        "start": 30,
        "fail_before_start": 1.5,
        "retry_before_start-": 1.5,
        "give_up_stuck": 1,
        "reset": 1.5,
        "clear": 1.5,
        "mark_success": 1,
    },
    "running": {
        "succeed": 9,
        "skip": 1,
        "fail": 3,
        "fail_for_retry": 5,
        "clear": 2.5,
        "mark_success": 1.5,
        "mark_failed": 1,
        "mark_skipped": 0.5,
        "defer": 2.5,
        "reschedule": 2,
        "beat": 3,
    },
    "deferred": {"fire": 8, "clear": 1, "mark_success": 0.7, "mark_failed": 0.5},
    "up_for_reschedule": {"schedule": 10, "clear": 2, "mark_success": 3},
    "up_for_retry": {"schedule": 12, "clear": 1, "mark_success": 1, "mark_failed": 0.5},
    "restarting": {"die": 8, "vanish": 2, "mark_failed": 0.7},
    "ended": {"clear": 1},
}


class Clocks(NamedTuple):
    """The moment of an event: the servers' clock, and that of this task's worker."""

    server: datetime
    worker: datetime


class Draws(NamedTuple):
    """What an event takes from chance."""

    seconds: float
    pid: int
    job: int | None = None


def weights(instance: Instance) -> dict[str, float]:
    """Return what may follow, with its weight."""
    state = instance.live.state
    if state is None and instance.operator == NOTHING:
        return {"run_nothing": 10, "give_up_upstream": 1, "skip_from_upstream": 1}
    if instance.misleading:
        # The exporter is right about these only if a sample falls between their events.
        return {{None: "schedule", "scheduled": "queue"}.get(state, "start"): 1}
    if state == "running" and instance.live.pid is None:
        return {"enter_pid": 15, **({"lose_worker": 1} if instance.fresh else {})}
    following = _NEXT["ended" if state in ENDED else state]
    return {
        name.rstrip("-"): weight
        for name, weight in following.items()
        if not (name.endswith("-") and instance.under_way)
    }


def drawn(rng: Random) -> Draws:
    """Draw a duration, at times exactly a bucket's bound, and a process id."""
    seconds = rng.choice(BOUNDS) if rng.random() < 0.1 else round(rng.lognormvariate(3, 2), 6)
    return Draws(seconds, rng.randrange(2, 4_000_000))


def apply(  # noqa: C901, PLR0912 - one branch an event
    instance: Instance, event: str, clocks: Clocks, draws: Draws
) -> None:
    """Let the event happen."""
    server, worker = clocks
    seconds = draws.seconds
    instance.log.append(
        f"{server:%H:%M:%S.%f} {event} (worker {(worker - server).total_seconds():+.1f} s)"
    )
    match event:
        case "schedule" | "queue" | "run_nothing" | "skip_from_upstream":
            getattr(instance, event)(server)
        case "give_up_upstream":
            instance.set_state("upstream_failed", server, seconds)
        case "give_up_stuck":
            instance.set_state("failed", server, seconds)
        case "mark_success" | "mark_failed" | "mark_skipped":
            instance.set_state(event.removeprefix("mark_"), server, seconds)
        case "fail_before_start" | "retry_before_start":
            instance.fail_before_start(server, seconds, retry=event.startswith("retry"))
        case "reset" | "clear" | "die" | "lose_worker":
            getattr(instance, event)(server, seconds)
        case "start":
            pid = None if instance.airflow < "3" else draws.pid
            instance.start(worker, server, pid, draws.job)
        case "enter_pid":
            instance.enter_pid(draws.pid)
        case "beat":
            instance.beat(server)
        case "succeed" | "skip" | "fail":
            state = {"succeed": "success", "skip": "skipped", "fail": "failed"}[event]
            instance.end(state, worker, seconds)
        case "fail_for_retry" | "reschedule":
            getattr(instance, event)(worker, seconds)
        case "defer" | "fire" | "vanish":
            getattr(instance, event)()
        case _:
            raise AssertionError(f"no event: {event}")


def clocks(now: datetime, skew: timedelta) -> Clocks:
    """Return both clocks at a moment."""
    return Clocks(now, now + skew)
