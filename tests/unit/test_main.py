"""Tests of the process's beginning: a signal during the imports ends it without a word."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
STAND_IN = """
import os, signal
if signal.getsignal({0}) is signal.SIG_IGN:
    # As of what a script started in the background.
    signal.signal({0}, signal.default_int_handler)
os.kill(os.getpid(), {0})
"""
"""Stands in for click, which the command line imports first: a signal comes at that moment."""


@pytest.mark.parametrize(
    ("command", "number", "status"),
    [
        ("report", signal.SIGINT, 128 + signal.SIGINT),
        ("--help", signal.SIGINT, 128 + signal.SIGINT),
        ("serve", signal.SIGINT, 0),
        ("serve", signal.SIGTERM, 0),
        ("demo", signal.SIGTERM, 0),
        # Ended from outside, it has not found that all is well.
        ("check", signal.SIGTERM, -signal.SIGTERM),
    ],
)
def test_a_signal_during_the_imports_ends_it_without_a_word(
    command: str, number: signal.Signals, status: int, tmp_path: Path
) -> None:
    (tmp_path / "click.py").write_text(STAND_IN.format(int(number)))
    ended = subprocess.run(
        [sys.executable, "-m", "exporter", command],
        env={"PYTHONPATH": f"{tmp_path}:{ROOT}"}, capture_output=True, check=False, timeout=60,
    )  # fmt: skip
    assert (ended.returncode, ended.stdout, ended.stderr) == (status, b"", b"")
