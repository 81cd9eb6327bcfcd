"""One collector on its schedule: its thread, its deadline, its health, the failure boundary."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass

import structlog

from exporter.clock import Clock
from exporter.collectors.base import Collector
from exporter.errors import RejectedError, SourceTimeoutError, SourceUnavailableError
from exporter.health import REASONS, Health
from exporter.samples import Batch
from exporter.telemetry.store import Store

MIN_HOLD_SECONDS = 60.0
"""Gauges of a failing collector are held three intervals, and at least this long."""
SUPERVISION_SECONDS = 1.0
"""How often a thread is looked after, so how late a hang may be noticed."""
_SILENT = {"timeout": "the sample hangs past its deadline", "bug": "the thread has ended"}


@dataclass(frozen=True, slots=True)
class Schedule:
    """How often a collector samples and how long it may take, in seconds."""

    interval_seconds: float
    timeout_seconds: float


class CollectorThread:
    """One collector on its schedule: ticks, and keeps its health."""

    def __init__(
        self,
        collector: Collector,
        schedule: Schedule,
        store: Store,
        clock: Clock,
        after_tick: Callable[[], None],
    ) -> None:
        """Prepare; nothing runs before `start`."""
        self._collector = collector
        self._schedule = schedule
        self._store = store
        self._clock = clock
        self._after_tick = after_tick
        # Not `bind`: a bound logger would keep its level through a reload.
        self._log = structlog.get_logger("exporter.sampler", collector=collector.name)
        self._stop = threading.Event()
        self._lock = threading.Lock()
        self._errors = dict.fromkeys(REASONS, 0)
        self._success = False
        self._finished_once = False
        self._duration_seconds = 0.0
        self._last_success_wall = 0.0
        self._last_reason: str | None = None
        self._started: float | None = None
        self._overdue = False
        self._failing_since: float | None = None
        self._taken_at = clock.monotonic()
        """When the store last took a batch, a troubled one included."""
        self._dropped = False
        self._thread = threading.Thread(
            target=self._run, name=f"collector-{collector.name}", daemon=True
        )

    def start(self) -> None:
        """Begin to sample at once and then on every interval."""
        self._thread.start()

    def request_stop(self) -> None:
        """Ask the thread to end and free what the collector waits for; wait for nothing."""
        self._stop.set()
        self._collector.interrupt()

    def join(self, timeout_seconds: float) -> bool:
        """Wait for the thread; tell whether it ended."""
        self._thread.join(timeout_seconds)
        return not self._thread.is_alive()

    def health(self) -> Health:
        """Return a copy of the collector's health."""
        with self._lock:
            return Health(
                self._collector.name,
                self._success,
                self._finished_once,
                self._duration_seconds,
                self._last_success_wall,
                self._last_reason,
                dict(self._errors),
            )

    def supervise(self) -> None:
        """Note a tick that hangs past its deadline, and drop gauges that were held long enough."""
        now = self._clock.monotonic()
        with self._lock:
            first = self._failing_since is None
            reason = self._silent_failure(now)
            drop = (
                not self._dropped
                and self._failing_since is not None
                and now - max(self._failing_since, self._taken_at) > self._hold_seconds
            )
            self._dropped = self._dropped or drop
        if reason is not None:
            self._drop_volatile()
            if first:
                self._log.error("collector.failed", reason=reason, error=_SILENT[reason])
        if drop:
            self._store.drop_gauges(self._collector.name)

    def _silent_failure(self, now: float) -> str | None:
        """Note what the collector's own thread cannot tell: that it hangs, or that it is gone."""
        if self._started is not None and not self._overdue:
            late = now - self._started
            if late > self._schedule.timeout_seconds + SUPERVISION_SECONDS:
                self._overdue = True
                self._duration_seconds = late
                self._note_failure("timeout")
                return "timeout"
        gone = self._thread.ident is not None and not self._thread.is_alive()
        if gone and not self._overdue and not self._stop.is_set():
            self._overdue = True
            self._note_failure("bug")
            return "bug"
        return None

    def tick(self) -> None:
        """Sample once. Whatever the collector raises ends here."""
        started = self._clock.monotonic()
        with self._lock:
            self._started = started
            self._overdue = False
        try:
            self._take(self._collector.sample())
            self._refuse_late(started)
        except SourceTimeoutError as error:
            self._fail("timeout", str(error), started)
        except SourceUnavailableError as error:
            self._fail("unavailable", str(error), started)
        except RejectedError as error:
            self._fail("rejected", str(error), started)
        except Exception as error:  # noqa: BLE001 - the failure boundary: nothing may end the process
            self._fail("bug", type(error).__name__, started, bug=error)
        else:
            self._succeed(started)
        self._after_tick()

    def _take(self, batch: Batch) -> None:
        self._store.put(self._collector.name, batch)
        self._collector.accepted()
        with self._lock:
            self._taken_at = self._clock.monotonic()
            self._dropped = False
        if batch.trouble is not None:
            raise SourceUnavailableError(batch.trouble)

    def _refuse_late(self, started: float) -> None:
        """Raise SourceTimeoutError for a sample that was taken, but came past its deadline."""
        took, may_take = self._clock.monotonic() - started, self._schedule.timeout_seconds
        if took > may_take:
            message = f"the sample took {took:.1f} s, but may take {may_take:g} s"
            raise SourceTimeoutError(message)

    def _run(self) -> None:
        next_tick = self._clock.monotonic()
        while not self._stop.is_set():
            self.tick()
            # Keep to the grid; ticks that were missed while one took long are skipped.
            interval = self._schedule.interval_seconds
            next_tick = max(next_tick + interval, self._clock.monotonic())
            self._stop.wait(max(0.0, next_tick - self._clock.monotonic()))
        # Here, so that what it takes delays no other collector, and no longer than `join` waits.
        self._collector.close()

    def _succeed(self, started: float) -> None:
        with self._lock:
            recovered = self._failing_since is not None
            self._failing_since = None
            self._started = None
            self._success = True
            self._finished_once = True
            self._duration_seconds = self._clock.monotonic() - started
            self._last_success_wall = self._clock.wall()
            self._last_reason = None
        if recovered:
            self._log.info("collector.recovered")

    def _fail(self, reason: str, text: str, started: float, bug: Exception | None = None) -> None:
        if self._stop.is_set():
            return
        with self._lock:
            first = self._failing_since is None or self._last_reason != reason
            self._started = None
            self._duration_seconds = self._clock.monotonic() - started
            # A hang that was noted already is not counted twice.
            if not self._overdue:
                self._note_failure(reason)
            self._last_reason = reason
        self._drop_volatile()
        if first:
            self._log.error("collector.failed", reason=reason, error=text, exc_info=bug)
        else:
            self._log.debug("collector.still_failing", reason=reason, error=text)

    def _note_failure(self, reason: str) -> None:
        self._success = False
        self._finished_once = True
        self._errors[reason] += 1
        self._last_reason = reason
        if self._failing_since is None:
            self._failing_since = self._clock.monotonic()

    def _drop_volatile(self) -> None:
        # Not under the lock that health is told by: the store may be waiting for a slow disk.
        for name in self._collector.volatile_sets:
            self._store.drop_gauges(self._collector.name, name)

    @property
    def _hold_seconds(self) -> float:
        return max(MIN_HOLD_SECONDS, 3 * self._schedule.interval_seconds)
