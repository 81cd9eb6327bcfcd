"""DAG & task: which task got slower, when, and what it uses."""

from __future__ import annotations

from exporter import catalogue as c
from exporter.bundle.dashboards import links, use
from exporter.bundle.dashboards.dashboard import Dashboard, Row
from exporter.bundle.dashboards.panel import Bars, Lines, Panel, Stat, Table
from exporter.bundle.dashboards.query import (
    COUNT,
    OF_DAG,
    OF_TASK,
    RATIO,
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
from exporter.bundle.dashboards.steps import BLUE, ORANGE, RED, STATES, YELLOW, up_to
from exporter.bundle.dashboards.variables import (
    COMMON,
    DAG_ID,
    TASK_ID,
    TEAM,
    AirflowUrl,
    DataSource,
    Window,
)
from exporter.bundle.promql import once

_TASK = ("airflow", "dag_id", "task_id")
_BY_TASK = ("dag_id", "task_id")
_TO_TASK = (links.to(links.DAG, "Only this task", *_TASK),)
_BUCKETS = Range(0, 3600)
_MANY_SECONDS = Range(0, 1e8)


def dashboard() -> Dashboard:
    """Return the dashboard."""
    return Dashboard(
        links.DAG,
        "Airflow / DAG & task",
        "Which task got slower, when, and what does it use?",
        (DataSource(), *COMMON, TEAM, DAG_ID, TASK_ID, Window(), AirflowUrl()),
        (
            Row("Now", _now()),
            Row("Duration", _duration()),
            Row("Outcome", _outcome()),
            Row("What tasks use", use.tasks()),
            Row("Runs", use.runs()),
        ),
    )


def _finished(*matchers: str) -> str:
    return of_team(grown(series(c.TASK_FINISHED, *OF_TASK, *matchers)))


def _mean(*labels: str, ago: str = "") -> str:
    seconds, tries = (
        total(of_team(grown(series(f"{c.TASK_DURATION.name}_{part}", *OF_TASK), ago)), *labels)
        for part in ("sum", "count")
    )
    return f"{seconds} / ({tries} > 0)"


def _now() -> tuple[Panel, ...]:
    failed = total(_finished('state=~"failed|up_for_retry"'))
    since = f"time() - {highest(series(c.DAG_LAST_SUCCESS, *OF_DAG), 'dag_id')}"
    late = f"clamp_min(time() - {highest(series(c.DAG_NEXT_RUN, *OF_DAG), 'dag_id')}, 0)"
    return (
        Stat(
            title="Tries finished",
            description="Tries that finished in the window.",
            unit="short",
            queries=(Query(total(_finished()), ("airflow",)),),
            base=BLUE,
            decimals=0,
        ),
        Stat(
            title="Failed",
            description="Share of the tries that failed, retried ones included.",
            unit="percentunit",
            queries=(Query(f"{failed} / clamp_min({total(_finished())}, 1)", ("airflow",), RATIO),),
            steps=up_to("failure_ratio", early=0.25),
            high=1,
            decimals=1,
        ),
        Stat(
            title="Duration p95",
            description="95 of 100 tries finished in the window took no longer; 1 hour means an "
            "hour or more.",
            unit="s",
            queries=(Query(quantile(0.95, c.TASK_DURATION, of=OF_TASK), ("airflow",), _BUCKETS),),
            steps=up_to("task_p95_seconds", early=1 / 3),
            decimals=1,
        ),
        Stat(
            title="Duration mean",
            description="Seconds over tries, of those finished in the window.",
            unit="s",
            queries=(Query(_mean(), ("airflow",), SECONDS),),
            base=BLUE,
            decimals=1,
        ),
        Stat(
            title="Time wasted",
            description="Seconds that failed tries took in the window.",
            unit="s",
            queries=(
                Query(
                    total(of_team(grown(series(c.TASK_WASTED, *OF_TASK)))),
                    ("airflow",),
                    _MANY_SECONDS,
                ),
            ),
            steps=((600, YELLOW), (3600, RED)),
            decimals=0,
        ),
        Stat(
            title="Oldest running try",
            description="Age of the oldest try that runs, of all the tasks chosen.",
            unit="s",
            queries=(
                Query(
                    highest(of_team(once(series(c.TASK_OLDEST_RUNNING, *OF_TASK)))),
                    ("airflow",),
                    SECONDS,
                ),
            ),
            steps=((3600, YELLOW), (14400, RED)),
            decimals=0,
        ),
        Stat(
            title="Without success",
            description="Time since the last run that ended with success, of the DAG where it is "
            "the longest; without the paused ones.",
            unit="s",
            queries=(Query(highest(of_team(unpaused(since))), ("airflow",), Range(0, 1e9)),),
            base=BLUE,
            decimals=0,
        ),
        Stat(
            title="Next run overdue",
            description="How long ago the scheduler should have created the next run, of the DAG "
            "where that is the longest; without the paused ones.",
            unit="s",
            queries=(Query(highest(of_team(unpaused(late))), ("airflow",), SECONDS),),
            steps=up_to("dag_overdue_seconds", early=0.1),
            decimals=0,
        ),
    )


def _duration() -> tuple[Panel, ...]:
    tasks = quantile(0.95, c.TASK_DURATION, *_BY_TASK, of=OF_TASK)
    return (
        Lines(
            title="Duration of tries",
            description="Half, 95 and 99 of 100 tries finished in the window took no longer. "
            "Deferral is included, and only the last poke of a sensor that reschedules.",
            unit="s",
            queries=tuple(
                Query(
                    quantile(share, c.TASK_DURATION, of=OF_TASK),
                    ("airflow",),
                    _BUCKETS,
                    f"p{share * 100:.0f}",
                )
                for share in (0.5, 0.95, 0.99)
            ),
        ),
        Lines(
            title="Mean duration, and a week ago",
            description="Seconds over tries of the window, beside the same a week earlier.",
            unit="s",
            queries=(
                Query(_mean(), ("airflow",), SECONDS, "now"),
                Query(_mean(ago="1w"), ("airflow",), SECONDS, "a week ago"),
            ),
            colours={"a week ago": "text"},
        ),
        Bars(
            title="Slowest tasks p95",
            description="95 of 100 tries of the task finished in the window took no longer.",
            unit="s",
            queries=(Query(top(tasks), _TASK, _BUCKETS),),
            steps=up_to("task_p95_seconds", early=1 / 3),
            links=_TO_TASK,
        ),
    )


def _outcome() -> tuple[Panel, ...]:
    failures = total(_finished('state=~"failed|up_for_retry"'), *_BY_TASK)
    return (
        Lines(
            title="Tries finished, by outcome",
            description="Tries that finished in the window before each moment; up_for_retry is a "
            "failed try that another one followed.",
            unit="short",
            queries=(Query(total(_finished(), "state"), ("airflow", "state")),),
            colours=STATES,
        ),
        Bars(
            title="Failed tries, by task",
            description="Tries that failed in the window, retried ones included.",
            unit="short",
            queries=(Query(top(failures), _TASK),),
            steps=((1, ORANGE), (10, RED)),
            decimals=0,
            links=_TO_TASK,
        ),
        Bars(
            title="Tries finished, by operator",
            description="Tries that finished in the window, by the class of their operator.",
            unit="short",
            queries=(
                Query(
                    top(total(_finished(), "operator_type")), ("airflow", "operator_type"), COUNT
                ),
            ),
            base=BLUE,
            decimals=0,
        ),
        Table(
            title="Tasks",
            description="Tries finished in the window by task and outcome. A click leads to the "
            "task in Airflow, at the address above.",
            unit="short",
            queries=(Query(top(total(_finished(), *_BY_TASK, "state"), 200), (*_TASK, "state")),),
            width=24,
            height=9,
            value="Tries",
            decimals=0,
            links=(
                *links.to_airflow(),
                links.to(links.DAG, "Only this task", *_TASK, from_column=True),
            ),
        ),
    )
