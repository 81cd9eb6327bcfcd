"""Tests of the sampler: whatever a collector does, the others go on and its health is told."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future

import pytest
import structlog
from prometheus_client.parser import text_string_to_metric_families
from structlog.testing import capture_logs
from structlog.typing import EventDict

from exporter import catalogue
from exporter.collectors.base import Collector
from exporter.errors import RejectedError, SourceTimeoutError, SourceUnavailableError
from exporter.health import REASONS
from exporter.sampler import CollectorThread, Sampler, Schedule
from exporter.samples import Batch, Sample
from exporter.telemetry.ledger import Ledger
from exporter.telemetry.limits import Limits
from exporter.telemetry.store import Store
from tests.support.clock import HandClock
from tests.support.exposed import PLAIN, text

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
        self.closed = threading.Event()

    def sample(self) -> Batch:
        if isinstance(self.next, BaseException):
            raise self.next
        return self.next if isinstance(self.next, Batch) else self.next()

    def accepted(self) -> None:
        self.accepted_batches += 1

    def close(self) -> None:
        self.closed.set()


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


@pytest.fixture
def bench() -> Bench:
    return Bench()


@pytest.fixture
def logs() -> Iterator[list[EventDict]]:
    structlog.reset_defaults()
    with capture_logs() as lines:
        yield lines


def events(logs: list[EventDict]) -> list[str]:
    return [line["event"] for line in logs if line["log_level"] != "debug"]


def test_health_is_exposed_before_the_first_tick(bench: Bench) -> None:
    bench.sampler.publish()
    found = bench.scrape()
    assert found["collector_success"] == 0
    assert found["collector_last_success_timestamp_seconds"] == 0
    assert [found[f"collector_errors_total:{reason}"] for reason in REASONS] == [0, 0, 0, 0]
    assert found["state_persistent"] == 0
    assert STALE not in found


def test_a_good_sample_is_exposed_with_its_health(bench: Bench) -> None:
    def slow() -> Batch:
        bench.time.pass_seconds(2.0)
        return GOOD

    bench.tick(slow)
    found = bench.scrape()
    assert found["collector_success"] == 1
    assert found["collector_duration_seconds"] == 2.0
    assert found["collector_last_success_timestamp_seconds"] == bench.time.clock.wall()
    assert (found[STALE], found[SCALING]) == (3, 7)
    assert bench.collector.accepted_batches == 1


@pytest.mark.parametrize(
    ("what", "reason"),
    [
        (SourceUnavailableError("away"), "unavailable"),
        (SourceTimeoutError("slow"), "timeout"),
        (RejectedError("wrong"), "rejected"),
        (BAD, "rejected"),
        (ZeroDivisionError("a bug"), "bug"),
        (MemoryError(), "bug"),
        (RecursionError(), "bug"),
    ],
)
def test_every_failure_ends_at_the_boundary_and_is_counted_by_reason(
    bench: Bench, what: Batch | BaseException, reason: str
) -> None:
    bench.tick(GOOD)
    bench.tick(what)
    found = bench.scrape()
    assert found["collector_success"] == 0
    counts = {each: found[f"collector_errors_total:{each}"] for each in REASONS}
    assert counts == {**dict.fromkeys(REASONS, 0), reason: 1}
    assert found["collector_last_success_timestamp_seconds"] == bench.time.clock.wall()
    assert found[STALE] == 3
    assert bench.collector.accepted_batches == 1
    assert bench.sampler.health()[0].last_reason == reason


def test_a_failing_collector_leaves_the_others_alone(bench: Bench) -> None:
    other = Scripted("other")
    bench.add(other).tick()
    bench.tick(ZeroDivisionError())
    assert bench.scrape(only="other")["collector_success"] == 1
    assert bench.scrape()["collector_success"] == 0


def test_a_long_failure_is_logged_when_it_begins_and_when_it_ends(
    bench: Bench, logs: list[EventDict]
) -> None:
    for _ in range(5):
        bench.tick(SourceUnavailableError("the server is away"))
    bench.tick(GOOD)
    bench.tick(GOOD)
    assert events(logs) == ["collector.failed", "collector.recovered"]
    assert logs[0]["error"] == "the server is away"
    assert logs[0]["collector"] == "scripted"


def test_a_failure_that_changes_its_reason_is_logged_again(
    bench: Bench, logs: list[EventDict]
) -> None:
    bench.tick(SourceUnavailableError("away"))
    bench.tick(SourceTimeoutError("slow"))
    assert [line["reason"] for line in logs] == ["unavailable", "timeout"]


def test_a_bug_is_logged_once_with_its_traceback(bench: Bench, logs: list[EventDict]) -> None:
    error = ZeroDivisionError("secret detail")
    bench.tick(error)
    bench.tick(error)
    assert events(logs) == ["collector.failed"]
    assert logs[0]["exc_info"] is error
    assert logs[0]["error"] == "ZeroDivisionError"


@pytest.mark.parametrize(("interval", "hold"), [(0.5, 60), (5.0, 60), (20.0, 60), (30.0, 90)])
def test_gauges_are_held_for_three_intervals_and_at_least_a_minute_then_dropped(
    interval: float, hold: int
) -> None:
    bench = Bench(interval=interval)
    bench.tick(GOOD)
    bench.tick(SourceUnavailableError("away"))
    bench.pass_seconds(hold)
    assert bench.scrape()[STALE] == 3
    bench.tick(SourceUnavailableError("away"))
    bench.pass_seconds(1)
    found = bench.scrape()
    assert STALE not in found
    assert found["collector_success"] == 0
    assert found["airflow_task_wasted_seconds_total"] == 1
    bench.tick(GOOD)
    assert bench.scrape()[STALE] == 3
    assert bench.scrape()["airflow_task_wasted_seconds_total"] == 2


def test_a_sample_with_trouble_is_taken_and_the_collector_is_down(
    bench: Bench, logs: list[EventDict]
) -> None:
    bench.tick(GOOD)
    for value in range(30):
        gauges = {"active": [Sample(catalogue.TASK_HEARTBEAT_STALE, (), float(value))]}
        bench.tick(Batch(gauges=gauges, trouble="the engine is away"))
        bench.pass_seconds(5.0)
        assert bench.scrape()[STALE] == value
    assert bench.scrape()["collector_success"] == 0.0
    assert bench.scrape()["collector_errors_total:unavailable"] == 30.0
    assert events(logs) == ["collector.failed"]
    assert logs[0]["error"] == "the engine is away"
    bench.tick(GOOD)
    bench.pass_seconds(1.0)
    assert bench.scrape()["collector_success"] == 1.0


def test_a_second_failure_is_held_from_its_own_begin(bench: Bench) -> None:
    bench.tick(SourceUnavailableError("away"))
    bench.pass_seconds(50)
    bench.tick(GOOD)
    bench.tick(SourceUnavailableError("away"))
    bench.pass_seconds(50)
    assert bench.scrape()[STALE] == 3
    bench.pass_seconds(11)
    assert STALE not in bench.scrape()


def test_what_is_harmful_when_old_goes_at_once(bench: Bench) -> None:
    bench.tick(GOOD)
    bench.tick(SourceUnavailableError("away"))
    assert SCALING not in bench.scrape()
    assert STALE in bench.scrape()
    bench.tick(GOOD)
    assert bench.scrape()[SCALING] == 7


class Hang:
    """A tick of the bench's collector that hangs in a thread of its own."""

    def __init__(self, bench: Bench, outcome: Batch | Exception) -> None:
        self._entered, self._release = threading.Event(), threading.Event()
        self._outcome = outcome
        bench.collector.next = self._sample
        self._thread = threading.Thread(target=bench.thread.tick)
        self._thread.start()
        assert self._entered.wait(10)

    def _sample(self) -> Batch:
        self._entered.set()
        assert self._release.wait(10)
        if isinstance(self._outcome, Exception):
            raise self._outcome
        return self._outcome

    def end(self) -> None:
        self._release.set()
        self._thread.join(10)
        assert not self._thread.is_alive()


def test_a_hang_reads_as_down_at_its_deadline_and_is_counted_once(
    bench: Bench, logs: list[EventDict]
) -> None:
    bench.tick(GOOD)
    hang = Hang(bench, SourceTimeoutError("the socket was shut"))
    try:
        bench.pass_seconds(6)
        assert bench.scrape()["collector_success"] == 1
        bench.pass_seconds(1)
        found = bench.scrape()
        assert found["collector_success"] == 0
        assert found["collector_duration_seconds"] == 7
        assert SCALING not in found
        assert found[STALE] == 3
        bench.pass_seconds(60)
        assert bench.scrape()[STALE] == 3
        bench.pass_seconds(1)
        assert STALE not in bench.scrape()
    finally:
        hang.end()
    assert bench.scrape()["collector_errors_total:timeout"] == 1
    assert events(logs) == ["collector.failed"]
    bench.tick(GOOD)
    assert events(logs) == ["collector.failed", "collector.recovered"]


def test_a_hang_that_ends_well_is_a_recovery(bench: Bench, logs: list[EventDict]) -> None:
    hang = Hang(bench, GOOD)
    bench.pass_seconds(10)
    hang.end()
    found = bench.scrape()
    assert found["collector_success"] == 1
    assert found["collector_errors_total:timeout"] == 1
    assert events(logs) == ["collector.failed", "collector.recovered"]


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_thread_that_ended_reads_as_down(bench: Bench, logs: list[EventDict]) -> None:
    class Exiting(Scripted):
        def sample(self) -> Batch:
            raise SystemExit(1)

    thread = bench.add(Exiting("exiting"))
    thread.start()
    assert thread.join(10)
    bench.pass_seconds(3)
    found = bench.scrape(only="exiting")
    assert found["collector_success"] == 0
    assert found["collector_errors_total:bug"] == 1
    assert events(logs) == ["collector.failed"]


class _Waits(threading.Event):
    """Stands for the wait between two ticks: notes it, turns the clock, ends after some."""

    def __init__(self, time: HandClock, most: int) -> None:
        super().__init__()
        self._time, self._most = time, most
        self.seconds: list[float] = []

    def wait(self, timeout: float | None = None) -> bool:
        self.seconds.append(timeout or 0.0)
        self._time.pass_seconds(timeout or 0.0)
        if len(self.seconds) >= self._most:
            self.set()
        return self.is_set()


def test_ticks_keep_to_their_interval_and_missed_ones_are_skipped(bench: Bench) -> None:
    durations = iter([0.0, 1.0, 23.0, 1.0, 0.0])
    begun: list[float] = []

    def sample() -> Batch:
        begun.append(bench.time.clock.monotonic() - 1000.0)
        bench.time.pass_seconds(next(durations))
        return GOOD

    bench.collector.next = sample
    waits = _Waits(bench.time, most=5)
    bench.thread._stop = waits
    bench.thread._run()
    assert begun == [0.0, 5.0, 10.0, 33.0, 38.0]
    assert waits.seconds == [5.0, 4.0, 0.0, 4.0, 5.0]


def test_a_failure_on_the_way_out_is_none(bench: Bench, logs: list[EventDict]) -> None:
    bench.tick(GOOD)
    bench.thread.request_stop()
    bench.tick(SourceUnavailableError("the connection was closed by us"))
    assert bench.scrape()["collector_success"] == 1
    assert bench.collector.closed.is_set()
    assert events(logs) == []


def test_the_threads_sample_and_stop(bench: Bench) -> None:
    sampled = threading.Event()

    def sample() -> Batch:
        sampled.set()
        return GOOD

    bench.collector.next = sample
    assert bench.sampler.ready() == "waiting for the first sample of: scripted"
    bench.sampler.start()
    assert sampled.wait(10)
    bench.sampler.stop(10)
    assert bench.thread.join(0)
    assert not bench.sampler._supervisor.is_alive()
    assert bench.sampler.ready() is None


def test_a_new_form_is_rendered_at_once_and_before_any_chore(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("exporter.sampler.SUPERVISION_SECONDS", 3600.0)
    ticked = threading.Event()
    bench.thread._after_tick = ticked.set
    bench.sampler.start()
    try:
        assert ticked.wait(10)
        chores = []
        bench.own = lambda: chores.append("publish") or []  # type: ignore[func-returns-value]
        found = bench.store.exposition.body(PLAIN)
        assert isinstance(found, Future)
        assert found.result(timeout=10).families
        assert chores == []
    finally:
        bench.sampler.stop(10)


def test_a_collector_is_ready_once_it_has_failed(bench: Bench) -> None:
    bench.tick(SourceUnavailableError("away"))
    assert bench.sampler.ready() is None


def test_a_silent_supervisor_is_unhealthy(bench: Bench) -> None:
    bench.time.pass_seconds(60.0)
    assert bench.sampler.healthy() is None
    bench.time.pass_seconds(1.0)
    assert bench.sampler.healthy() == "the sampler has been silent for 61 s"


def test_an_older_count_is_never_published_after_a_newer_one(bench: Bench) -> None:
    entered, release = threading.Event(), threading.Event()
    counts = iter([1.0, 2.0])

    def own() -> list[Sample]:
        count = next(counts)
        if count == 1.0:
            entered.set()
            assert release.wait(10)
        return [Sample(catalogue.HTTP_REQUESTS, ("/", "200"), count)]

    bench.own = own
    first = threading.Thread(target=bench.sampler.publish)
    second = threading.Thread(target=bench.sampler.publish)
    first.start()
    assert entered.wait(10)
    second.start()
    second.join(0.2)
    release.set()
    for thread in (first, second):
        thread.join(10)
    assert bench.scrape()["http_requests_total"] == 2
