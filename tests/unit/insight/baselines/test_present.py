"""Tests of what one scrape tells of the moment."""

from __future__ import annotations

import pytest

from exporter.insight.baselines.baseline import Baseline, Direction, Key, Match, Scope
from exporter.insight.baselines.file import baselines
from exporter.insight.baselines.present import Present, Scraped, read_names

MIB = 2**20
SHIPPED = baselines(None)


def actuals(*scraped, prefix: str = "container", of=SHIPPED):
    found = Present([Scraped(*each) for each in scraped], prefix).actuals(of)
    return {(key.name, key.metric): value for key, value in found.items()}


def task(task_id: str, memory_mib: float, cpu: float, running: float, stage: str | None):
    labels = {"dag_id": "d", "task_id": task_id}
    yield "task_memory_usage_bytes", labels, memory_mib * MIB
    yield "task_cpu_usage_percent", labels, cpu
    yield "task_running_instances", labels, running
    if stage:
        yield "data_task_info", {**labels, "pipeline": "p", "stage": stage}, 1


def container(name: str, memory_mib: float, **labels: str):
    return "container_memory_working_set_bytes", {"container": name, **labels}, memory_mib * MIB


def test_nothing_tells_nothing():
    assert actuals() == {}


def test_a_stages_task_with_the_most_counts_by_its_running_tries():
    assert actuals(
        *task("small", 100, 50, 1, "silver"),
        *task("mapped", 3000, 900, 3, "silver"),
        *task("ended", 9000, 900, 0, "silver"),
        *task("other", 9000, 900, 1, "nowhere"),
        *task("unplaced", 9000, 900, 1, None),
    ) == {("silver", "memory_mib"): 1000, ("silver", "cpu_cores"): 3}


def test_a_components_container_with_the_most_counts_and_tasks_do_not():
    assert actuals(
        container("airflow-scheduler-1", 100),
        container("scheduler", 200, pod="airflow-scheduler-0"),
        container("scheduler-log-groomer", 9000),
        container("scheduler", 9000, dag_id="d", task_id="t"),
        container("api-server", 300),
    ) == {("scheduler", "memory_mib"): 200, ("webserver", "memory_mib"): 300}


def test_containers_go_by_the_prefix_and_by_pods_as_well():
    match = Match("base", "air-.*")
    own = Baseline(
        Key(Scope.COMPONENT, "x", "memory_mib"), Direction.MAX, 1, 0, "max", 60, match=match
    )
    series = [
        (f"other_{name.removeprefix('container_')}", labels, value)
        for name, labels, value in (
            container("base", 1, pod="air-1"),
            container("base", 2, pod="x-air-1"),
            container("base", 3),
        )
    ]
    assert actuals(*series, prefix="other", of=[own]) == {("x", "memory_mib"): 1}
    assert actuals(*series, of=[own]) == {}
    assert {name for name, _, _ in series} <= read_names("other")


@pytest.mark.parametrize(("window", "expected"), [(900, {("bronze", "rate_mbps"): 79}), (3600, {})])
def test_a_rate_is_the_exporters_own_over_its_own_window(window, expected):
    rate = Baseline(
        Key(Scope.STAGE, "bronze", "rate_mbps"), Direction.MIN, 100, 0.2, "ratio", window
    )
    labels = {"scope": "stage", "name": "bronze", "metric": "rate_mbps", "direction": "max"}
    series = ("airflow_baseline_actual", labels, 79.0)
    other = ("airflow_baseline_actual", {**labels, "name": "gold"}, 80.0)
    assert actuals(series, other, of=[rate]) == expected
