"""The daemon under scrape: ten requests a second that must all be answered, whatever breaks."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Mapping
from http.client import HTTPException
from pathlib import Path
from time import monotonic

import psutil
from prometheus_client.parser import text_string_to_metric_families

from tests.support.exporter import ExporterProcess

INTERVAL_SECONDS = 0.5
RECOVERY_SECONDS = INTERVAL_SECONDS + 5
"""How soon after the end of a fault the collector must read as good again."""
SCRAPE_EVERY_SECONDS = 0.1
OWN = "airflow_perf_exporter_"
HELD = "airflow_task_instances_heartbeat_stale"
"""A gauge of the fast sample without labels: there after the first good sample."""


def slowness() -> float:
    """Return how many programs share a processor: 1 on a machine that has the time."""
    return max(1.0, os.getloadavg()[0] / (os.cpu_count() or 1))


class Scrape:
    """One answer of /metrics, parsed when it is asked for something."""

    def __init__(self, text: str) -> None:
        self.text = text
        self._values: dict[tuple[str, frozenset[tuple[str, str]]], float] | None = None

    def value(self, name: str, **labels: str) -> float | None:
        """Return the value of one series, None where there is none."""
        if self._values is None:
            self._values = {
                (sample.name, frozenset(sample.labels.items())): sample.value
                for family in text_string_to_metric_families(self.text)
                for sample in family.samples
            }
        return self._values.get((name, frozenset(labels.items())))

    @property
    def success(self) -> float | None:
        return self.value(f"{OWN}collector_success", collector="airflow")

    @property
    def persistent(self) -> float | None:
        return self.value(f"{OWN}state_persistent")

    @property
    def last_success(self) -> float:
        found = self.value(f"{OWN}collector_last_success_timestamp_seconds", collector="airflow")
        return found or 0.0

    def errors(self, reason: str) -> float:
        name = f"{OWN}collector_errors_total"
        found = self.value(name, collector="airflow", reason=reason)
        assert found is not None
        return found

    def feature(self, name: str) -> float | None:
        full = f"{OWN}collector_feature_available"
        return self.value(full, collector="airflow", feature=name)


class Watched:
    """A daemon that is scraped from its first answer to its end; leaving it checks both."""

    def __init__(
        self,
        directory: Path,
        dsn: str | None,
        *arguments: str,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        """Start the daemon, on the database at `dsn` if there is one."""
        address = {} if dsn is None else {"AIRFLOW_PERF_EXPORTER_AIRFLOW_DSN": dsn}
        directory.mkdir(parents=True, exist_ok=True)
        self.process = ExporterProcess(
            directory,
            "--collector.airflow.interval",
            f"{INTERVAL_SECONDS}s",
            *arguments,
            environment={**address, **(environment or {})},
        )
        self.failed: list[str] = []
        self.successes: set[float | None] = set()
        """Every value that collector_success was seen with since it was last cleared."""
        self._count = 0
        self._ended = False
        self.latest = Scrape("")
        """The last scrape; empty before the first."""
        self._changed = threading.Condition()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._scrape_on, daemon=True)

    def __enter__(self) -> Watched:
        """Return the daemon once it answers /metrics."""
        try:
            self.process._child.wait_until(self._answers, timeout=30)
        except BaseException:
            self.process.kill()
            raise
        self._thread.start()
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        """End the daemon as an orchestrator does; no scrape and no exit may have failed."""
        self._stop.set()
        self._thread.join(10)
        try:
            if kind is None and not self._ended:
                self.terminate()
        finally:
            self.process.kill()

    def until(self, condition: Callable[[Scrape], bool], seconds: float = 20) -> Scrape:
        """Wait for a scrape that satisfies the condition; only later ones count."""
        deadline = monotonic() + seconds * slowness()
        with self._changed:
            seen = self._count
            while True:
                if not self._changed.wait_for(
                    lambda old=seen: self._count > old, deadline - monotonic()
                ):
                    message = f"not within {seconds} s:\n{self.latest.text}\n{self.process.log()}"
                    raise TimeoutError(message)
                seen = self._count
                if condition(self.latest):
                    return self.latest

    def until_good(self, seconds: float = 20) -> Scrape:
        """Wait until the collector's last sample is a good one that began after this call."""
        with self._changed:
            before = self.latest.last_success
        return self.until(lambda now: now.success == 1 and now.last_success > before, seconds)

    def until_down(self, reason: str, seconds: float = 20) -> Scrape:
        """Wait until the collector reads as down and the reason is counted."""
        with self._changed:
            before = self.latest.errors(reason) if self.latest.text else 0.0
        return self.until(lambda now: now.success == 0 and now.errors(reason) > before, seconds)

    def next_scrape(self) -> Scrape:
        """Return the scrape that begins next."""
        self.until(lambda _: True)
        return self.until(lambda _: True)

    def terminate(self) -> float:
        """Send SIGTERM and return how many seconds the end took; the exit code must be 0.

        On a machine that has more to do than it can, they are as many as on one that has not.
        """
        self._stop.set()
        self._thread.join(10)
        self._ended = True
        assert self.failed == []
        assert self.process.exit_code is None, self.process.log()
        begun = monotonic()
        assert self.process.terminate(timeout=30) == 0
        return (monotonic() - begun) / slowness()

    def log(self) -> str:
        return self.process.log()

    def threads(self) -> int:
        return psutil.Process(self.process.pid).num_threads()

    def descriptors(self) -> int:
        return psutil.Process(self.process.pid).num_fds()

    def _answers(self) -> bool:
        try:
            return self.process.request("/metrics", timeout=2).status == 200
        except (OSError, HTTPException):
            return False

    def _scrape_on(self) -> None:
        while not self._stop.wait(SCRAPE_EVERY_SECONDS):
            try:
                scrape = Scrape(self.process.scrape())
                success = scrape.success
            except Exception as error:  # noqa: BLE001 - whatever it was, the scrape has failed
                self.failed.append(repr(error))
                continue
            with self._changed:
                self.latest = scrape
                self._count += 1
                self.successes.add(success)
                self._changed.notify_all()
