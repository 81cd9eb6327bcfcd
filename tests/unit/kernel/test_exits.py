"""Watching for the end of processes: told at once, once, and nothing is left open."""

from __future__ import annotations

import subprocess
import sys
import threading
from pathlib import Path
from time import monotonic

import pytest

from exporter.kernel import exits
from exporter.kernel.exits import ExitWatch


@pytest.fixture
def watch():
    watch = ExitWatch("test-exits")
    yield watch
    watch.stop()


@pytest.fixture
def child():
    process = subprocess.Popen([sys.executable, "-c", "import sys; sys.stdin.read()"], stdin=-1)
    yield process
    process.kill()
    process.communicate()


def open_files():
    return sum(1 for _ in Path("/proc/self/fd").iterdir())


def test_an_exit_is_told_once_and_while_the_process_is_still_a_zombie(watch, child):
    told, states = threading.Event(), []

    def ended():
        states.append(Path(f"/proc/{child.pid}/stat").read_text().rpartition(")")[2].split()[0])
        told.set()

    assert watch.watch(child.pid, ended)
    assert not told.wait(0.1)
    before = open_files()
    child.kill()
    assert told.wait(5.0)
    deadline = monotonic() + 5.0
    # One descriptor for the process; it is given back.
    while open_files() != before - 1:
        assert monotonic() < deadline
    assert states == ["Z"]


def test_what_is_gone_is_not_watched(watch, child):
    child.kill()
    child.wait()
    assert not watch.watch(child.pid, lambda: None)


def test_above_the_cap_nothing_is_watched(watch, child, monkeypatch):
    monkeypatch.setattr(exits, "MAX_WATCHED", 1)
    assert watch.watch(child.pid, lambda: None)
    assert not watch.watch(child.pid, lambda: None)


def test_who_fails_leaves_the_others_their_exits(watch, child):
    told = threading.Event()
    watch.watch(child.pid, lambda: 1 / 0)
    watch.watch(child.pid, told.set)
    child.kill()
    assert told.wait(5.0)


def test_stopping_gives_everything_back_and_watches_no_more(child):
    before = open_files()
    watch = ExitWatch("test-exits")
    watch.watch(child.pid, lambda: None)
    watch.stop()
    watch.stop()
    assert open_files() == before
    assert not watch.watch(child.pid, lambda: None)
