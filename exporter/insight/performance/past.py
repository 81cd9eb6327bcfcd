"""Tries and runs that have ended, as the commands that look back take them in."""

from __future__ import annotations

from typing import NamedTuple


class PastTry(NamedTuple):
    """One try that ran and ended; moments are Unix seconds."""

    dag_id: str
    task_id: str
    run_id: str
    map_index: int
    outcome: str
    """success, failed or skipped, and up_for_retry for a failed one that another try followed."""
    start: float
    end: float
    scheduled: float | None
    queued: float | None
    """None where it is not known, or no moment before this start."""
    queue: str | None
    pool: str | None
    slots: int
    executor: str | None = None
    requeued: float | None = None
    """When it was queued again after its start: it had been deferred, and held no slot."""

    @property
    def held_since(self) -> float:
        """From when to its end it held slots, queued or running, as far as is known."""
        if self.requeued is not None:
            return self.requeued
        return self.start if self.queued is None else self.queued

    @property
    def scheduled_wait(self) -> float | None:
        """From scheduled to queued, None where Airflow does not tell."""
        if self.scheduled is None or self.queued is None or self.queued < self.scheduled:
            return None
        return self.queued - self.scheduled

    @property
    def seconds(self) -> float:
        """From start to end: with deferrals, of a rescheduled sensor the last poke only."""
        # A worker's clock may have been set back meanwhile.
        return max(0.0, self.end - self.start)


class PastRun(NamedTuple):
    """One finished DAG run; `due` is when a scheduled one should have started."""

    dag_id: str
    run_id: str
    state: str
    start: float
    end: float
    due: float | None
