"""What one look at the tries of this host tells."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from exporter.collectors.tasks.use import Use
from exporter.model import Task
from exporter.running.tries import RunningTry

TaskName = tuple[str, str]
"""DAG id and task id."""


@dataclass(slots=True)
class Running:
    """The tries of one task that have processes on this host, summed."""

    instances: int = 0
    """Task processes; what they have left behind after their end is in the other figures only."""
    processes: int = 0
    memory_bytes: int = 0
    ended_bytes: int = 0
    """Memory that tries which have just ended held last."""
    cpu_percent: float = 0.0
    """100 = one core, over the time since the reading before; also of tries that ended in it."""


@dataclass(frozen=True, slots=True)
class Ended:
    """A try whose task process has ended."""

    task: Task
    peak_bytes: int | None
    """None when it was too quick for its memory to be read."""
    used: Use
    """In all, as far as this exporter has counted."""


@dataclass(frozen=True, slots=True)
class Reading:
    """One reading, with what is owed since the last one that was accepted."""

    running: Mapping[TaskName, Running]
    used: Mapping[TaskName, Use]
    """What was used and has not been told; nothing is in two accepted readings."""
    ended: Sequence[Ended]
    unattributed: int
    """Task processes that no source could name."""
    remembered: Mapping[str, str]
    """How far each living tree is counted: to be kept together with what this reading tells."""
    tries: Sequence[RunningTry]
    """Those that run, one by one."""
