"""The rows about what tasks use, and about DAG runs."""

from __future__ import annotations

from exporter import catalogue as c
from exporter.bundle.dashboards import links
from exporter.bundle.dashboards.panel import Bars, Lines, Panel
from exporter.bundle.dashboards.query import (
    BYTES,
    OF_DAG,
    OF_TASK,
    RATE,
    SECONDS,
    WINDOW,
    Query,
    Range,
    highest,
    of_team,
    quantile,
    series,
    top,
    total,
)
from exporter.bundle.dashboards.steps import BLUE, RED, YELLOW
from exporter.bundle.promql import once_each

_DAG = ("airflow", "dag_id")
_TASK = ("airflow", "dag_id", "task_id")
_BY_TASK = ("dag_id", "task_id")
_TO_TASK = (links.to(links.DAG, "Only this task", *_TASK),)
_BUCKETS = Range(0, 3600)
_MANY_SECONDS = Range(0, 1e8)


def tasks() -> tuple[Panel, ...]:
    """Return what tries use of CPU, memory and storage."""
    running = f"({series(c.TASK_RUNNING, *OF_TASK)} > 0)"
    memory, cpu = (
        highest(of_team(f"({series(family, *OF_TASK)} / {running})"), *_BY_TASK)
        for family in (c.TASK_MEMORY, c.TASK_CPU_PERCENT)
    )
    seconds = once_each(f"increase({series(c.TASK_CPU, *OF_TASK)}[{WINDOW}])")
    moved = [
        Query(
            total(of_team(once_each(f"rate({series(family, *OF_TASK)}[{RATE}])"))),
            ("airflow",),
            BYTES,
            name,
        )
        for family, name in ((c.TASK_READ, "read"), (c.TASK_WRITTEN, "written"))
    ]
    return (
        Lines(
            title="Memory of a running try",
            description="Of the task's processes, or of its own container; on the host where it "
            "is the most.",
            unit="bytes",
            queries=(Query(top(memory), _TASK, BYTES),),
        ),
        Lines(
            title="CPU of a running try",
            description="100 % is one core; on the host where it is the most.",
            unit="percent",
            queries=(Query(top(cpu), _TASK, Range(0, 1e5)),),
        ),
        Bars(
            title="Peak memory p95",
            description="95 of 100 tries that ended in the window never used more: what a "
            "memory limit must allow. The figures are between 64 MiB and 32 GiB, which "
            "mean as little or less, and as much or more.",
            unit="bytes",
            queries=(
                Query(
                    top(quantile(0.95, c.TASK_PEAK_MEMORY, *_BY_TASK, of=OF_TASK)),
                    _TASK,
                    BYTES,
                ),
            ),
            base=BLUE,
            links=_TO_TASK,
        ),
        Bars(
            title="CPU time, by task",
            description="CPU that the task's tries used in the window, with their ended children.",
            unit="s",
            queries=(Query(top(of_team(total(seconds, *_BY_TASK))), _TASK, _MANY_SECONDS),),
            base=BLUE,
            links=_TO_TASK,
        ),
        Lines(
            title="Tries that run, by task",
            description="Tries that run on the hosts that are watched.",
            unit="short",
            queries=(
                Query(
                    top(of_team(total(once_each(series(c.TASK_RUNNING, *OF_TASK)), *_BY_TASK))),
                    _TASK,
                ),
            ),
        ),
        Lines(
            title="Storage read and written",
            description="By the tasks' processes, where the kernel lets the exporter see it.",
            unit="Bps",
            queries=tuple(moved),
        ),
    )


def runs() -> tuple[Panel, ...]:
    """Return how runs of DAGs go."""
    return (
        Lines(
            title="Duration of DAG runs p95",
            description="From the start to the end of 95 of 100 runs finished in the window.",
            unit="s",
            queries=(
                Query(
                    top(quantile(0.95, c.DAG_RUN_DURATION, "dag_id", of=OF_DAG)),
                    _DAG,
                    SECONDS,
                ),
            ),
        ),
        Lines(
            title="Delay of DAG runs p95",
            description="From when a scheduled run was due to its first start, of 95 of 100 runs "
            "finished in the window: what the scheduler and the limits cost.",
            unit="s",
            queries=(
                Query(
                    top(quantile(0.95, c.DAG_RUN_START_DELAY, "dag_id", of=OF_DAG)),
                    _DAG,
                    _BUCKETS,
                ),
            ),
            steps=((60, YELLOW), (300, RED)),
        ),
        Bars(
            title="Parsing, by DAG",
            description="How long the last parse of the DAG's file took: all of it is spent again "
            "at each parse.",
            unit="s",
            queries=(
                Query(
                    top(of_team(highest(series(c.DAG_PARSE_DURATION, *OF_DAG), "dag_id"))),
                    _DAG,
                    SECONDS,
                ),
            ),
            steps=((5, YELLOW), (30, RED)),
        ),
    )
