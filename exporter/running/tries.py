"""The tries that run on one host, and the orders in which they are read."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class RunningTry:
    """One try with processes on this host; what nobody tells is None."""

    dag_id: str
    task_id: str
    map_index: int | None
    """-1 for a task that is not mapped, as in Airflow."""
    try_number: int | None
    cpu_percent: float
    """100 is one core, over the time since the reading before."""
    memory_bytes: int
    peak_bytes: int
    """The highest memory since the try is followed."""
    age_seconds: float
    """Since its task process was started."""
    processes: int
    rows_per_second: float | None = None
    """Of the stage that its task writes to, over the last minutes: a try tells at its end."""

    @property
    def task(self) -> str:
        """The task's id, with the index of a mapped one."""
        mapped = self.map_index is not None and self.map_index >= 0
        return f"{self.task_id}[{self.map_index}]" if mapped else self.task_id


@dataclass(frozen=True, slots=True)
class RunningTries:
    """One look at a host."""

    at: float
    """Unix seconds."""
    tries: Sequence[RunningTry]
    total: int
    """How many there are; more than are listed where a list is cut."""
    nameless: int = 0
    """Task processes that nothing names; they are not among the tries."""

    def most(self, order: str, limit: int) -> RunningTries:
        """Return the first ones in an order of ORDERS."""
        first = heapq.nsmallest(limit, self.tries, key=ORDERS[order])
        return RunningTries(self.at, first, self.total, self.nameless)


Key = tuple[float | str, ...]


def _largest(amount: Callable[[RunningTry], float | None]) -> Callable[[RunningTry], Key]:
    """Order by an amount, the largest first, what is unknown last; then by name."""
    return lambda each: (-(-1.0 if (found := amount(each)) is None else found), *_name(each))


def _name(each: RunningTry) -> Key:
    return each.dag_id, each.task_id, each.map_index or 0, each.try_number or 0


ORDERS: Final[Mapping[str, Callable[[RunningTry], Key]]] = {
    "cpu": _largest(lambda each: each.cpu_percent),
    "memory": _largest(lambda each: each.memory_bytes),
    "peak": _largest(lambda each: each.peak_bytes),
    "age": _largest(lambda each: each.age_seconds),
    "rows": _largest(lambda each: each.rows_per_second),
    "dag": _name,
    "task": lambda each: (each.task_id, *_name(each)),
}
"""What can be sorted by; the first is the usual one."""
