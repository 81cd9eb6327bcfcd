"""Task processes look like those of real Airflow, and none outlives what it belongs to."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
import time
from collections import deque
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from uuid import UUID, uuid4
from weakref import WeakKeyDictionary

import pytest

from exporter.demo.process import Ended, ExecutorLostError, Job, Processes, Started

from .processes import children, command_line, in_group, open_files, wait_until

_WAITING: WeakKeyDictionary[Processes, deque[Started | Ended]] = WeakKeyDictionary()


@pytest.fixture
def processes() -> Iterator[Processes]:
    started = Processes()
    yield started
    started.close(1.0)
    # The kernel takes a moment to end what was killed.
    wait_until(lambda: in_group(started.pid) == [])


@pytest.fixture
def job(tmp_path) -> Job:
    log = (
        tmp_path / "dag_id=a b" / "run_id=manual__1" / "task_id=t" / "map_index=2" / "attempt=1.log"
    )
    return Job(
        try_id=str(uuid4()), log=str(log), seconds=30.0, busy=0.0, memory_bytes=0, child=False,
        exit_code=0, environ={"AIRFLOW_CTX_DAG_ID": "a b"},
    )  # fmt: skip


def next_report(processes: Processes) -> Started | Ended:
    """Return the next report; several may come at once."""
    waiting = _WAITING.setdefault(processes, deque())
    if not waiting:
        assert select.select([processes], [], [], 5.0)[0], "no report within 5 s"
        waiting.extend(processes.reports())
    return waiting.popleft()


def test_a_task_process_and_its_supervisor_are_titled_as_airflow_titles_them(processes, job):
    processes.run(job)
    started = next_report(processes)
    assert started == Started(UUID(job.try_id), started.pid)
    wait_until(lambda: command_line(started.pid) == f"airflow worker -- {job.try_id}\0".encode())
    supervisor = int(Path(f"/proc/{started.pid}/stat").read_text().rpartition(")")[2].split()[1])
    title = f"airflow worker -- LocalExecutor: {job.try_id}\0"
    assert command_line(supervisor) == title.encode()
    assert children(processes.pid) == [supervisor]


def test_task_process_and_supervisor_hold_the_log_of_the_try_open(processes, job):
    processes.run(job)
    pid = next_report(processes).pid
    supervisor = children(processes.pid)[0]
    for each in (pid, supervisor):
        assert job.log in open_files(each)


def test_the_exit_code_of_a_try_is_reported(processes, job):
    processes.run(replace(job, seconds=0.01, exit_code=7))
    next_report(processes)
    assert next_report(processes) == Ended(UUID(job.try_id), 7)


def test_a_stopped_try_ends_at_once(processes, job):
    processes.run(replace(job, child=True, seconds=30.0))
    pid = next_report(processes).pid
    wait_until(lambda: children(pid))
    processes.stop(UUID(job.try_id))
    assert next_report(processes) == Ended(UUID(job.try_id), 143)
    assert in_group(processes.pid) == [processes.pid]


def test_a_killed_task_is_reported_as_the_shell_would(processes, job):
    processes.run(job)
    os.kill(next_report(processes).pid, signal.SIGKILL)
    assert next_report(processes) == Ended(UUID(job.try_id), 137)


def test_a_task_whose_supervisor_is_killed_ends_too(processes, job):
    processes.run(job)
    pid = next_report(processes).pid
    os.kill(children(processes.pid)[0], signal.SIGKILL)
    assert next_report(processes) == Ended(UUID(job.try_id), -9)
    wait_until(lambda: command_line(pid) == b"")


def test_a_child_of_a_task_has_its_own_command_line_and_airflows_context(processes, job):
    processes.run(replace(job, child=True))
    pid = next_report(processes).pid
    wait_until(lambda: children(pid) and b"select" in command_line(children(pid)[0]))
    environ = Path(f"/proc/{children(pid)[0]}/environ").read_bytes()
    assert b"AIRFLOW_CTX_DAG_ID=a b\0" in environ
    assert b"AIRFLOW_CTX_DAG_ID" not in Path(f"/proc/{pid}/environ").read_bytes()


def test_a_task_holds_its_memory_and_burns_its_share_of_a_core(processes, job):
    size = 32 << 20
    processes.run(replace(job, memory_bytes=size, busy=0.5))
    pid = next_report(processes).pid

    def resident_bytes() -> int:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")

    def ticks() -> int:
        return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[11])

    wait_until(lambda: resident_bytes() > size)
    before = ticks()
    wait_until(lambda: ticks() >= before + 5)


def test_a_lost_executor_is_told(processes, job):
    processes.run(job)
    next_report(processes)
    os.kill(processes.pid, signal.SIGKILL)

    def lost() -> bool:
        try:
            processes.check()
        except ExecutorLostError as error:
            return "ended with -9" in str(error)
        return False

    wait_until(lost)


def test_closing_ends_every_process_quickly(job, tmp_path):
    processes = Processes()
    for number in range(3):
        log = tmp_path / f"{number}.log"
        processes.run(replace(job, try_id=str(uuid4()), log=str(log), child=True))
        next_report(processes)
    began = time.monotonic()
    processes.close(5.0)
    assert time.monotonic() - began < 4.0, "killed after the time, not ended by the pipe"
    assert in_group(processes.pid) == []


def test_a_stopped_process_is_killed_when_the_time_is_over(job):
    processes = Processes()
    processes.run(job)
    os.kill(next_report(processes).pid, signal.SIGSTOP)
    processes.close(0.2)
    wait_until(lambda: in_group(processes.pid) == [])


_PROGRAM = """
import select, sys
from exporter.demo.process import Job, Processes
processes = Processes()
processes.run(Job(sys.argv[1], sys.argv[2], 60.0, 0.0, 0, True, 0, {}))
select.select([processes], [], [])
print(processes.reports()[0].pid, flush=True)
select.select([], [], [])
"""


@pytest.mark.parametrize("stopped", [False, True])
def test_nothing_outlives_a_demo_that_is_killed(job, stopped):
    program = subprocess.Popen(
        [sys.executable, "-c", _PROGRAM, job.try_id, job.log], stdout=subprocess.PIPE,
        cwd=Path(__file__).parents[3],
    )  # fmt: skip
    with program:
        assert program.stdout is not None
        pid = int(program.stdout.readline())
        wait_until(lambda: children(pid))
        group = os.getpgid(pid)
        if stopped:
            os.kill(pid, signal.SIGSTOP)
        program.kill()
    wait_until(lambda: in_group(group) == [])
