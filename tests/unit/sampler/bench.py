"""A sampler with scripted collectors, and what is seen of it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence

from prometheus_client.parser import text_string_to_metric_families
from structlog.typing import EventDict

from exporter import catalogue
from exporter.collectors.base import Collector
from exporter.sampler.collector_thread import CollectorThread, Schedule
from exporter.sampler.sampler import Sampler
from exporter.samples import Batch, Sample
from exporter.telemetry.ledger import Ledger
from exporter.telemetry.limits import Limits
from exporter.telemetry.store import Store
from tests.support.clock import HandClock
from tests.support.exposed import text

GOOD = Batch(
    gauges={
        "active": [Sample(catalogue.TASK_HEARTBEAT_STALE, (), 3.0)],
        "scaling": [Sample(catalogue.TRIGGERS, (), 7.0)],
    },
    increments=[Sample(catalogue.TASK_WASTED, ("d", "t"), 1.0)],
)
BAD = Batch(gauges={"active": [Sample(catalogue.TASK_HEARTBEAT_STALE, ("one too many",), 1.0)]})
STALE, SCALING = "airflow_task_instances_heartbeat_stale", "airflow_triggers"


class Scripted(Collector):
    """A collector that does what the test says next."""

    volatile_sets = ("scaling",)

    def __init__(self, name: str = "scripted") -> None:
        self.name = name
        self.next: Batch | BaseException | Callable[[], Batch] = GOOD
        self.accepted_batches = 0
        self.interrupted = threading.Event()
        self.closed_by: list[threading.Thread] = []

    def sample(self) -> Batch:
        if isinstance(self.next, BaseException):
            raise self.next
        return self.next if isinstance(self.next, Batch) else self.next()

    def accepted(self) -> None:
        self.accepted_batches += 1

    def interrupt(self) -> None:
        self.interrupted.set()

    def close(self) -> None:
        self.closed_by.append(threading.current_thread())


class Bench:
    """A sampler with scripted collectors, a clock to turn, and what a scrape would see."""

    def __init__(self, *, interval: float = 5.0, timeout: float = 5.0) -> None:
        self.time = HandClock()
        clock = self.time.clock
        self.store = Store(catalogue.FAMILIES, Limits(0.0), Ledger(None, clock), clock)
        self.own: Callable[[], Sequence[Sample]] = list
        self.sampler = Sampler(self.store, clock, lambda: self.own())  # noqa: PLW0108 - set later
        self.schedule = Schedule(interval, timeout)
        self.collector = Scripted()
        self.thread = self.add(self.collector)

    def add(self, collector: Collector) -> CollectorThread:
        self.sampler.add(collector, self.schedule)
        return self.sampler._threads[-1]

    def tick(self, what: Batch | BaseException | Callable[[], Batch]) -> None:
        self.collector.next = what
        self.thread.tick()

    def pass_seconds(self, seconds: float) -> None:
        """Let time go by with the supervisor at work, as it is every second."""
        for _ in range(int(seconds)):
            self.time.pass_seconds(1.0)
            for thread in self.sampler._threads:
                thread.supervise()
        self.sampler.publish()

    def scrape(self, *, only: str = "scripted") -> dict[str, float]:
        return {
            sample.name.removeprefix("airflow_perf_exporter_")
            + (f":{sample.labels['reason']}" if "reason" in sample.labels else ""): sample.value
            for family in text_string_to_metric_families(text(self.store))
            for sample in family.samples
            if sample.labels.get("collector", only) == only
        }


def events(logs: list[EventDict]) -> list[str]:
    return [line["event"] for line in logs if line["log_level"] != "debug"]
