"""DAG & task: which task got slower, when, and what it uses."""

from __future__ import annotations

from exporter import catalogue as c
from exporter.bundle.dashboards import links
from exporter.bundle.dashboards.dashboard import Dashboard, Row
from exporter.bundle.dashboards.panel import (
    BLUE,
    ORANGE,
    RED,
    STATES,
    YELLOW,
    Bars,
    Lines,
    Panel,
    Stat,
    Table,
    up_to,
)
from exporter.bundle.dashboards.query import (
    BYTES,
    COUNT,
    OF_DAG,
    OF_TASK,
    RATE,
    RATIO,
    SECONDS,
    WINDOW,
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
from exporter.bundle.dashboards.variables import (
    COMMON,
    DAG_ID,
    TASK_ID,
    TEAM,
    AirflowUrl,
    DataSource,
    Window,
)
from exporter.bundle.promql import once, once_each

_DAG = ("airflow", "dag_id")
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
            Row("What tasks use", _use()),
            Row("Runs", _runs()),
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
            queries=(Query(top(of_team(f"({tasks})")), _TASK, _BUCKETS),),
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


def _use() -> tuple[Panel, ...]:
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
                    top(of_team(f"({quantile(0.95, c.TASK_PEAK_MEMORY, *_BY_TASK, of=OF_TASK)})")),
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


def _runs() -> tuple[Panel, ...]:
    return (
        Lines(
            title="Duration of DAG runs p95",
            description="From the start to the end of 95 of 100 runs finished in the window.",
            unit="s",
            queries=(
                Query(
                    top(of_team(f"({quantile(0.95, c.DAG_RUN_DURATION, 'dag_id', of=OF_DAG)})")),
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
                    top(of_team(f"({quantile(0.95, c.DAG_RUN_START_DELAY, 'dag_id', of=OF_DAG)})")),
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
