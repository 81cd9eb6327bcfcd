"""How many tasks DAGs had at a time, beside what their max_active_tasks allows.

Queued and running ones count, deferred ones do not: as in Airflow's scheduler (EXECUTION_STATES).
In Airflow 2 the limit is that of all runs of a DAG together, since 3.0 that of each run.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from exporter.insight.performance.occupancy import MINUTE, Occupancy, Spans, Use
from exporter.insight.performance.past import PastTry
from exporter.insight.performance.quantiles import Sample
from exporter.insight.performance.tally import Periods

MAX_DAGS: Final = 5_000
"""DAGs that are told apart."""
MAX_NUMBERS: Final = 10_000_000
"""Of 8 bytes each, that are kept at a time: two a try of a page, or two a minute and DAG."""


@dataclass(slots=True)
class DagUse:
    """What one DAG made of its limit, and how long its tries waited from scheduled to queued."""

    limit: int
    waits: Sample
    use: Use = Use()  # noqa: RUF009 - immutable


class ActiveTasks:
    """Takes in tries, one page of runs after another."""

    def __init__(self, periods: Periods, limits: Mapping[str, int], *, of_each_run: bool) -> None:
        """Compare with max_active_tasks by DAG; in Airflow 3 it is a limit `of_each_run`."""
        self._chance = random.Random(0)  # noqa: S311 - which values are kept is no secret
        self._periods = periods
        self._limits = limits
        self._room = MAX_NUMBERS
        self._counted: dict[tuple[str, str], Spans | Occupancy] = {}
        self.of_each_run = of_each_run
        self.dags: dict[str, DagUse] = {}
        self.has_untold = False
        """There were more than there is room for."""

    def add(self, each: PastTry) -> None:
        """Take in a try by when it ended; of a DAG whose limit is not known, nothing."""
        if not self._periods.split <= each.end <= self._periods.end:
            return
        dag = self.dags.get(each.dag_id) or self._new_dag(each.dag_id)
        if dag is None:
            return
        if (wait := each.scheduled_wait) is not None:
            dag.waits.add(wait)
        name = each.dag_id, each.run_id if self.of_each_run else ""
        counted = self._counted.get(name) or self._new_count(name)
        if counted is None or (self.of_each_run and not self._has_room(2)):
            self.has_untold = True
            return
        counted.add(each.held_since, each.end)

    def end_page(self) -> None:
        """Be done with the runs that were taken in: there are no more tries of them."""
        if self.of_each_run:
            self._settle()

    def end(self) -> None:
        """Be done with everything."""
        self._settle()

    def _settle(self) -> None:
        for (dag_id, _), counted in self._counted.items():
            dag = self.dags[dag_id]
            dag.use = _together(dag.use, counted.use(dag.limit))
        self._counted.clear()
        self._room = MAX_NUMBERS

    def _new_dag(self, dag_id: str) -> DagUse | None:
        limit = self._limits.get(dag_id)
        if limit is None:
            return None
        if len(self.dags) >= MAX_DAGS:
            self.has_untold = True
            return None
        found = self.dags[dag_id] = DagUse(limit, Sample(self._chance))
        return found

    def _new_count(self, name: tuple[str, str]) -> Spans | Occupancy | None:
        begin, end = self._periods.split, self._periods.end
        if self.of_each_run:
            return self._counted.setdefault(name, Spans(begin, end))
        if not self._has_room(2 * int((end - begin) / MINUTE + 2)):
            return None
        return self._counted.setdefault(name, Occupancy(begin, end))

    def _has_room(self, numbers: int) -> bool:
        self._room -= numbers
        return self._room >= 0


def _together(one: Use, other: Use) -> Use:
    busy, full = one.busy_seconds + other.busy_seconds, one.full_seconds + other.full_seconds
    return Use(busy, full, max(one.most, other.most))
