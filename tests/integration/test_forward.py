"""Totals reach the other exporter once it answers, and nothing waits longer than it may."""

from __future__ import annotations

import json
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from exporter.config import Settings
from exporter.errors import ConfigError
from exporter.forward import forwarder as queue
from exporter.forward.forwarder import Forwarder
from exporter.forward.receiver import Receiver
from exporter.forward.totals import Totals
from exporter.model import Task
from exporter.parts import tasks
from tests.integration.identity.stub import Stub, answers, certificates, hangs, says
from tests.support.ports import free_port
from tests.support.require import require

TASK = Task("etl", "load", "manual__1", -1, 2)
TOTALS = Totals(TASK, cpu_seconds=12.5, peak_memory_bytes=2**30, read_bytes=0, state="success")
Start = Callable[..., Forwarder]


@pytest.fixture
def start() -> Iterator[Start]:
    """Yield how to make a running forwarder without much patience."""
    made: list[Forwarder] = []

    def started(url: str, **options: object) -> Forwarder:
        options = {"timeout_seconds": 0.5, "budget_seconds": 10.0, "jitter": lambda: 0.0} | options
        ours = {name: options.pop(name) for name in ("budget_seconds", "jitter")}
        forwarder = Forwarder(Receiver(url, **options), **ours)
        forwarder.start()
        made.append(forwarder)
        return forwarder

    yield started
    for forwarder in made:
        forwarder.stop()
        # The stub is gone, so an attempt under way ends, and its log line is not another test's.
        forwarder._thread.join(10)


def counts(forwarder: Forwarder) -> tuple[int, int, int]:
    return forwarder.sent, forwarder.failed, forwarder.dropped


def test_totals_arrive_as_json_without_what_is_unknown(start):
    with Stub(answers(204)) as stub:
        forwarder = start(stub.url)
        forwarder.send(TOTALS)
        assert forwarder.flush(5)
    (seen,) = stub.seen
    assert seen.line == "POST /ingest/v1/tries HTTP/1.1"
    assert seen.headers["Content-Type"] == "application/json"
    assert "Authorization" not in seen.headers
    body = json.loads(seen.body)
    assert len(body.pop("id")) == 32
    assert body == {
        "dag_id": "etl",
        "task_id": "load",
        "run_id": "manual__1",
        "map_index": -1,
        "try_number": 2,
        "state": "success",
        "source": "sidecar",
        "cpu_seconds": 12.5,
        "peak_memory_bytes": 2**30,
        "read_bytes": 0,
    }
    assert counts(forwarder) == (1, 0, 0)


@pytest.mark.parametrize("status", [500, 503, 429])
def test_a_receiver_that_errs_gets_the_same_message_again(start, status):
    with Stub(answers(status), answers(status), answers(204)) as stub, capture_logs() as logs:
        forwarder = start(f"{stub.url}/own/path")
        forwarder.send(TOTALS)
        assert forwarder.flush(5)
    assert len(stub.seen) == 3
    assert {seen.body for seen in stub.seen} == {stub.seen[0].body}
    assert stub.seen[0].line == "POST /own/path HTTP/1.1"
    assert counts(forwarder) == (1, 0, 0)
    assert [(log["event"], log["error"]) for log in logs] == [
        ("forward.failing", f"{stub.url} answered {status}")
    ]


@pytest.mark.parametrize("status", [400, 401, 404, 413, 302])
def test_a_refused_message_is_dropped_and_told_once(start, status):
    with Stub(answers(status)) as stub, capture_logs() as logs:
        forwarder = start(stub.url)
        forwarder.send(TOTALS)
        forwarder.send(TOTALS)
        assert forwarder.flush(5)
    assert len(stub.seen) == 2
    assert counts(forwarder) == (0, 0, 2)
    assert [(log["event"], log["error"]) for log in logs] == [
        ("forward.refused", f"{stub.url} answered {status}: totals are dropped")
    ]


def test_a_receiver_that_comes_back_gets_what_waited_in_order(start):
    port = free_port()
    forwarder = start(f"http://127.0.0.1:{port}", budget_seconds=60)
    for number in range(3):
        forwarder.send(Totals(TASK, cpu_seconds=number))
    assert not forwarder.flush(0.3)
    with Stub(answers(204), port=port) as stub:
        assert forwarder.flush(5)
    assert [json.loads(seen.body)["cpu_seconds"] for seen in stub.seen] == [0, 1, 2]
    assert counts(forwarder) == (3, 0, 0)


def test_an_answer_that_was_lost_is_asked_for_again_under_the_same_id(start):
    with Stub(says(b""), hangs, answers(204, b"x" * 1_000_000)) as stub:
        forwarder = start(stub.url)
        forwarder.send(TOTALS)
        assert forwarder.flush(5)
    assert len({json.loads(seen.body)["id"] for seen in stub.seen}) == 1
    assert len(stub.seen) == 3
    assert forwarder.sent == 1


def test_two_tries_alike_have_ids_of_their_own(start):
    with Stub(answers(204)) as stub:
        forwarder = start(stub.url)
        forwarder.send(TOTALS)
        forwarder.send(TOTALS)
        assert forwarder.flush(5)
    assert len({json.loads(seen.body)["id"] for seen in stub.seen}) == 2


@pytest.mark.parametrize(
    "behaviour", [None, hangs, answers(500), says(*[b"H"] * 99, every_seconds=0.1)]
)
def test_a_flush_ends_at_its_deadline(start, behaviour):
    with Stub(behaviour or hangs) as stub:
        url = stub.url if behaviour else f"http://127.0.0.1:{free_port()}"
        forwarder = start(url, timeout_seconds=5.0, budget_seconds=60)
        for _ in range(20):
            forwarder.send(TOTALS)
        started = time.monotonic()
        assert not forwarder.flush(0.5)
        assert 0.5 <= time.monotonic() - started < 0.7
        forwarder.stop()
        assert time.monotonic() - started < 0.9
    assert forwarder.sent == 0
    assert forwarder.dropped >= 19


def test_a_flush_ends_a_long_pause(start, monkeypatch):
    monkeypatch.setattr(queue, "FIRST_PAUSE_SECONDS", 20.0)
    with Stub(answers(500), answers(204)) as stub:
        forwarder = start(stub.url, budget_seconds=60)
        forwarder.send(TOTALS)
        stub.wait_seen(1)
        time.sleep(0.2)
        assert forwarder.flush(2)
    assert forwarder.sent == 1


def test_pauses_grow_to_a_bound_and_are_not_alike():
    forwarder = Forwarder(Receiver("http://127.0.0.1:1"))
    pauses = [forwarder._pause_seconds(attempt) for attempt in range(2000)]
    assert 0.1 <= pauses[0] <= 0.2
    assert max(pauses) <= 30.0
    assert min(pauses[10:]) >= 15.0
    assert len(set(pauses)) > 1900


def test_a_flush_keeps_pauses_short(start):
    with Stub(answers(500)) as stub:
        forwarder = start(stub.url, budget_seconds=60, jitter=lambda: 1.0)
        forwarder.send(TOTALS)
        assert not forwarder.flush(2.5)
    assert len(stub.seen) >= 6  # doubling would allow four


def test_a_message_is_given_up_when_its_budget_is_over(start, monkeypatch):
    monkeypatch.setattr(queue, "FIRST_PAUSE_SECONDS", 20.0)
    forwarder = start(f"http://127.0.0.1:{free_port()}", budget_seconds=0.5)
    with capture_logs() as logs:
        forwarder.send(TOTALS)
        started = time.monotonic()
        assert forwarder.flush(5)
    assert 0.4 < time.monotonic() - started < 2
    assert counts(forwarder) == (0, 1, 0)
    assert len(logs) == 1


def test_a_message_whose_budget_is_over_is_tried_once_all_the_same(start):
    with Stub(answers(204)) as stub:
        forwarder = start(stub.url, budget_seconds=-1.0)
        forwarder.send(TOTALS)
        assert forwarder.flush(5)
    assert forwarder.sent == 1


def test_a_full_queue_drops_its_oldest_and_sending_never_waits(start, monkeypatch):
    monkeypatch.setattr(queue, "MAX_QUEUED", 3)
    forwarder = Forwarder(Receiver("http://127.0.0.1:1"))
    started = time.monotonic()
    for number in range(10):
        forwarder.send(Totals(TASK, cpu_seconds=number))
    assert time.monotonic() - started < 0.5
    assert forwarder.dropped == 7
    assert [json.loads(each.body)["cpu_seconds"] for each in forwarder._queue] == [7, 8, 9]
    forwarder.stop()
    assert counts(forwarder) == (0, 0, 10)


def test_sending_does_not_wait_for_an_attempt_under_way(start):
    with Stub(hangs) as stub:
        forwarder = start(stub.url, timeout_seconds=5.0)
        forwarder.send(TOTALS)
        stub.wait_seen(1)
        started = time.monotonic()
        forwarder.send(TOTALS)
        assert time.monotonic() - started < 0.2


def test_after_the_end_everything_is_dropped_and_told(start):
    forwarder = start(f"http://127.0.0.1:{free_port()}")
    forwarder.send(TOTALS)
    assert not forwarder.flush(0.1)
    with capture_logs() as logs:
        forwarder.stop()
        forwarder.send(TOTALS)
    assert [(log["event"], log["totals"]) for log in logs] == [("forward.left_over", 1)]
    forwarder._thread.join(5)
    assert counts(forwarder) == (0, 0, 2)
    assert not any(thread.name == "forward" for thread in threading.enumerate())


def test_the_token_goes_to_the_receiver_and_into_no_line(start, tmp_path):
    token = tmp_path / "token"
    with Stub(answers(401)) as stub, capture_logs() as logs:
        host = stub.url.removeprefix("http://")
        with_token = start(f"http://user:Zq7mK2w@{host}", token_file=token, budget_seconds=0.4)
        with_token.send(TOTALS)
        assert with_token.flush(5)
        assert with_token.failed == 1
        token.write_text("Zq7mK2w-token\n")
        with_token.send(TOTALS)
        assert with_token.flush(5)
        with_password = start(f"http://user:Zq7mK2w@{host}/?key=Zq7mK2w")
        with_password.send(TOTALS)
        assert with_password.flush(5)
    sent = [seen.headers["Authorization"] for seen in stub.seen]
    assert sent == ["Bearer Zq7mK2w-token", "Basic dXNlcjpacTdtSzJ3"]
    assert stub.seen[1].line == "POST /?key=Zq7mK2w HTTP/1.1"
    assert len(logs) == 3
    assert {log["to"] for log in logs} == {stub.url}
    assert "Zq7mK2w" not in repr(logs)


def test_a_receiver_behind_tls_is_trusted_by_its_ca_alone(start, tmp_path: Path):
    require(shutil.which("openssl"), "there is no openssl")
    ca, server = certificates(tmp_path)
    with Stub(answers(204), tls=server) as stub, capture_logs() as logs:
        trusting = start(stub.url, ca_file=ca)
        doubting = start(stub.url, budget_seconds=0.1)
        for forwarder in (trusting, doubting):
            forwarder.send(TOTALS)
            assert forwarder.flush(5)
    assert (trusting.sent, doubting.failed) == (1, 1)
    assert len(stub.seen) == 1
    assert "certificate" in logs[0]["error"]


@pytest.mark.parametrize("url", ["exporter:9000", "ftp://Zq7mK2w@exporter/", ""])
def test_what_is_no_url_stops_the_start(url):
    with pytest.raises(ConfigError, match=r"--forward\.url: not a URL") as caught:
        Receiver(url)
    assert "Zq7mK2w" not in str(caught.value)


def test_who_hands_over_keeps_no_ledger_to_hand_it_over_from_again(tmp_path):
    settings = Settings(tasks=True, pod_info=tmp_path)
    tasks.receiver(settings, "http://exporter/")
    with pytest.raises(ConfigError, match=r"--forward\.url: .* leave out --state\.path"):
        tasks.receiver(replace(settings, state_path=tmp_path), "http://exporter/")


@pytest.mark.parametrize("missing", ["run_id", "map_index", "try_number"])
def test_totals_of_a_try_that_nothing_identifies_are_not_sent(start, missing):
    with Stub(answers(204)) as stub, capture_logs() as logs:
        forwarder = start(stub.url)
        forwarder.send(Totals(replace(TASK, **{missing: None}), cpu_seconds=1.0))
        forwarder.send(TOTALS)
        assert forwarder.flush(5)
    (seen,) = stub.seen
    assert json.loads(seen.body)["cpu_seconds"] == 12.5
    assert counts(forwarder) == (1, 0, 1)
    assert [log["event"] for log in logs] == ["forward.unidentified"]


@pytest.mark.parametrize(
    ("url", "warned"),
    [
        ("http://exporter:9/", False),
        ("https://u:Zq7mK2w@exporter:9/", False),
        ("http://u:Zq7mK2w@[::1]:9/", False),
        ("http://u:Zq7mK2w@exporter:9/", True),
    ],
)
def test_a_token_that_others_may_read_is_warned_of(url, warned):
    with capture_logs() as logs:
        Receiver(url)
    assert [log["event"] for log in logs] == ["forward.unencrypted"] * warned
    assert "Zq7mK2w" not in repr(logs)
