"""Ways to scale: the performance guide's, the Airflow chart's, and ours."""

from __future__ import annotations

import bisect
import math
from collections.abc import Sequence
from datetime import datetime, timezone
from typing import Final, NamedTuple

from exporter.insight.autoscale import Load, demand
from exporter.insight.autoscale import Policy as Settings
from exporter.insight.experience import LATE
from exporter.insight.replay.fleet import Policy, State

GUIDE_FEWEST: Final = 2
GUIDE_MOST: Final = 50
GUIDE_TASKS_A_WORKER: Final = 5
_BUSINESS_HOURS: Final = range(8, 19)
_SATURDAY: Final = 5


class Due(NamedTuple):
    """A run that the schedule promises: when it is due, when it began, and its first wave."""

    at: float
    begun: float
    slots: float


def policies(settings: Settings, schedulers: int, due: Sequence[Due]) -> dict[str, Policy]:
    """Return every way to scale by its name; `due` is what was known before, by `at`."""
    return {
        "guide formula": guide(settings.concurrency),
        "guide KEDA": guide_keda,
        "chart KEDA": chart(settings),
        "ours, no look-ahead": ours(settings, schedulers, ()),
        "ours": ours(settings, schedulers, due),
    }


def guide(concurrency: int) -> Policy:
    """Return the guide's IntelligentAutoscaler: half as many again in business hours (UTC)."""

    def wanted(state: State) -> int:
        base = max(GUIDE_FEWEST, math.ceil((state.queued + state.running) / concurrency))
        now = datetime.fromtimestamp(state.now, timezone.utc)
        busy = now.hour in _BUSINESS_HOURS and now.weekday() < _SATURDAY
        return max(GUIDE_FEWEST, min(GUIDE_MOST, int(base * (1.5 if busy else 1.0))))

    return wanted


def guide_keda(state: State) -> int:
    """Ask for a worker for every five tasks, as the guide's ScaledObject does."""
    wanted = math.ceil((state.queued + state.running) / GUIDE_TASKS_A_WORKER)
    return max(GUIDE_FEWEST, min(GUIDE_MOST, wanted))


def chart(settings: Settings) -> Policy:
    """Return the query of the Airflow chart's KEDA: tasks over worker_concurrency."""

    def wanted(state: State) -> int:
        count = math.ceil((state.queued + state.running) / settings.concurrency)
        most = math.inf if settings.max_workers is None else settings.max_workers
        return int(min(most, max(settings.min_workers, count)))

    return wanted


def ours(settings: Settings, schedulers: int, due: Sequence[Due]) -> Policy:
    """Return airflow_workers_desired: what runs, what must start to drain, and what is due."""
    moments = [each.at for each in due]
    late = LATE.total_seconds()

    def wanted(state: State) -> int:
        first = bisect.bisect_right(moments, state.now - late)
        last = bisect.bisect_right(moments, state.now + settings.boot_seconds)
        # A run that has begun is in the queue itself.
        slots = sum(each.slots for each in due[first:last] if each.begun > state.now)
        load = Load(state.running, state.queued, slots, max(state.duration_seconds, 0.0))
        return demand(load, settings, schedulers).workers

    return wanted
