"""The rows that rank DAGs, and what holds them back."""

from __future__ import annotations

from exporter import catalogue as c
from exporter.bundle.dashboards import links
from exporter.bundle.dashboards.panel import Bars, Lines, Panel, Stat
from exporter.bundle.dashboards.query import (
    SECONDS,
    Query,
    Range,
    grown,
    highest,
    of_team,
    quantile,
    series,
    top,
    total,
    unpaused,
)
from exporter.bundle.dashboards.steps import (
    BLUE,
    GREY,
    ORANGE,
    RED,
    STATES,
    YELLOW,
    Steps,
    up_to,
)
from exporter.bundle.promql import once

_TO_DAG = (links.to(links.DAG, "This DAG", "airflow", "dag_id"),)


def dags() -> tuple[Panel, ...]:
    """Return which DAGs stand out."""
    failed = grown(series(c.TASK_FINISHED, 'state=~"failed|up_for_retry"'))
    late = f"clamp_min(time() - {highest(series(c.DAG_NEXT_RUN), 'dag_id')}, 0)"
    seconds = grown(series(f"{c.TASK_DURATION.name}_sum"))
    ranked = ("airflow", "dag_id")
    return (
        _ranking(
            "Slowest tasks p95, by DAG",
            "95 of 100 tries of the DAG's tasks finished in the window took no longer.",
            "s",
            Query(
                top(quantile(0.95, c.TASK_DURATION, "dag_id")),
                ranked,
                Range(0, 3600),
            ),
            steps=up_to("task_p95_seconds", early=1 / 3),
        ),
        _ranking(
            "Failed tries, by DAG",
            "Tries that failed in the window, retried ones included.",
            "short",
            Query(top(of_team(total(failed, "dag_id"))), ranked),
            steps=((1, ORANGE), (10, RED)),
            decimals=0,
        ),
        _ranking(
            "Time spent in tasks, by DAG",
            "Seconds of all tries that finished in the window: where the workers' time goes.",
            "s",
            Query(top(of_team(total(seconds, "dag_id"))), ranked, Range(0, 1e8)),
            base=BLUE,
        ),
        _ranking(
            "Next run overdue",
            "How long ago the scheduler should have created the next run; without the DAGs that "
            "are paused.",
            "s",
            Query(top(of_team(unpaused(late))), ranked, SECONDS),
            steps=up_to("dag_overdue_seconds", early=0.1),
        ),
        _ranking(
            "Longest without success",
            "Time since a run of the DAG last ended with success; without the paused DAGs. What "
            "is too long depends on the schedule: the alert knows it.",
            "s",
            Query(
                top(of_team(unpaused(f"time() - {highest(series(c.DAG_LAST_SUCCESS), 'dag_id')}"))),
                ranked,
                Range(0, 1e9),
            ),
            base=BLUE,
        ),
        Lines(
            title="DAG runs finished, by outcome",
            description="Runs that finished in the window before each moment.",
            unit="short",
            queries=(
                Query(
                    total(of_team(grown(series(c.DAG_RUN_FINISHED))), "state"),
                    ("airflow", "state"),
                ),
            ),
            colours=STATES,
        ),
    )


def limits() -> tuple[Panel, ...]:
    """Return what is full, broken or switched off."""
    taken = total(once(series(c.POOL_SLOTS, 'state=~"running|queued"')), "pool")
    active = highest(series(c.DAG_ACTIVE_RUNS), "dag_id")
    most = highest(series(c.DAG_MAX_ACTIVE_RUNS), "dag_id")
    share = of_team(f"{active} / ({most} > 0)")
    return (
        Bars(
            title="Pools in use",
            description="Slots of each pool that running and queued task instances take. A full "
            "pool holds tasks back, whatever the workers could do.",
            unit="percentunit",
            queries=(
                Query(
                    top(f"{taken} / {highest(series(c.POOL_SIZE), 'pool')}"),
                    ("airflow", "pool"),
                    Range(0, 2),
                ),
            ),
            steps=((0.8, YELLOW), (0.95, RED)),
            high=1,
        ),
        Bars(
            title="Active runs of what a DAG may have",
            description="Queued and running runs over max_active_runs: at 100 % the scheduler "
            "starts no other.",
            unit="percentunit",
            queries=(Query(top(share), ("airflow", "dag_id"), Range(0, 10)),),
            steps=((0.8, YELLOW), (1, ORANGE)),
            high=1,
            links=_TO_DAG,
        ),
        Stat(
            title="DAGs",
            description="DAGs that are not stale, by whether they are paused.",
            unit="short",
            queries=(Query(total(once(series(c.DAGS)), "state"), ("airflow", "state")),),
            width=4,
            height=8,
            base=GREY,
        ),
        Stat(
            title="Broken DAG files",
            description="DAG files that fail to import: their DAGs do not run.",
            unit="short",
            queries=(Query(highest(series(c.DAG_IMPORT_ERRORS)), ("airflow",)),),
            width=4,
            height=8,
            steps=((1, RED),),
        ),
    )


def _ranking(
    title: str,
    description: str,
    unit: str,
    query: Query,
    *,
    steps: Steps = (),
    base: str = "green",
    decimals: int | None = None,
) -> Bars:
    return Bars(
        title=title,
        description=description,
        unit=unit,
        queries=(query,),
        steps=steps,
        base=base,
        decimals=decimals,
        links=_TO_DAG,
    )
