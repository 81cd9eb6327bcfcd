"""The executor of the demo's tasks: a program of its own, started with `python -I -S`.

It reads jobs as lines of JSON and, as Airflow's LocalExecutor does, forks a supervisor for each
try, which forks the task process. Both are titled as Airflow titles them and hold the log file of
the try open. It has one thread, so that forking is safe, and imports nothing but the standard
library. Everything ends by itself when the pipe that only the demo holds is closed, however the
demo ended.

Lines read: `{"run": {...}}` (see `process.Job`), `{"stop": "<try id>"}`.
Lines written: `started <try id> <pid>`, `ended <try id> <exit code>`.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import subprocess
import sys
import time
from typing import Any

_SLICE_SECONDS = 0.1
_GRACE_SECONDS = 1
"""How long tries may take to end when the demo is gone."""
_ARG_START, _ARG_END = 45, 46
"""Fields 48 and 49 of /proc/PID/stat (proc(5)), counted from the one after the name."""
_CHILD_PROGRAM = "import select, sys; select.select([int(sys.argv[1])], [], [], float(sys.argv[2]))"


def set_title(title: str) -> None:
    """Make /proc/self/cmdline exactly this title; one that does not fit is cut."""
    with open("/proc/self/stat", "rb") as stat:  # noqa: PTH123 - pathlib costs 10 ms of import
        fields = stat.read().rpartition(b")")[2].split()
    start, end = int(fields[_ARG_START]), int(fields[_ARG_END])
    text = title.encode()[: end - start - 2]
    # The kernel shows the area as it is if its last byte is NUL, and else takes it that somebody
    # has overwritten it on purpose and shows it up to the first NUL (fs/proc/base.c).
    area = text.ljust(end - start - 1, b"\0") + b"\n"
    memory = os.open("/proc/self/mem", os.O_WRONLY)
    try:
        os.pwrite(memory, area, start)
    finally:
        os.close(memory)
    with open("/proc/self/comm", "wb") as name:  # noqa: PTH123 - as above
        name.write(title.encode()[:15])


class Executor:
    """Starts tries, stops them on demand, and reports how they went."""

    def __init__(self, jobs: int, reports: int, lifeline: int) -> None:
        """Take the descriptors to read jobs from, to report to, and to end by."""
        self._jobs = jobs
        self._reports = reports
        self._lifeline = lifeline
        self._tries: dict[int, str] = {}
        """Try ids by the pid of their supervisor."""

    def run(self) -> None:
        """Serve until the lifeline is cut; then wait for every try to end."""
        set_title("airflow scheduler")
        wake, waker = os.pipe()
        os.set_blocking(wake, False)
        os.set_blocking(waker, False)
        signal.set_wakeup_fd(waker)
        signal.signal(signal.SIGCHLD, lambda _signal, _frame: None)
        pending = b""
        while True:
            readable, _, _ = select.select([self._jobs, self._lifeline, wake], [], [])
            if self._lifeline in readable:
                break
            if wake in readable:
                os.read(wake, 4096)
            if self._jobs in readable:
                data = os.read(self._jobs, 65536)
                if not data:
                    break
                *lines, pending = (pending + data).split(b"\n")
                for line in lines:
                    self._obey(json.loads(line))
            self._reap(os.WNOHANG)
        # What does not end by itself, such as a stopped process, is killed, and we with it.
        signal.signal(signal.SIGALRM, lambda _signal, _frame: os.killpg(0, signal.SIGKILL))
        signal.alarm(_GRACE_SECONDS)
        while self._tries:
            self._reap(0)

    def _obey(self, order: dict[str, Any]) -> None:
        if "run" in order:
            self._start(order["run"])
            return
        for pid, try_id in self._tries.items():
            if try_id == order["stop"]:
                os.kill(pid, signal.SIGTERM)

    def _start(self, job: dict[str, Any]) -> None:
        pid = os.fork()
        if pid == 0:
            _forked(lambda: self._supervise(job))
        self._tries[pid] = job["try_id"]

    def _reap(self, flags: int) -> None:
        while self._tries:
            pid, status = os.waitpid(-1, flags)
            if pid == 0:
                return
            if (try_id := self._tries.pop(pid, None)) is not None:
                self._report(f"ended {try_id} {os.waitstatus_to_exitcode(status)}")

    def _report(self, line: str) -> None:
        # A demo that is gone reads nothing any more; the lifeline says so as well.
        with contextlib.suppress(BrokenPipeError):
            os.write(self._reports, f"{line}\n".encode())

    def _supervise(self, job: dict[str, Any]) -> int:
        set_title(f"airflow worker -- LocalExecutor: {job['try_id']}")
        log = os.open(job["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
        os.write(log, b"[supervisor] starting the task process\n")
        # Held back until there is somebody to hand it on to.
        signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])
        supervisor = os.getpid()
        pid = os.fork()
        if pid == 0:
            _forked(lambda: self._work(job, log, supervisor))
        signal.signal(signal.SIGTERM, lambda _signal, _frame: os.kill(pid, signal.SIGTERM))
        signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGTERM])
        self._report(f"started {job['try_id']} {pid}")
        _, status = os.waitpid(pid, 0)
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        code = os.waitstatus_to_exitcode(status)
        os.write(log, f"[supervisor] the task process ended with {code}\n".encode())
        return code if code >= 0 else 128 - code

    def _work(self, job: dict[str, Any], log: int, supervisor: int) -> int:
        set_title(f"airflow worker -- {job['try_id']}")
        signal.signal(signal.SIGTERM, _terminated)
        os.write(log, b"[task] at work\n")
        # Written to, because memory that only was asked for takes no room.
        held = b"x" * job["memory_bytes"]
        child = self._child(job) if job["child"] else None
        try:
            # Not before: a child that is being started must not be forgotten.
            signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGTERM])
            self._rest(job["seconds"], job["busy"], supervisor)
        finally:
            if child is not None:
                child.kill()
                child.wait()
        del held
        return int(job["exit_code"])

    def _child(self, job: dict[str, Any]) -> subprocess.Popen[bytes]:
        arguments = [str(self._lifeline), str(job["seconds"])]
        return subprocess.Popen(  # noqa: S603 - our own interpreter and a constant program
            [sys.executable, "-I", "-S", "-c", _CHILD_PROGRAM, *arguments],
            pass_fds=(self._lifeline,),
            env=job["environ"],
        )

    def _rest(self, seconds: float, busy: float, supervisor: int) -> None:
        """Work for a while; end early when the demo or the supervisor is gone."""
        deadline = time.monotonic() + seconds
        while (left := deadline - time.monotonic()) > 0:
            if busy:
                used = time.process_time() + busy * _SLICE_SECONDS
                while time.process_time() < used:
                    pass
                left = min(left, (1 - busy) * _SLICE_SECONDS)
            if select.select([self._lifeline], [], [], min(left, 0.5))[0]:
                raise SystemExit(1)
            if os.getppid() != supervisor:
                raise SystemExit(1)


def _terminated(_signal: int, _frame: object) -> None:
    raise SystemExit(143)


def _forked(work: Any) -> None:  # noqa: ANN401 - a callable; typing.Callable costs an import
    """Do the work of a forked process, which must never get back into its parent's code."""
    code = 1
    try:
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        code = work()
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else 1
    except BaseException:
        sys.excepthook(*sys.exc_info())
        raise
    finally:
        os._exit(code)


if __name__ == "__main__":
    # The further arguments are only room for the titles.
    Executor(0, 1, int(sys.argv[1])).run()
