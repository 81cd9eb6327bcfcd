"""Watching for the end of processes: told at once, once, and nothing is left open."""

from __future__ import annotations

import subprocess
import sys
import threading
from pathlib import Path
from time import monotonic

import pytest

from exporter.kernel.exits import ExitWatch
from exporter.kernel.kept import Descriptors


@pytest.fixture
def descriptors():
    return Descriptors(2)


@pytest.fixture
def watch(descriptors):
    watch = ExitWatch("test-exits", descriptors)
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


def test_an_exit_is_told_once_and_while_the_process_is_still_a_zombie(watch, descriptors, child):
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
    while open_files() != before - 1 or len(descriptors):
        assert monotonic() < deadline
    assert states == ["Z"]


def test_what_is_gone_is_not_watched(watch, descriptors, child):
    child.kill()
    child.wait()
    assert not watch.watch(child.pid, lambda: None)
    assert len(descriptors) == 0


def test_what_others_keep_open_is_part_of_the_cap(watch, descriptors, child):
    assert descriptors.take()
    assert watch.watch(child.pid, lambda: None)
    assert not watch.watch(child.pid, lambda: None)
    descriptors.give()
    assert watch.watch(child.pid, lambda: None)


def test_who_fails_leaves_the_others_their_exits(watch, child):
    told = threading.Event()
    watch.watch(child.pid, lambda: 1 / 0)
    watch.watch(child.pid, told.set)
    child.kill()
    assert told.wait(5.0)


def test_stopping_gives_everything_back_and_watches_no_more(descriptors, child):
    before = open_files()
    watch = ExitWatch("test-exits", descriptors)
    watch.watch(child.pid, lambda: None)
    watch.stop()
    watch.stop()
    assert (open_files(), len(descriptors)) == (before, 0)
    assert not watch.watch(child.pid, lambda: None)
