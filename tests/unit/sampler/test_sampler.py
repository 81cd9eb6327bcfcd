"""Tests of the sampler: collectors leave one another alone, and what is published is in order."""

from __future__ import annotations

import threading
from concurrent.futures import Future

import pytest

from exporter import catalogue
from exporter.errors import SourceUnavailableError
from exporter.health import REASONS
from exporter.samples import Batch, Sample
from tests.support.exposed import PLAIN
from tests.unit.sampler.bench import GOOD, STALE, Bench, Scripted


def test_health_is_exposed_before_the_first_tick(bench: Bench) -> None:
    bench.sampler.publish()
    found = bench.scrape()
    assert found["collector_success"] == 0
    assert found["collector_last_success_timestamp_seconds"] == 0
    assert [found[f"collector_errors_total:{reason}"] for reason in REASONS] == [0, 0, 0, 0]
    assert found["state_persistent"] == 0
    assert STALE not in found


def test_a_failing_collector_leaves_the_others_alone(bench: Bench) -> None:
    other = Scripted("other")
    bench.add(other).tick()
    bench.tick(ZeroDivisionError())
    assert bench.scrape(only="other")["collector_success"] == 1
    assert bench.scrape()["collector_success"] == 0


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


def test_a_sample_that_waits_is_freed_and_its_own_thread_closes_the_collector(
    bench: Bench,
) -> None:
    sampling = threading.Event()

    def sample() -> Batch:
        sampling.set()
        assert bench.collector.interrupted.wait(10)
        raise SourceUnavailableError("interrupted")

    bench.collector.next = sample
    bench.sampler.start()
    assert sampling.wait(10)
    bench.sampler.stop(10)
    assert bench.collector.closed_by == [bench.thread._thread]


def test_no_collector_holds_the_end_up_however_long_it_takes_to_close(bench: Bench) -> None:
    class Slow(Scripted):
        def close(self) -> None:
            assert stopped.wait(10)
            super().close()

    stopped = threading.Event()
    slow = [Slow("one"), Slow("two")]
    threads = [bench.add(each) for each in slow]
    bench.sampler.start()
    bench.sampler.stop(0.0)
    stopped.set()
    assert all(thread.join(10) for thread in threads)
    assert all(each.closed_by for each in slow)


def test_a_new_form_is_rendered_at_once_and_before_any_chore(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("exporter.sampler.sampler.SUPERVISION_SECONDS", 3600.0)
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
