"""One try that is followed: its tree, its name once it has one, and what has been told of it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from exporter.collectors.tasks.process_id import ProcessId
from exporter.collectors.tasks.processes import YOUNG_SECONDS, Process
from exporter.collectors.tasks.reading import Running
from exporter.collectors.tasks.tree import Tree
from exporter.collectors.tasks.use import Use, dumped
from exporter.model import Task
from exporter.running.tries import RunningTry

_MEASURE_SHARE = 0.05
"""Of one core: what measuring the memory of a changing tree again and again may take."""


@dataclass(slots=True, eq=False)
class Followed:
    """A try; times are monotonic seconds."""

    process: Process
    """The task process."""
    tree: Tree
    told: Use
    told_at: float
    """Until when what was used has been told; at first, from when it is counted."""
    caught_up: bool
    """It ran before it was followed, and how long what it used then took is not known."""
    rated_cpu_seconds: float = 0.0
    """CPU time that is in no rate any more."""
    cpu_percent: float = 0.0
    """Over the time between the last two readings; 100 is one core."""
    task: Task | None = None
    end_told: bool = False
    given_up: bool = False
    measured: frozenset[ProcessId] = field(default_factory=frozenset)
    """The members whose memory has been measured last."""
    measure_due_at: float = 0.0
    _remembered: tuple[object, str] = (None, "")

    def settled(self, now: float) -> bool:
        """Tell whether it is what it looks like: a young fork may become something else."""
        title = self.process.title
        old = now - self.process.seen_at >= YOUNG_SECONDS
        return self.tree.ended or old or (title is not None and title.at_work)

    def measure_due(self, now: float) -> bool:
        """Tell whether its processes, and so what they share, have changed."""
        return now >= self.measure_due_at and self.tree.members.keys() != self.measured

    def was_measured(self, members: Iterable[ProcessId], began: float, ended: float) -> None:
        """Remember who was measured and how long it took."""
        self.measured = frozenset(members)
        self.measure_due_at = ended + (ended - began) / _MEASURE_SHARE

    def remembered(self) -> str:
        """Return how far it is counted, as text that is made again only after a change."""
        tree = self.tree
        state = (tree.total, self.told, tree.memory.peak, *tree.members)
        if state != self._remembered[0]:
            self._remembered = (state, dumped(tree.remembered(self.told)))
        return self._remembered[1]

    def tell(self, running: Running, now: float, last_read_at: float) -> Use:
        """Add what runs now; return what was used and has not been told."""
        used = self.tree.total.minus(self.told)
        seconds = now - min(self.told_at, last_read_at)
        rated = self.tree.total.cpu_seconds - self.rated_cpu_seconds
        self.told, self.told_at = self.tree.total, now
        self.rated_cpu_seconds = self.told.cpu_seconds
        self.cpu_percent = 100 * rated / seconds if seconds > 0 else 0.0
        running.instances += not self.tree.ended
        running.processes += len(self.tree.members)
        if self.tree.members:
            running.memory_bytes += self.tree.memory.now
        else:
            running.ended_bytes += self.tree.memory.last
        running.cpu_percent += self.cpu_percent
        return used

    def shown(self, task: Task, age_seconds: float) -> RunningTry:
        """Return what the last reading has told of it alone."""
        return RunningTry(
            task.dag_id, task.task_id, task.map_index, task.try_number, self.cpu_percent,
            self.tree.memory.now, self.tree.memory.peak, age_seconds, len(self.tree.members),
        )  # fmt: skip
