"""The demo's task processes, seen from the demo: jobs in, reports out.

They are real ones, so that CPU and memory of tasks can be watched; `runner` is the program.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO, cast
from uuid import UUID

from exporter.demo import runner

_TITLE_ROOM = 128
"""Bytes of arguments that nothing needs, for titles longer than the command line."""
_KILL_SECONDS = 1.0
_OPTIONS = (
    "-I", "-S",
    # From 3.12 on, Python warns of a fork among threads; it counts them in /proc/self/stat, where
    # the blank in the name that the titles give leads it to the wrong column.
    "-W", "ignore::DeprecationWarning",
)  # fmt: skip


class ExecutorLostError(RuntimeError):
    """The program that runs the tasks has ended, which nobody asked it to."""

    def __init__(self, code: int | None) -> None:
        """Say so, with the exit code where it is known."""
        super().__init__(f"the executor of the demo has ended with {code}")


@dataclass(frozen=True, slots=True)
class Job:
    """One try to run."""

    try_id: str
    """`task_instance.id`, with dashes."""
    log: str
    seconds: float
    busy: float
    memory_bytes: int
    child: bool
    exit_code: int
    environ: dict[str, str]
    """What the task's own child process gets."""


@dataclass(frozen=True, slots=True)
class Started:
    """The task process of a try is at work."""

    try_id: UUID
    pid: int


@dataclass(frozen=True, slots=True)
class Ended:
    """Supervisor and task process of a try are gone."""

    try_id: UUID
    exit_code: int


Report = Started | Ended


class Processes:
    """The executor program with its tries; nothing of it outlives this process, however it ends."""

    def __init__(self) -> None:
        """Start the executor, idle."""
        # Nobody writes to this pipe: that its writing end is closed is what ends the children.
        lifeline, self._tether = os.pipe()
        try:
            self._executor = subprocess.Popen(  # noqa: S603 - our own interpreter and program
                [sys.executable, *_OPTIONS, runner.__file__, str(lifeline), "x" * _TITLE_ROOM],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                bufsize=0,
                cwd="/",
                pass_fds=(lifeline,),
                # Ctrl-C is for the demo, which ends its children in order.
                start_new_session=True,
            )
        except OSError:
            os.close(self._tether)
            raise
        finally:
            os.close(lifeline)
        # Popen has both, since it was asked for them.
        self._jobs = cast(IO[bytes], self._executor.stdin)
        self._reports = cast(IO[bytes], self._executor.stdout)
        self._pending = b""

    @property
    def pid(self) -> int:
        """The executor's process id, which is its group's as well."""
        return self._executor.pid

    def fileno(self) -> int:
        """Return the descriptor that is readable when there are reports."""
        return self._reports.fileno()

    def run(self, job: Job) -> None:
        """Run a try; its directory for logs is made."""
        Path(job.log).parent.mkdir(parents=True, exist_ok=True)
        self._order({"run": asdict(job)})

    def stop(self, try_id: UUID) -> None:
        """Ask a try to end now, as Airflow does when its state was changed by somebody else."""
        self._order({"stop": str(try_id)})

    def reports(self) -> list[Report]:
        """Return what has happened; wait for it when `fileno` is not readable."""
        data = os.read(self.fileno(), 65536)
        if not data:
            raise ExecutorLostError(self._executor.poll())
        *lines, self._pending = (self._pending + data).split(b"\n")
        return [_report(line.decode()) for line in lines]

    def check(self) -> None:
        """Raise ExecutorLostError when the executor has ended; its tries still hold the pipe."""
        if (code := self._executor.poll()) is not None:
            raise ExecutorLostError(code)

    def close(self, timeout_seconds: float) -> None:
        """End every process: by closing the pipe, and what is left after the time by force."""
        os.close(self._tether)
        with suppress(subprocess.TimeoutExpired):
            self._executor.wait(timeout_seconds)
        # A task whose supervisor was killed is still in the group.
        with suppress(ProcessLookupError):
            os.killpg(self._executor.pid, signal.SIGKILL)
        self._executor.wait(_KILL_SECONDS)
        self._jobs.close()
        self._reports.close()

    def _order(self, order: object) -> None:
        try:
            self._jobs.write(json.dumps(order).encode() + b"\n")
        except BrokenPipeError:
            raise ExecutorLostError(self._executor.poll()) from None


def _report(line: str) -> Report:
    kind, try_id, number = line.split()
    if kind == "started":
        return Started(UUID(try_id), int(number))
    return Ended(UUID(try_id), int(number))
