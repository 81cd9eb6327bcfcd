"""The sampler: every collector's thread, and one that watches over them and publishes."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence

import structlog

from exporter import catalogue
from exporter.clock import Clock
from exporter.collectors.base import Collector
from exporter.health import Health, health_samples, store_samples
from exporter.sampler.collector_thread import (
    MIN_HOLD_SECONDS,
    SUPERVISION_SECONDS,
    CollectorThread,
    Schedule,
)
from exporter.samples import Batch, Sample
from exporter.telemetry.process import memory_trimmer
from exporter.telemetry.store import Store

_TRIM_EVERY_SECONDS = 15.0


class Sampler:
    """Every collector's thread, and one that watches over them and publishes."""

    def __init__(
        self, store: Store, clock: Clock, own_samples: Callable[[], Sequence[Sample]],
        each_second: Callable[[], None] = lambda: None,
    ) -> None:  # fmt: skip
        """Prepare without collectors; `own_samples` adds series, `each_second` looks on."""
        self._store = store
        self._clock = clock
        self._own_samples = own_samples
        self._each_second = each_second
        self._threads: list[CollectorThread] = []
        self._publishing = threading.Lock()
        self._stop = threading.Event()
        self._beat = clock.monotonic()
        self._trim = memory_trimmer()
        self._trim_at = self._beat
        self._supervisor = threading.Thread(target=self._run, name="supervisor", daemon=True)
        self._log = structlog.get_logger("exporter.sampler")

    def add(self, collector: Collector, schedule: Schedule) -> None:
        """Take a collector on, before `start`."""
        self._threads.append(
            CollectorThread(collector, schedule, self._store, self._clock, self.publish)
        )

    def start(self) -> None:
        """Publish the health series, then start every thread."""
        self.publish()
        for thread in self._threads:
            thread.start()
        self._supervisor.start()

    def stop(self, timeout_seconds: float) -> None:
        """End every thread within the time; one that hangs is left to the end of the process."""
        self._stop.set()
        self._store.exposition.wake()
        deadline = self._clock.monotonic() + timeout_seconds
        for thread in self._threads:
            thread.request_stop()
        for thread in self._threads:
            thread.join(max(0.0, deadline - self._clock.monotonic()))
        if self._supervisor.is_alive():
            self._supervisor.join(max(0.1, deadline - self._clock.monotonic()))

    def health(self) -> list[Health]:
        """Return the health of every collector."""
        return [thread.health() for thread in self._threads]

    def ready(self) -> str | None:
        """Return why the exporter is not ready: a collector has not finished its first tick."""
        waiting = [health.name for health in self.health() if not health.finished_once]
        return f"waiting for the first sample of: {', '.join(waiting)}" if waiting else None

    def healthy(self) -> str | None:
        """Return why the exporter is not healthy: the supervisor has been silent."""
        silent = self._clock.monotonic() - self._beat
        told = f"the sampler has been silent for {silent:.0f} s"
        return told if silent > MIN_HOLD_SECONDS else None

    def publish(self) -> None:
        """Put the series about ourselves and publish a snapshot."""
        # One at a time: an older count put after a newer one would look like a counter's reset.
        with self._publishing:
            samples = [*health_samples(self.health()), *store_samples(self._store)]
            samples.extend(self._own_samples())
            self._store.put(catalogue.SELF, Batch(gauges={"own": samples}))
            self._store.publish()

    def _run(self) -> None:
        while not self._stop.is_set():
            if not self._store.exposition.wait(SUPERVISION_SECONDS):
                self._supervise()
            elif not self._stop.is_set():
                # Somebody waits for a form that nobody had asked for: nothing comes before it.
                self._store.publish()

    def _supervise(self) -> None:
        self._beat = self._clock.monotonic()
        if self._beat >= self._trim_at:
            self._trim_at = self._beat + _TRIM_EVERY_SECONDS
            self._trim()
        for thread in self._threads:
            thread.supervise()
        self._store.advance()
        self.publish()
        self._each_second()
