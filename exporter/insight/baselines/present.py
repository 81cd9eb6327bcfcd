"""Actuals as of one scrape: what a single look at an exporter tells, without a past."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Final, NamedTuple

from exporter import catalogue
from exporter.insight.baselines import dialect
from exporter.insight.baselines.baseline import RATES, Baseline, Key, Match

_MIB: Final = 2**20
_OF_TASKS: Final = {
    "memory_mib": (catalogue.TASK_MEMORY.name, _MIB),
    "cpu_cores": (catalogue.TASK_CPU_PERCENT.name, 100),
}
_READ: Final = frozenset(
    {catalogue.BASELINE_ACTUAL.name, catalogue.TASK_RUNNING.name, catalogue.TASK_INFO.name}
    | {name for name, _ in _OF_TASKS.values()}
)

Labels = Mapping[str, str]
Task = tuple["str | None", "str | None"]


class Scraped(NamedTuple):
    """One series of a scrape."""

    name: str
    labels: Labels
    value: float


class Present:
    """What a scrape tells of the moment: rates over their window, memory and CPU as they are."""

    def __init__(self, scraped: Iterable[Scraped], metric_prefix: str) -> None:
        """Take a scrape's series; those of containers have the prefix as their first word."""
        self._memory = working_set(metric_prefix)
        self._series: dict[str, list[Scraped]] = {}
        for each in scraped:
            self._series.setdefault(each.name, []).append(each)

    def actuals(self, baselines: Iterable[Baseline]) -> dict[Key, float]:
        """Return the actuals that are known; of several tasks or containers the largest."""
        found = {}
        for each in baselines:
            if values := [*self._values(each)]:
                found[each.key] = max(values)
        return found

    def _values(self, baseline: Baseline) -> Iterator[float]:
        key = baseline.key
        if key.metric in RATES:
            return self._own(key) if baseline.is_own else iter(())
        if baseline.match is not None:
            # One reading of a counter tells nothing of the CPU that is used now.
            is_memory = key.metric == "memory_mib"
            return self._of_containers(baseline.match) if is_memory else iter(())
        return self._of_tasks(key.name, *_OF_TASKS[key.metric])

    def _own(self, key: Key) -> Iterator[float]:
        wanted = {"scope": key.scope.value, "name": key.name, "metric": key.metric}
        for each in self._series.get(catalogue.BASELINE_ACTUAL.name, ()):
            if wanted.items() <= each.labels.items():
                yield each.value

    def _of_containers(self, match: Match) -> Iterator[float]:
        for each in self._series.get(self._memory, ()):
            if "dag_id" not in each.labels and _matches(match, each.labels):
                yield each.value / _MIB

    def _of_tasks(self, stage: str, name: str, unit: float) -> Iterator[float]:
        infos = self._series.get(catalogue.TASK_INFO.name, ())
        tasks = {_task(each) for each in infos if each.labels.get("stage") == stage}
        counts = self._series.get(catalogue.TASK_RUNNING.name, ())
        running = {_task(each): each.value for each in counts if each.value > 0}
        for each in self._series.get(name, ()):
            if _task(each) in tasks & running.keys():
                yield each.value / running[_task(each)] / unit


def read_names(metric_prefix: str) -> frozenset[str]:
    """Return the names of the series that tell something of baselines."""
    return _READ | {working_set(metric_prefix)}


def working_set(metric_prefix: str) -> str:
    """Return how the memory of containers is named with this first word."""
    return catalogue.renamed(metric_prefix)[catalogue.CONTAINER_WORKING_SET.name]


def _task(series: Scraped) -> Task:
    return series.labels.get("dag_id"), series.labels.get("task_id")


def _matches(match: Match, labels: Labels) -> bool:
    return all(
        pattern is None or dialect.compiled(pattern).fullmatch(labels.get(label, ""))
        for label, pattern in (("container", match.container), ("pod", match.pod))
    )
