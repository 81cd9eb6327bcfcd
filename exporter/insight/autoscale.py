"""How many workers a queue needs: one formula, without a clock and without memory."""

from __future__ import annotations

import math
from dataclasses import dataclass

SEED_DURATION_SECONDS = 300.0
"""How long tries are taken to last until one of the queue has finished."""


@dataclass(frozen=True, slots=True)
class Policy:
    """What the user may set about workers; the same for every queue."""

    concurrency: int = 16
    """Task slots of one worker, at least 1."""
    min_workers: int = 1
    max_workers: int | None = None
    """None for no limit; where it is below the minimum, it wins."""
    drain_seconds: float = 120.0
    """How long what is queued may take until the last of it has started."""
    boot_seconds: float = 90.0
    """How long a worker takes from being asked for to taking tasks."""
    parallelism: int | None = None
    """Most task instances of one scheduler; None where it does not limit the workers."""


@dataclass(frozen=True, slots=True)
class Load:
    """What one queue holds and expects, in pool slots."""

    running: float = 0.0
    queued: float = 0.0
    due: float = 0.0
    """Starts that the schedule promises within the time that a worker takes to boot."""
    duration_seconds: float = SEED_DURATION_SECONDS
    """How long a try of the queue lasts."""


@dataclass(frozen=True, slots=True)
class Demand:
    """The slots that a queue needs, by what needs them, and the workers for it."""

    running: float
    queued: float
    due: float
    workers: int


def demand(load: Load, policy: Policy, schedulers: int = 1) -> Demand:
    """Return what is needed for the load; `schedulers` are those that are alive.

    A slot serves several short tries within the drain target, but one that is queued never needs
    more than one.
    """
    queued = min(load.queued, load.queued * load.duration_seconds / policy.drain_seconds)
    wanted = math.ceil((load.running + queued + load.due) / policy.concurrency)
    limits = [] if policy.max_workers is None else [policy.max_workers]
    if policy.parallelism is not None:
        # More workers than the schedulers together keep busy would idle.
        limits.append(math.ceil(policy.parallelism * max(1, schedulers) / policy.concurrency))
    workers = min([max(policy.min_workers, wanted), *limits])
    return Demand(load.running, queued, load.due, workers)
