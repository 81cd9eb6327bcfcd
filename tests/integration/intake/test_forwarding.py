"""What a sidecar hands over counts once, though answers are lost on the way."""

from __future__ import annotations

import socket
import time
from http.client import HTTPException
from threading import Event

from exporter.forward.forwarder import Forwarder
from exporter.forward.receiver import Receiver
from exporter.forward.totals import Totals
from exporter.model import Task
from tests.integration.identity.stub import Stub, answers
from tests.integration.intake.conftest import Taker

TOTALS = 20


class Relay:
    """Passes each request on to the exporter, and loses every second answer."""

    def __init__(self, taker: Taker) -> None:
        self._taker = taker
        self.stub = Stub(self._behave)
        self.statuses: list[int] = []

    def _behave(self, sock: socket.socket, closing: Event) -> None:
        try:
            self.statuses.append(self._taker.post(self.stub.seen[-1].body))
        except (OSError, HTTPException):  # It has just been killed.
            return
        if len(self.statuses) % 2 == 0:
            answers(self.statuses[-1])(sock, closing)


def test_a_forwarder_that_resends_after_a_lost_answer_counts_once(alone: Taker) -> None:
    relay = Relay(alone)
    with relay.stub as stub:
        forwarder = Forwarder(Receiver(stub.url), jitter=lambda: 0.0)
        forwarder.start()
        for number in range(TOTALS):
            task = Task("etl", "load", f"manual__{number}", -1, 1)
            forwarder.send(Totals(task, cpu_seconds=2.0, peak_memory_bytes=2**30))
            if number == TOTALS // 2:
                _wait_sent(forwarder, number)
                alone.process.kill()
                alone.start()
                alone.process.wait_ready(30)
        assert forwarder.flush(60)
        forwarder.stop()
    assert forwarder.sent == TOTALS
    assert set(relay.statuses) == {204}
    assert len(relay.statuses) >= 2 * TOTALS  # Each answer was lost once.
    alone.process.wait_for(f'task_cpu_seconds_total{{dag_id="etl",task_id="load"}} {2 * TOTALS}')
    time.sleep(1)  # Longer than the hold and a tick: what would count twice has done so.
    assert alone.totals()["task_cpu_seconds_total", (("dag_id", "etl"), ("task_id", "load"))] == 40
    count = 'task_peak_memory_bytes_count{dag_id="etl",task_id="load"} 20'
    assert count in alone.process.scrape().splitlines()


def _wait_sent(forwarder: Forwarder, count: int) -> None:
    deadline = time.monotonic() + 30
    while forwarder.sent < count:
        assert time.monotonic() < deadline, (forwarder.sent, forwarder.dropped, forwarder.failed)
        time.sleep(0.01)
