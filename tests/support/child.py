"""A child process that logs to a file and does not outlive the tests."""

from __future__ import annotations

import signal
import subprocess
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from time import monotonic, sleep

from tests.support.account import Account

# Reads from a pipe that only we hold: however we end, it reads the end and stops the child.
_TETHER = 'read -r _; kill -s "$2" "$1"'


class Child:
    """A started program, its log, and the tether that ends it when the tests are killed."""

    def __init__(self, process: subprocess.Popen[bytes], log: Path, stop: signal.Signals) -> None:
        """Take charge of a process; `start` is the usual way here."""
        self._process = process
        self._log = log
        self._tether = subprocess.Popen(
            ["sh", "-c", _TETHER, "tether", str(process.pid), stop.name.removeprefix("SIG")],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )

    @classmethod
    def start(
        cls,
        command: Sequence[str | Path],
        *,
        log: Path,
        environment: Mapping[str, str],
        account: Account | None = None,
        stop: signal.Signals = signal.SIGKILL,
    ) -> Child:
        """Start a program in the directory of `log`, which its output is appended to.

        `stop` is the signal that it gets when the tests end without having stopped it.
        """
        with log.open("ab") as output:
            process = subprocess.Popen(
                command,
                cwd=log.parent,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # Ctrl-C is for pytest, which stops its children in order
                **(account.identity if account else {}),
            )
        return cls(process, log, stop)

    @property
    def pid(self) -> int:
        """Return the process id."""
        return self._process.pid

    @property
    def exit_code(self) -> int | None:
        """Return the exit code, or None while the process runs."""
        return self._process.poll()

    def log(self) -> str:
        """Return everything the program has printed."""
        return self._log.read_text(errors="replace")

    def wait_until(self, ready: Callable[[], bool], timeout: float) -> None:
        """Poll until `ready`; raise with the end of the log when it ended or was too slow."""
        deadline = monotonic() + timeout
        while not ready():
            if self.exit_code is not None:
                raise RuntimeError(f"ended with {self.exit_code} before ready:\n{self._tail()}")
            if monotonic() > deadline:
                raise TimeoutError(f"not ready within {timeout} s:\n{self._tail()}")
            sleep(0.02)

    def stop(self, with_signal: signal.Signals, timeout: float) -> int:
        """Send a signal and return the exit code; kill and raise when it is too slow."""
        self._process.send_signal(with_signal)
        return self.wait(timeout)

    def wait(self, timeout: float) -> int:
        """Wait for the end and return the exit code; kill and raise when it is too slow."""
        try:
            return self._process.wait(timeout)
        except subprocess.TimeoutExpired as error:
            raise TimeoutError(f"ran on for {timeout} s:\n{self._tail()}") from error
        finally:
            self.kill()

    def kill(self) -> None:
        """End the process at once if it still runs, and its tether."""
        self._process.kill()
        self._process.wait()
        self._tether.kill()
        self._tether.communicate()

    def _tail(self) -> str:
        return "\n".join(self.log().splitlines()[-20:])
