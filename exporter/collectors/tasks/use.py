"""Amounts that tries use, and what is remembered of a tree over a restart of the exporter."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from exporter.collectors.tasks.account import Used
from exporter.collectors.tasks.process_id import ProcessId


class Use(NamedTuple):
    """What was used: CPU seconds, bytes read from storage and written to it."""

    cpu_seconds: float = 0.0
    read_bytes: int = 0
    written_bytes: int = 0

    def plus(self, other: Use) -> Use:
        """Add another amount."""
        return Use(
            self.cpu_seconds + other.cpu_seconds,
            self.read_bytes + other.read_bytes,
            self.written_bytes + other.written_bytes,
        )

    def minus(self, other: Use) -> Use:
        """Take an earlier amount away."""
        return Use(
            self.cpu_seconds - other.cpu_seconds,
            self.read_bytes - other.read_bytes,
            self.written_bytes - other.written_bytes,
        )


NOTHING = Use()
Last = Mapping[ProcessId, Used]
"""What an account has counted of each member."""


@dataclass(frozen=True, slots=True)
class Remembered:
    """How far a tree has been counted, and what of that has been told."""

    cpu: Last = field(default_factory=dict)
    read: Last = field(default_factory=dict)
    written: Last = field(default_factory=dict)
    total: Use = NOTHING
    told: Use = NOTHING
    peak_bytes: int = 0


def root_key(boot_id: str, root: ProcessId) -> str:
    """Return the name under which a tree is remembered: start times begin anew at each boot."""
    return f"{boot_id}:{root.pid}:{root.start_ticks}"


def dumped(remembered: Remembered) -> str:
    """Write as one line of JSON."""
    accounts = (remembered.cpu, remembered.read, remembered.written)
    rows = [[[*process, *used] for process, used in last.items()] for last in accounts]
    return json.dumps([*rows, remembered.total, remembered.told, remembered.peak_bytes])


def loaded(text: str) -> Remembered | None:
    """Read what `dumped` wrote; None for anything else."""
    try:
        *rows, total, told, peak = json.loads(text)
        cpu, read, written = map(_last, rows)
        total, told = _use(*total), _use(*told)
        return Remembered(cpu, read, written, total, told, int(peak))
    except (ValueError, TypeError, OverflowError, RecursionError):
        return None


def _last(rows: Any) -> Last:  # noqa: ANN401 - JSON
    numbers = [[*map(int, row)] for row in rows]
    return {
        ProcessId(pid, start): Used(parent, own, inherited)
        for pid, start, parent, own, inherited in numbers
    }


def _use(cpu_seconds: Any, read: Any, written: Any) -> Use:  # noqa: ANN401 - JSON
    return Use(float(cpu_seconds), int(read), int(written))
