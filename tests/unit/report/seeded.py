"""A month of an Airflow that always happens in the same way."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone

from exporter.history.extent import extent
from exporter.history.health import Statement, TableHealth
from exporter.insight.baselines.baseline import (
    Baseline,
    Direction,
    Judgement,
    Key,
    Scope,
    headroom_ratio,
)
from exporter.insight.performance.active_tasks import ActiveTasks
from exporter.insight.performance.findings import Limits, Memory, regressions
from exporter.insight.performance.past import PastRun, PastTry
from exporter.insight.performance.runs import Span
from exporter.insight.performance.settings import of_settings
from exporter.insight.performance.tally import Periods, Tally, widened
from exporter.report.document import Missing
from exporter.report.figures import Figures, Metrics

NOW = datetime(2026, 3, 29, tzinfo=timezone.utc)
MIB = 2**20
DAY = 86400.0
UPSTREAMS = {
    "extract": [], "orders": ["extract"], "customers": ["extract"], "join": ["orders", "customers"],
}  # fmt: skip


def tries(seed: int = 7) -> Iterator[PastTry]:
    """Yield the tries of 35 daily and hourly runs in which `orders` became slower."""
    chance = random.Random(seed)
    start = (NOW - timedelta(days=35)).timestamp()
    for day in range(35):
        for hour in range(0, 24, 3):
            due = start + day * DAY + hour * 3600
            slower = 2.0 if day >= 28 else 1.0
            at = due + 5
            for task, median in (
                ("extract", 60), ("orders", 120 * slower), ("customers", 90), ("join", 30),
            ):  # fmt: skip
                if task == "customers" and chance.random() < 0.2:
                    yield _try(f"r{day}.{hour}", task, at, 45.0, "up_for_retry")
                    at += 50
                seconds = median * chance.lognormvariate(0, 0.2)
                yield _try(f"r{day}.{hour}", task, at, seconds, "success")
                at += seconds + 4


def _try(run_id: str, task: str, start: float, seconds: float, outcome: str) -> PastTry:
    wait = 90.0 if task == "join" else 2.0
    pool = "warehouse" if task in {"orders", "customers"} else "default_pool"
    return PastTry(
        "sales", task, run_id, -1, outcome, start, start + seconds, start - wait - 1, start - wait,
        "default", pool, 1,
    )  # fmt: skip


def periods() -> Periods:
    """Return the last week, and four before it."""
    now = NOW.timestamp()
    return Periods(now - 35 * DAY, now - 7 * DAY, now)


def active() -> ActiveTasks:
    """Take in the tries of a DAG that may have one task at a time."""
    made = ActiveTasks(periods(), {"sales": 1}, of_each_run=True)
    for each in tries():
        made.add(each)
    made.end()
    return made


def tally(seed: int = 7) -> Tally:
    """Take in everything."""
    made = Tally(periods())
    spans: dict[str, dict[str, Span]] = {}
    for each in tries(seed):
        made.add_try(each)
        if each.outcome != "up_for_retry":
            tasks = spans.setdefault(each.run_id, {})
            tasks[each.task_id] = widened(tasks.get(each.task_id), each)
    for run_id, tasks in spans.items():
        begin, end = tasks["extract"].start, tasks["join"].end
        made.add_run(PastRun("sales", run_id, "success", begin, end, begin - 5), tasks, UPSTREAMS)
    return made


def figures() -> Figures:
    """Return figures in which there is something of everything."""
    made = tally()
    baseline = Baseline(
        Key(Scope.STAGE, "bronze", "rate_mbps"), Direction.MIN, 100.0, 0.2, "ratio", 900.0
    )
    metrics = Metrics(
        [Judgement(baseline, 79.0, headroom_ratio(baseline, 79.0))],
        [
            Memory(("sales", "orders"), 3900 * MIB, 56, 4096 * MIB, 2.0),
            Memory(("sales", "join"), 200 * MIB, 56, 4096 * MIB),
        ],
        {("sales", "bronze"): (1_000_000.0, 1_200_000.0), ("sales", "gold"): (0.0, 5.0)},
    )
    kept = extent(NOW, timedelta(days=28), timedelta(days=7), NOW - timedelta(days=400))
    return Figures(
        kept, made, active(), regressions(made),
        Limits({"default_pool": 128, "warehouse": 1}, 32, {"sales": 16}, {"sales": 1}), metrics,
        [*of_settings({("scheduler", "parsing_processes")}, "3.3")],
        [TableHealth("task_instance", 5000 * MIB, 7_000_000, 3_000_000)],
        [Statement("SELECT count(*) FROM task_instance WHERE state = $1", 9000, 4200.0, 0.467)],
        [Missing("critical paths", "serialized_dag is missing or not granted")],
    )  # fmt: skip
