"""Tests of a collector's thread: whatever the collector does ends there, and its health is told."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from structlog.typing import EventDict

from exporter import catalogue
from exporter.errors import RejectedError, SourceTimeoutError, SourceUnavailableError
from exporter.health import REASONS
from exporter.samples import Batch, Sample
from tests.support.clock import HandClock
from tests.unit.sampler.bench import BAD, GOOD, SCALING, STALE, Bench, Scripted, events


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


def test_a_sample_that_ends_late_is_taken_and_counts_as_a_timeout(
    bench: Bench, logs: list[EventDict]
) -> None:
    def late() -> Batch:
        bench.time.pass_seconds(5.5)
        return GOOD

    bench.tick(GOOD)
    begun = bench.time.clock.wall()
    for _ in range(20):
        bench.tick(late)
        bench.pass_seconds(1)
    found = bench.scrape()
    assert found["collector_success"] == 0
    assert found["collector_errors_total:timeout"] == 20
    assert found["collector_last_success_timestamp_seconds"] == begun
    assert found["collector_duration_seconds"] == 5.5
    assert found[STALE] == 3
    assert SCALING not in found
    assert found["airflow_task_wasted_seconds_total"] == bench.collector.accepted_batches == 21
    assert events(logs) == ["collector.failed"]
    assert logs[0]["error"] == "the sample took 5.5 s, but may take 5 s"


def test_a_hang_that_ends_well_is_one_timeout_and_the_next_sample_the_recovery(
    bench: Bench, logs: list[EventDict]
) -> None:
    hang = Hang(bench, GOOD)
    bench.pass_seconds(10)
    hang.end()
    bench.sampler.publish()
    found = bench.scrape()
    assert found["collector_success"] == 0
    assert found["collector_errors_total:timeout"] == 1
    assert found["collector_duration_seconds"] == 10
    assert found[STALE] == 3
    assert SCALING not in found
    bench.tick(GOOD)
    assert bench.scrape()["collector_success"] == 1
    assert events(logs) == ["collector.failed", "collector.recovered"]


@pytest.mark.parametrize("hangs", [False, True])
def test_health_is_told_while_the_gauges_of_a_failure_wait_for_a_slow_disk(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, hangs: bool
) -> None:
    dropping, is_free = threading.Event(), threading.Event()

    def drop_gauges(*_: object) -> None:
        dropping.set()
        assert is_free.wait(10)

    monkeypatch.setattr(bench.store, "drop_gauges", drop_gauges)
    hang = Hang(bench, GOOD) if hangs else None
    away = SourceUnavailableError("away")
    with ThreadPoolExecutor(2) as pool:
        try:
            failing = pool.submit(bench.pass_seconds, 7) if hangs else pool.submit(bench.tick, away)
            assert dropping.wait(10)
            told = pool.submit(bench.thread.health).result(timeout=5)
            assert told.last_reason == ("timeout" if hangs else "unavailable")
        finally:
            is_free.set()
            failing.result(timeout=10)
            if hang is not None:
                hang.end()


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
    assert bench.collector.interrupted.is_set()
    assert events(logs) == []
