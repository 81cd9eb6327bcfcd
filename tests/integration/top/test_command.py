"""The command `top` as a user runs it: in a terminal, in a pipe, beside a running exporter."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import termios
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread
from time import monotonic

import pytest

from exporter.running.message import dumped
from tests.support.exporter import ROOT, ExporterProcess
from tests.unit.collectors.tasks.proc import Proc
from tests.unit.running.tries import one, several

UUID = "019d3a6e-0c5b-7cd1-8f5e-5b1b2f6f9f5e"
HOSTILE = "\x1b[2Jevil\n\u202e"
ENTERED, LEFT = b"\x1b[?1049h", b"\x1b[?1049l"
ENVIRONMENT = {"PATH": "/usr/bin:/bin", "LANG": "C.UTF-8", "PYTHONPATH": str(ROOT)}


@pytest.fixture(scope="module")
def procfs(tmp_path_factory):
    """Return a proc file system with one try."""
    proc = Proc(tmp_path_factory.mktemp("proc"))
    proc.put(50, f"airflow worker -- LocalExecutor: {UUID}")
    proc.put(60, f"airflow worker -- {UUID}", parent=50, kib=2048)
    proc.link(60, 4, "/l/dag_id=sales/run_id=r/task_id=load/attempt=2.log")
    return proc.root


@pytest.fixture(scope="module")
def exporter(procfs, tmp_path_factory):
    arguments = ("--no-collector.airflow", "--no-collector.containers", "--path.procfs", procfs)
    with ExporterProcess(tmp_path_factory.mktemp("exporter"), *map(str, arguments)) as daemon:
        daemon.wait_ready()
        yield daemon


def command(*arguments):
    return [sys.executable, "-m", "exporter", "top", *map(str, arguments)]


def once(*arguments):
    done = subprocess.run(
        command("--once", *arguments), env=ENVIRONMENT, capture_output=True, text=True, check=False
    )
    return done.returncode, done.stdout, done.stderr


class Screen:
    """`top` in a terminal of its own."""

    def __init__(self, *arguments):
        self.outside, inside = pty.openpty()
        self.resize(100, 12)
        self.before = termios.tcgetattr(self.outside)
        self.seen = b""
        self.process = subprocess.Popen(
            ["setsid", "--ctty", *command("--interval", 0.2, *arguments)],
            stdin=inside, stdout=inside, stderr=inside, env=ENVIRONMENT,
        )  # fmt: skip
        os.close(inside)

    def resize(self, columns, lines):
        fcntl.ioctl(self.outside, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))

    def read(self):
        try:
            self.seen += os.read(self.outside, 65536)
        except OSError:  # Nobody has it open any more.
            return False
        return True

    def wait_for(self, pattern):
        """Wait until something is shown after everything that was waited for before."""
        deadline = monotonic() + 20
        while not (found := re.search(pattern, self.seen, re.S)):
            assert monotonic() < deadline, self.seen
            if select.select([self.outside], [], [], 1)[0]:
                assert self.read(), self.seen
        self.seen = self.seen[found.end() :]

    def type(self, keys):
        os.write(self.outside, keys)

    def end(self):
        """Return the exit status, and what was written until the end."""
        attributes = None
        while self.process.poll() is None:
            if select.select([self.outside], [], [], 0.1)[0]:
                self.read()
        while select.select([self.outside], [], [], 0)[0] and self.read():
            pass
        attributes = termios.tcgetattr(self.outside)
        return self.process.returncode, attributes == self.before, self.seen


@pytest.fixture
def screen(procfs):
    screen = Screen("--path.procfs", procfs)
    yield screen
    screen.process.kill()
    screen.process.wait()
    os.close(screen.outside)


ENDS = {
    "q": lambda screen: screen.type(b"q"),
    "Ctrl-C": lambda screen: screen.type(b"\x03"),
    "SIGTERM": lambda screen: screen.process.send_signal(signal.SIGTERM),
    "SIGHUP": lambda screen: screen.process.send_signal(signal.SIGHUP),
}


@pytest.mark.parametrize("end", ENDS.values(), ids=ENDS.keys())
def test_a_terminal_is_left_as_it_was(screen, end):
    screen.wait_for(rb"sales +load +2 ")
    end(screen)
    status, restored, seen = screen.end()
    assert (status, restored) == (0, True)
    assert seen.count(LEFT) == 1
    assert seen.endswith(LEFT)


def test_keys_sort_ctrl_z_does_nothing_and_a_resize_is_followed(screen):
    screen.wait_for(rb"by cpu;")
    screen.type(b"\x1azm")
    screen.wait_for(rb"by memory;")
    screen.resize(40, 5)
    # Each frame fills the screen: five lines of forty cells, and no more.
    screen.wait_for(rb"\x1b\[H[^\r\x1b]{40}\r\n(?:[^\r\x1b]{40,}\r\n){3}[^\r\x1b]{40,}\x1b\[H")


class HostileExporter(BaseHTTPRequestHandler):
    """Answers with a name that would clear the screen."""

    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(dumped(several(one(HOSTILE))))

    def log_message(self, *_):
        pass


def test_a_hostile_exporter_can_do_nothing_to_the_terminal():
    with HTTPServer(("127.0.0.1", 0), HostileExporter) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        screen = Screen("--url", f"http://127.0.0.1:{server.server_port}")
        screen.wait_for("\N{REPLACEMENT CHARACTER}\\[2Jevil".encode())
        screen.type(b"q")
        assert b"\x1b[2J" not in screen.end()[2]
        server.shutdown()
    os.close(screen.outside)


def test_a_pipe_gets_the_table_once_or_again_and_again(procfs):
    status, text, _ = once("--path.procfs", procfs)
    assert status == 0
    assert re.search(r"^sales +load +2 +[0-9.]+ +2 MiB +2 MiB ", text, re.M)
    with subprocess.Popen(
        command("--interval", 0.2, "--path.procfs", procfs), env=ENVIRONMENT,
        stdout=subprocess.PIPE, text=True,
    ) as going_on:  # fmt: skip
        headings = 0
        while headings < 2:
            headings += going_on.stdout.readline().startswith("DAG ")
        going_on.send_signal(signal.SIGTERM)
        going_on.stdout.read()
        assert going_on.wait(10) == 0


def test_a_running_exporter_tells_the_same(exporter, procfs):
    exporter.wait_for('task_running_instances{dag_id="sales",task_id="load"} 1')
    _, here, _ = once("--path.procfs", procfs, "--sort", "dag")
    status, there, _ = once("--url", exporter.url, "--sort", "dag")
    assert status == 0
    assert [line.split()[:3] for line in there.splitlines()[1:]] == [
        line.split()[:3] for line in here.splitlines()[1:]
    ]


@pytest.mark.parametrize(
    ("url", "sentence"),
    [
        ("{}/nowhere", "answered 404: it has no page of tasks, or is no exporter"),
        ("{}/metrics", "did not answer with running tasks"),
        ("http://127.0.0.1:1", "Connection refused"),
    ],
)
def test_what_is_no_exporter_is_told_in_one_sentence(exporter, url, sentence):
    status, text, error = once("--url", url.format(exporter.url))
    assert (status, text) == (2, "")
    assert sentence in error
    assert error.count("\n") == 1


def test_a_screen_says_what_is_wrong_and_goes_on():
    screen = Screen("--url", "http://127.0.0.1:1")
    screen.wait_for(rb"Connection refused")
    screen.type(b"q")
    assert screen.end()[:2] == (0, True)
    os.close(screen.outside)
