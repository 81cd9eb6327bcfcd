"""Nouns that parts hand to one another: what an Airflow metadata database holds."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

LIVE_STATES = (
    "scheduled",
    "queued",
    "running",
    "restarting",
    "deferred",
    "up_for_retry",
    "up_for_reschedule",
    "awaiting_input",
)
"""States of a task instance that is neither finished nor waiting for its upstreams."""
FINISHED_STATES = frozenset({"success", "failed", "skipped"})
"""States of a try that ran and ended."""
RUN_LIVE_STATES = ("queued", "running")
RUN_FINISHED_STATES = frozenset({"success", "failed"})


class TaskKey(NamedTuple):
    """What names one task instance in every Airflow version."""

    dag_id: str
    task_id: str
    run_id: str
    map_index: int


@dataclass(frozen=True, slots=True)
class Task:
    """The task, and as far as it is told the try, that a process or a container works for."""

    dag_id: str
    task_id: str
    run_id: str | None = None
    map_index: int | None = None
    """-1 for a task that is not mapped, as in Airflow."""
    try_number: int | None = None

    @property
    def names_try(self) -> bool:
        """Tell whether it is told which try of which run this is."""
        return None not in {self.run_id, self.map_index, self.try_number}

    def completed(self, other: Task) -> Task:
        """Add what another knows of the same task, unless that is of another run."""
        same_task = (self.dag_id, self.task_id) == (other.dag_id, other.task_id)
        if not same_task or (self.run_id and other.run_id not in {None, self.run_id}):
            return self
        return Task(
            self.dag_id,
            self.task_id,
            self.run_id or other.run_id,
            other.map_index if self.map_index is None else self.map_index,
            other.try_number if self.try_number is None else self.try_number,
        )


class TryKey(NamedTuple):
    """What names one try: its task instance and when it started (UTC)."""

    key: TaskKey
    start: datetime


class TryRow(NamedTuple):
    """One row of `task_instance`, or of `task_instance_history` (`archived`)."""

    key: TaskKey
    state: str | None
    start: datetime | None
    end: datetime | None
    duration: float | None
    pid: int | None
    operator: str | None
    queue: str | None
    pool: str | None
    queued: datetime | None
    scheduled: datetime | None
    try_number: int | None
    archived: bool
    executor: str | None = None
    """The executor that the task chose for itself; None is the default one."""


class ActiveRow(NamedTuple):
    """One task instance in a live state whose start is set (it may be a former try's)."""

    key: TaskKey
    state: str
    start: datetime
    try_number: int | None
    heartbeat: datetime | None
    identity: str | None = None
    """What the process's title holds: `task_instance.id` (Airflow 3) or the job's id (2)."""


class ActiveGroup(NamedTuple):
    """Task instances in a live state, counted by what they have in common."""

    dag_id: str
    task_id: str
    operator: str | None
    state: str
    queue: str | None
    pool: str | None
    instances: int
    slots: int
    oldest_queued: datetime | None
    worker_slots: int = 0
    """Of the slots, those of tasks that Celery's workers run."""


class RunRow(NamedTuple):
    """One row of `dag_run`; `due` is when a scheduled run should have started."""

    id: int
    dag_id: str
    run_id: str
    run_type: str
    state: str
    start: datetime | None
    end: datetime | None
    clear_number: int
    due: datetime | None


class RunKey(NamedTuple):
    """What names one finish of a DAG run: clearing it makes another."""

    id: int
    clear_number: int


@dataclass(frozen=True, slots=True)
class FinishedTry:
    """A try to be counted, with its outcome: success, failed, skipped or up_for_retry."""

    row: TryRow
    outcome: str
    duration_seconds: float
