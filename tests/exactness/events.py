"""What Airflow 2.11 and 3.3 do to the rows of one task instance, one function an event.

Read from the sources of 2.11.2 and 3.3.2 (models/taskinstance.py, models/taskinstancehistory.py,
models/skipmixin.py, jobs/scheduler_job_runner.py, the execution API) and seen on real installs.
Durations are drawn, not measured, so that every bucket of the histogram is reached within seconds.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from uuid import UUID

from exporter.model import LIVE_STATES, ActiveRow, TaskKey, TryRow
from tests.exactness.truth import Group, Try

ENDED = frozenset({"success", "failed", "skipped", "upstream_failed", "removed"})
"""Airflow's finished states of a task instance (State.finished)."""


@dataclass(slots=True)
class Row:
    """A row of `task_instance` or of its history; only what events change."""

    id: UUID | None = None
    """Airflow 3 only, another for each try."""
    state: str | None = None
    try_number: int = 0
    start: datetime | None = None
    end: datetime | None = None
    duration: float | None = None
    pid: int | None = None
    scheduled: datetime | None = None
    queued: datetime | None = None
    heartbeat: datetime | None = None
    """The row's own on Airflow 3, that of the row of its job on Airflow 2."""
    job_id: int | None = None


@dataclass(slots=True)
class Instance:
    """One task instance: its live row, its history, and the truth about its tries."""

    key: TaskKey
    operator: str
    airflow: str
    live: Row = field(default_factory=Row)
    history: list[Row] = field(default_factory=list)
    tries: list[Try] = field(default_factory=list)
    log: list[str] = field(default_factory=list)
    """Every committed event, for whoever has to read a difference."""
    resuming: bool = False
    """Deferred: the next start goes on with the try at hand (`next_method` is set)."""
    poking: bool = False
    """Rescheduled: the next start goes on with the try at hand, with a start of its own."""
    fresh: bool = False
    """The last start was that of a new try."""

    def copy(self) -> Instance:
        """Return a copy to try an event on, which a rollback throws away."""
        return replace(
            self, live=replace(self.live), history=list(self.history), tries=list(self.tries),
            log=list(self.log),
        )  # fmt: skip

    @property
    def group(self) -> Group:
        """The labels that its tries are counted by."""
        return (self.key.dag_id, self.key.task_id, self.operator)

    @property
    def under_way(self) -> bool:
        """Tell whether a try has begun and not ended."""
        return bool(self.tries) and self.tries[-1].outcome is None

    @property
    def misleading(self) -> bool:
        """Tell whether the row bears start and pid of no try, and no history would say so.

        A cleared task that is skipped from upstream gets a start of its own beside the old pid, and
        when it is cleared once more the try number is in the history already.
        """
        live = self.live
        skipped = live.start is not None and live.pid is not None and live.state not in ENDED
        return skipped and all(each.start != live.start for each in self.tries)

    @property
    def active_row(self) -> ActiveRow | None:
        """The live row as the exporter's active set holds it."""
        live = self.live
        if live.state not in LIVE_STATES or live.start is None:
            return None
        return ActiveRow(self.key, live.state, live.start, live.try_number, live.heartbeat)

    @property
    def try_rows(self) -> list[TryRow]:
        """The rows as the exporter reads them: earlier tries in their order, then the live row."""
        rows = [self._try_row(row, archived=True) for row in self.history]
        return [*rows, self._try_row(self.live, archived=False)]

    def _try_row(self, row: Row, *, archived: bool) -> TryRow:
        return TryRow(
            self.key, row.state, row.start, row.end, row.duration, row.pid, self.operator,
            "default", "default_pool", row.queued, row.scheduled, row.try_number, archived,
        )  # fmt: skip

    # The scheduler.

    def schedule(self, now: datetime) -> None:
        """The scheduler finds the dependencies met."""
        if not self.resuming:
            self.live.try_number += not self.poking
        self.live.state = "scheduled"
        self.live.scheduled = now

    def queue(self, now: datetime) -> None:
        """The scheduler hands it to an executor."""
        self.live.state = "queued"
        self.live.queued = now

    def run_nothing(self, now: datetime) -> None:
        """The scheduler ends an EmptyOperator without running it; it asks the clock twice."""
        self.live.try_number += 1
        self.live.state, self.live.duration = "success", 0.0
        self.live.start, self.live.end = now, now + timedelta(microseconds=1)

    def set_state(self, state: str, now: datetime, seconds: float) -> None:
        """A user marks it, or the scheduler gives up a stuck one: stamps that are there stay."""
        live = self.live
        live.state = state
        live.start = live.start or now
        if live.end is None:
            live.end, live.duration = now, seconds
        if self.under_way:
            self._finish(state, live.duration or 0.0)
        self._start_afresh()

    def fail_before_start(self, now: datetime, seconds: float, *, retry: bool) -> None:
        """The executor reports a queued one as failed: end and duration are new, the start old."""
        live = self.live
        live.state = "up_for_retry" if retry else "failed"
        live.end, live.duration = now, seconds
        if self.under_way:
            self._finish("failed", seconds)
        self._start_afresh()

    def reset(self, now: datetime, seconds: float) -> None:
        """A scheduler takes back what a dead one had queued."""
        self._record(now, seconds)
        self._new_id()
        self.live.state = None
        self._start_afresh()

    def skip_from_upstream(self, now: datetime) -> None:
        """A branch or short circuit above skips it: new stamps, whatever pid there was."""
        self.live.state = "skipped"
        self.live.start = self.live.end = now

    # The worker.

    def start(self, worker: datetime, server: datetime, pid: int | None, job: int | None) -> None:
        """The task starts, or goes on after a deferral, with the worker's clock as its start."""
        live = self.live
        if not (self.resuming and live.start is not None):
            live.start = worker
        live.state, live.end, live.pid, live.heartbeat = "running", None, pid, server
        live.job_id = job
        self.fresh = not (self.poking or self.resuming)
        if self.poking:
            self.tries[-1] = replace(self.tries[-1], start=live.start)
        elif self.fresh:
            if self.under_way:
                raise AssertionError(f"two tries at once: {self}")
            self.tries.append(Try(live.start))
        self._start_afresh()

    def enter_pid(self, pid: int) -> None:
        """Airflow 2 enters the process id once the task's own process runs."""
        self.live.pid = pid

    def lose_worker(self, now: datetime, seconds: float) -> None:
        """Airflow 2: the worker is gone before the task's own process ran; noticed later."""
        self.tries.pop()
        self.live.end, self.live.duration = now, seconds
        self._record(now, seconds)
        self.live.state = "up_for_retry"

    def beat(self, server: datetime) -> None:
        """The supervisor says that the task lives."""
        self.live.heartbeat = server

    def end(self, state: str, worker: datetime, seconds: float) -> None:
        """The task ends for good: success, skipped or failed."""
        self.live.state, self.live.end, self.live.duration = state, worker, seconds
        self._finish(state, seconds)

    def fail_for_retry(self, worker: datetime, seconds: float) -> None:
        """The task fails with retries left: archived as failed in the same transaction."""
        self.live.end, self.live.duration = worker, seconds
        self._record(worker, seconds)
        self._new_id()
        self.live.state = "up_for_retry"

    def defer(self) -> None:
        """The task hands itself to the triggerer."""
        self.live.state = "deferred"
        self.resuming = True

    def fire(self) -> None:
        """The trigger fires; start and try number stay."""
        self.live.state = "scheduled"

    def reschedule(self, worker: datetime, seconds: float) -> None:
        """A sensor leaves until its next poke."""
        self.live.state, self.live.end, self.live.duration = "up_for_reschedule", worker, seconds
        self.poking = True

    def die(self, now: datetime, seconds: float) -> None:
        """The process of a cleared, running task is gone: new end, the start stays."""
        self.live.state, self.live.end, self.live.duration = "up_for_retry", now, seconds

    def vanish(self) -> None:
        """The executor reports the process of a cleared task as well ended: free to run again."""
        self.live.state = None

    # The user.

    def clear(self, now: datetime, seconds: float) -> None:
        """A user clears it: archived as it is; start, end, duration and pid stay in the row."""
        running = self.live.state == "running"
        self._record(now, seconds)
        self._new_id()
        self.live.state = "restarting" if running else None
        self._start_afresh()

    # The history.

    def _record(self, now: datetime, seconds: float) -> None:
        """Archive the live row (TaskInstanceHistory.record_ti) unless its try number is there."""
        live = self.live
        if any(row.try_number == live.try_number for row in self.history):
            return
        unfinished = live.state not in ENDED
        # Since 3.3 an end that is there stays; before, it is overwritten, in the live row too.
        stamped = live.end is not None and (live.state == "running" or self.airflow >= "3.3")
        if unfinished and not stamped:
            live.end, live.duration = now, seconds
        self.history.append(replace(live, state="failed" if unfinished else live.state))
        if self.under_way:
            self._finish("up_for_retry", live.duration or 0.0)

    def _new_id(self) -> None:
        self.live.id = None  # the writer draws another

    def _start_afresh(self) -> None:
        self.resuming = self.poking = False

    def _finish(self, outcome: str, seconds: float) -> None:
        if outcome not in {"success", "failed", "skipped", "up_for_retry"}:
            raise AssertionError(f"no outcome of a try: {outcome}")
        self.tries[-1] = replace(self.tries[-1], outcome=outcome, seconds=max(0.0, seconds))
