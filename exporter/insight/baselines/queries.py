"""The actual of a baseline as a PromQL expression, for recording rules and for instant queries.

Each keeps the label `airflow`, which names the installation, and takes the largest of what several
replicas tell.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Final

from exporter import catalogue
from exporter.insight.baselines.baseline import PEAK_P95, Baseline, Match

_STEP: Final = "15s"
"""How often a subquery looks: Prometheus' usual scrape interval."""
_CPU_RANGE: Final = "5m"
_OVER_TIME: Final = {
    "avg": "avg_over_time(",
    "max": "max_over_time(",
    "p95": "quantile_over_time(0.95, ",
}
_MIB: Final = 2**20
_UNITS: Final = ((86400, "d"), (3600, "h"), (60, "m"), (1, "s"))
_TASK: Final = "airflow, dag_id, task_id"
_RATES: Final = {
    "rate_mbps": (catalogue.TIMED_BYTES, catalogue.TIMED_BYTES_SECONDS, " / 1e6"),
    "rows_per_second": (catalogue.TIMED_ROWS, catalogue.TIMED_ROWS_SECONDS, ""),
}
"""Of the same tries, so that an actual is the same whether we compute it or Prometheus does."""


@dataclass(frozen=True, slots=True)
class Series:
    """Which series are asked: the first word of the container_* names, one installation or all."""

    metric_prefix: str = catalogue.CONTAINER_PREFIX
    airflow: str | None = None

    def of(self, name: str, /, **labels: str) -> str:
        """Return a selector; an empty value takes the series that lack the label."""
        if self.airflow is not None:
            labels["airflow"] = self.airflow
        return f"{name}{_braces([f'{label}={quoted(value)}' for label, value in labels.items()])}"

    def of_container(self, name: str, match: Match) -> str:
        """Return the selector of a component's containers: those that serve no task."""
        name = self.metric_prefix + name.removeprefix(catalogue.CONTAINER_PREFIX)
        matchers = ['dag_id=""']
        if self.airflow is not None:
            matchers.append(f"airflow={quoted(self.airflow)}")
        for label, pattern in (("container", match.container), ("pod", match.pod)):
            if pattern is not None:
                matchers.append(f"{label}=~{quoted(pattern)}")
        return f"{name}{_braces(matchers)}"


def actual(baseline: Baseline, series: Series) -> str:
    """Return the expression; its result has one element an installation, none without data."""
    key = baseline.key
    if baseline.is_own:
        labels = {"scope": key.scope.value, "name": key.name, "metric": key.metric}
        return f"max by (airflow) ({series.of(catalogue.BASELINE_ACTUAL.name, **labels)})"
    if key.metric in _RATES:
        return _rate(baseline, series)
    if baseline.match is not None:
        return _of_component(baseline, baseline.match, series)
    return _of_stage(baseline, series)


def quoted(text: str) -> str:
    """Return a text as PromQL and YAML write it."""
    # JSON would write what is beyond 16 bits as two halves, which Go does not take.
    return json.dumps(text, ensure_ascii=False)


def _rate(baseline: Baseline, series: Series) -> str:
    """Return amounts over their seconds."""
    *families, unit = _RATES[baseline.key.metric]
    amounts, seconds = (
        f"sum by (airflow) (increase({series.of(each.name, stage=baseline.key.name)}"
        f"[{_window(baseline)}]))"
        for each in families
    )
    return f"{amounts} / ({seconds} > 0){unit}"


def _of_component(baseline: Baseline, match: Match, series: Series) -> str:
    window = _window(baseline)
    if baseline.key.metric == "memory_mib":
        selector = series.of_container(catalogue.CONTAINER_WORKING_SET.name, match)
        return f"max by (airflow) ({_over_time(baseline)}{selector}[{window}])) / {_MIB}"
    counter = series.of_container(catalogue.CONTAINER_CPU.name, match)
    cores = f"rate({counter}[{_CPU_RANGE}])[{window}:{_STEP}]"
    return f"max by (airflow) ({_over_time(baseline)}{cores}))"


def _of_stage(baseline: Baseline, series: Series) -> str:
    window = _window(baseline)
    info = series.of(catalogue.TASK_INFO.name, stage=baseline.key.name)
    # `and`, not a join: a task may write for several stages, and replicas tell the same.
    of_stage = f" and on ({_TASK}) last_over_time({info}[{window}])"
    if baseline.aggregation == PEAK_P95:
        buckets = series.of(f"{catalogue.TASK_PEAK_MEMORY.name}_bucket")
        grown = f"sum by (airflow, le) (increase({buckets}[{window}]){of_stage})"
        # Nothing that is smaller than 0: not a number, for no try has ended.
        return f"histogram_quantile(0.95, {grown}) / {_MIB} >= 0"
    family, unit = (
        (catalogue.TASK_MEMORY, _MIB)
        if baseline.key.metric == "memory_mib"
        else (catalogue.TASK_CPU_PERCENT, 100)
    )
    # What lingers of a task that ended has no running instance.
    running = f"({series.of(catalogue.TASK_RUNNING.name)} > 0)"
    each_try = f"({series.of(family.name)} / {running})[{window}:{_STEP}]"
    return f"max by (airflow) ({_over_time(baseline)}{each_try}){of_stage}) / {unit}"


def _over_time(baseline: Baseline) -> str:
    return _OVER_TIME[baseline.aggregation]


def _window(baseline: Baseline) -> str:
    seconds = baseline.window_seconds
    length, unit = next(each for each in _UNITS if seconds % each[0] == 0)
    return f"{seconds // length}{unit}"


def _braces(matchers: list[str]) -> str:
    return f"{{{', '.join(matchers)}}}" if matchers else ""
