"""What names a process."""

from __future__ import annotations

from typing import NamedTuple


class ProcessId(NamedTuple):
    """A process for good: its number alone is given to others after its end."""

    pid: int
    start_ticks: int
    """Clock ticks between boot and its start."""
