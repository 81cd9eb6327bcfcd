"""What a Prometheus server adds: baselines, memory against limits, rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import isnan
from typing import Final

from exporter import catalogue
from exporter.baseline import server
from exporter.client import Client
from exporter.insight.baselines.baseline import Baseline, judged
from exporter.insight.baselines.queries import Series
from exporter.insight.performance.findings import Memory
from exporter.insight.performance.tally import TaskName
from exporter.report.figures import Metrics

MAX_BYTES: Final = 32 * 2**20
"""Of one answer: a line for every task."""


def metrics(client: Client, baselines: Sequence[Baseline], series: Series, seconds: int) -> Metrics:
    """Ask for what the last `seconds` hold; raise SourceUnavailableError or ConfigError."""
    queries = _Queries(series, f"{seconds}s")
    judgements = judged(baselines, server.actuals(client, baselines, series))
    memory = _memory(client, queries)
    before, now = (_by_stage(client, each) for each in (queries.rows_before, queries.rows))
    rows = {each: (before.get(each, 0.0), now.get(each, 0.0)) for each in before | now}
    return Metrics(judgements, memory, rows)


def _memory(client: Client, queries: _Queries) -> list[Memory]:
    """Return the tasks that told of their peaks or were killed; those killed most come first."""
    found = _by_task(client, queries.peaks)
    peaks = {task: peak for task, peak in found.items() if not isnan(peak)}
    tries = _by_task(client, queries.tries)
    limits = _by_task(client, queries.limits)
    kills = {task: count for task, count in _by_task(client, queries.kills).items() if count > 0}
    memory = [
        Memory(task, peaks.get(task), tries.get(task, 0.0), limits.get(task), kills.get(task, 0.0))
        for task in peaks.keys() | kills.keys()
    ]
    return sorted(memory, key=lambda each: (-each.oom_kills, -(each.p99_bytes or 0.0), each.task))


class _Queries:
    """PromQL over one range."""

    def __init__(self, series: Series, window: str) -> None:
        prefix = f"{series.metric_prefix}_"
        peak, rows = catalogue.TASK_PEAK_MEMORY.name, series.of(catalogue.ROWS_PROCESSED.name)
        limit, oom = (
            series.of(prefix + family.name.removeprefix(f"{catalogue.CONTAINER_PREFIX}_"))
            for family in (catalogue.CONTAINER_MEMORY_LIMIT, catalogue.CONTAINER_OOM)
        )
        buckets = f"increase({series.of(f'{peak}_bucket')}[{window}])"
        self.peaks = f"histogram_quantile(0.99, sum by (dag_id, task_id, le) ({buckets}))"
        self.tries = _sum("dag_id, task_id", series.of(f"{peak}_count"), window)
        self.limits = f"max by (dag_id, task_id) (max_over_time({limit}[{window}]))"
        self.kills = _sum("dag_id, task_id", oom, window)
        self.rows = _sum("pipeline, stage", rows, window)
        self.rows_before = f"sum by (pipeline, stage) (increase({rows}[{window}] offset {window}))"


def _sum(labels: str, selector: str, window: str) -> str:
    return f"sum by ({labels}) (increase({selector}[{window}]))"


def _by_task(client: Client, query: str) -> dict[TaskName, float]:
    found = server.vector(client, query, "report", MAX_BYTES)
    return {
        (labels["dag_id"], labels["task_id"]): value
        for labels, value in found
        if _names_task(labels)
    }


def _by_stage(client: Client, query: str) -> dict[tuple[str, str], float]:
    found = server.vector(client, query, "report", MAX_BYTES)
    return {(each.get("pipeline", ""), each.get("stage", "")): value for each, value in found}


def _names_task(labels: Mapping[str, str]) -> bool:
    return bool(labels.get("dag_id") and labels.get("task_id"))
