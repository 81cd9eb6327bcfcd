"""The observer: scrapes all the time, as Prometheus does, and watches what counters may not do."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from http.client import HTTPException

FAMILIES = (
    "airflow_task_finished_total",
    "airflow_task_duration_seconds_bucket",
    "airflow_task_duration_seconds_count",
    "airflow_task_duration_seconds_sum",
    "airflow_task_wasted_seconds_total",
    "airflow_task_queue_wait_seconds_count",
)
_LAST = 'airflow_perf_exporter_collector_last_success_timestamp_seconds{collector="airflow"}'
_DURATION = 'airflow_perf_exporter_collector_duration_seconds{collector="airflow"}'
_SUCCESS = 'airflow_perf_exporter_collector_success{collector="airflow"}'
_EVERY_SECONDS = 0.2
_GUARD_SECONDS = 0.02
"""Between the exporter's reading of a clock and ours."""
_MANY = 20


class Observer:
    """Scrapes in a thread; keeps what was wrong, and when whole samples were taken."""

    def __init__(self, scrape: Callable[[], str], hold_seconds: float) -> None:
        """Prepare; `scrape` may fail while the exporter is down."""
        self._scrape = scrape
        self._hold_seconds = hold_seconds
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="observer", daemon=True)
        self._values: dict[str, float] = {}
        self._samples: list[tuple[float, float]] = []
        self._last = 0.0
        self.scrapes = 0
        self.errors: list[str] = []

    def start(self) -> None:
        """Begin to scrape."""
        self._thread.start()

    def stop(self) -> None:
        """End the thread."""
        self._stop.set()
        self._thread.join()

    def sampled_between(self, after: float, before: float) -> bool:
        """Tell whether a whole sample is known to lie between two monotonic moments."""
        return any(began > after and ended < before for began, ended in self._samples)

    def seen_since(self, moment: float) -> bool:
        """Tell whether a whole sample has begun and ended since a monotonic moment."""
        return bool(self._samples) and self._samples[-1][0] > moment

    def _run(self) -> None:
        while not self._stop.wait(_EVERY_SECONDS):
            try:
                text = self._scrape()
            except (OSError, HTTPException, RuntimeError):
                continue
            self._look_at(_values(text))

    def _look_at(self, values: dict[str, float]) -> None:
        now = time.monotonic()
        self.scrapes += 1
        watched = {name: value for name, value in values.items() if name.startswith(FAMILIES)}
        for name, before in self._values.items():
            after = watched.get(name)
            if after is None:
                self._complain(f"{name} vanished at {before}")
            elif after < before - 1e-9 * abs(before):
                self._complain(f"{name} fell from {before} to {after}")
        # Who scrapes more often than the hold lasts must see each series at 0 first.
        if self._last and now - self._last < self._hold_seconds / 2:
            for name in watched.keys() - self._values.keys():
                if watched[name] != 0:
                    self._complain(f"{name} appeared at {watched[name]}")
        self._values, self._last = watched, now
        self._note_sample(values, now)

    def _note_sample(self, values: dict[str, float], now: float) -> None:
        # While it fails, the duration is that of the failure.
        if values.get(_SUCCESS) != 1.0:
            return
        ended = now - (time.time() - values[_LAST])
        began = ended - values[_DURATION]
        if not self._samples or began > self._samples[-1][1]:
            self._samples.append((began - _GUARD_SECONDS, ended + _GUARD_SECONDS))

    def _complain(self, what: str) -> None:
        if len(self.errors) < _MANY:
            self.errors.append(what)


def _values(text: str) -> dict[str, float]:
    values = {}
    for line in text.splitlines():
        if not line.startswith("#"):
            name, _, value = line.rpartition(" ")
            values[name] = float(value)
    return values
