"""Work beside a collector's own thread goes on, whatever goes wrong with it."""

from __future__ import annotations

import errno
import threading
import time
from queue import SimpleQueue

import pytest
from structlog.testing import capture_logs

from exporter.collectors.loop import Loop
from exporter.errors import SourceTimeoutError

PATIENCE = 20.0


class Work:
    """Fails with each error in turn, and then no more; tells the trouble of the time before."""

    def __init__(self, *errors: Exception) -> None:
        self.troubles: SimpleQueue[str | None] = SimpleQueue()
        self._errors = [*errors]
        self.loop = Loop("test-loop", self, lambda: 600.0)

    def __call__(self) -> None:
        self.troubles.put(self.loop.trouble)
        if self._errors:
            raise self._errors.pop(0)

    def again(self) -> str | None:
        self.loop.hurry()
        return self.troubles.get(timeout=PATIENCE)

    def end(self) -> None:
        self.loop.stop()
        self.loop._thread.join(PATIENCE)
        assert not self.loop._thread.is_alive()


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (SourceTimeoutError("it hangs"), "it hangs"),
        (OSError(errno.EMFILE, "Too many open files"), "test-loop failed: Too many open files"),
        (ZeroDivisionError("a value"), "test-loop failed: ZeroDivisionError"),
    ],
)
def test_what_is_wrong_is_told_until_it_is_well(error: Exception, sentence: str) -> None:
    work = Work(error)
    work.loop.start()
    assert work.troubles.get(timeout=PATIENCE) is None
    assert [work.again(), work.again()] == [sentence, None]
    work.end()


def test_a_defect_is_logged_once_and_not_at_each_turn() -> None:
    work = Work(*[ZeroDivisionError() for _ in range(3)])
    with capture_logs() as logs:
        work.loop.start()
        assert work.troubles.get(timeout=PATIENCE) is None
        assert [work.again() for _ in range(3)] == ["test-loop failed: ZeroDivisionError"] * 3
        work.end()
    assert [each["event"] for each in logs] == ["loop.failed"]


def test_it_ends_at_once_while_it_pauses() -> None:
    work = Work()
    work.loop.start()
    assert work.troubles.get(timeout=PATIENCE) is None
    work.end()


def test_the_start_waits_for_the_first_work_to_end() -> None:
    work = Work(SourceTimeoutError("it hangs"))
    began = time.monotonic()
    work.loop.start(PATIENCE)
    assert time.monotonic() - began < PATIENCE / 2
    assert work.loop.trouble == "it hangs"
    work.end()


def test_the_start_waits_no_longer_once_long_work_is_well() -> None:
    over = threading.Event()

    def follow() -> None:
        loop.note_well()
        over.wait(PATIENCE)

    loop = Loop("test-loop", follow, lambda: 600.0)
    loop.trouble = "has not answered yet"
    began = time.monotonic()
    loop.start(PATIENCE)
    assert time.monotonic() - began < PATIENCE / 2
    assert loop.trouble is None
    loop.stop()
    over.set()


def test_the_start_waits_no_longer_than_it_has_patience() -> None:
    over = threading.Event()
    loop = Loop("test-loop", lambda: over.wait(PATIENCE), lambda: 600.0)
    loop.start(0.01)
    assert not over.is_set()
    loop.stop()
    over.set()
