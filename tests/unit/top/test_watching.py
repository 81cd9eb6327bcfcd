"""A source that is read in a thread: closed once nobody reads it any more, and not before."""

from __future__ import annotations

from threading import Event

import pytest

from exporter.errors import SourceUnavailableError
from exporter.running.tries import RunningTries
from exporter.top import watching
from exporter.top.watching import Watching


class Source:
    """Answers when it is let, and knows whether it is in use."""

    def __init__(self) -> None:
        self.entered, self.answer = Event(), Event()
        self.is_closed = False

    def __call__(self) -> RunningTries:
        self.entered.set()
        self.answer.wait(60)
        message = "away"
        raise SourceUnavailableError(message)

    def close(self) -> None:
        self.is_closed = True


def test_a_source_is_closed_at_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watching, "LAST_SECONDS", 60)
    source, read = Source(), Event()
    source.answer.set()
    with Watching(source, 1000, read.set) as watched:
        assert read.wait(60)
        assert not source.is_closed
    assert (source.is_closed, watched.trouble) == (True, "away")


def test_a_source_is_never_closed_while_it_is_read() -> None:
    source = Source()
    with Watching(source, 1000, lambda: None):
        assert source.entered.wait(60)
    assert not source.is_closed
    source.answer.set()
