"""Data & baselines: whether pipelines keep their rate, and all of it what was agreed."""

from __future__ import annotations

from exporter import catalogue as c
from exporter.bundle.baselines import HEADROOM
from exporter.bundle.dashboards import links
from exporter.bundle.dashboards.dashboard import Dashboard, Row
from exporter.bundle.dashboards.panel import Bars, Lines, Panel, Stat, Table
from exporter.bundle.dashboards.query import (
    OF_STAGE,
    RATE,
    Query,
    Range,
    grown,
    highest,
    of_team,
    series,
    top,
    total,
)
from exporter.bundle.dashboards.steps import BLUE, GREEN, ORANGE, RED, ROOM, YELLOW, Limit
from exporter.bundle.dashboards.variables import (
    COMMON,
    PIPELINE,
    STAGE,
    TEAM,
    DataSource,
    Window,
)
from exporter.bundle.promql import once
from exporter.catalogue import Family

_BY_STAGE = ("pipeline", "stage")
_STAGE = ("airflow", *_BY_STAGE)
_TASK = ("airflow", "dag_id", "task_id")
_ROWS = Range(0, 1e12)


def dashboard() -> Dashboard:
    """Return the dashboard."""
    return Dashboard(
        links.DATA,
        "Airflow / Data & baselines",
        "Do pipelines keep their rate, and does the platform keep what was agreed?",
        (DataSource(), *COMMON, TEAM, PIPELINE, STAGE, Window()),
        (
            Row("Now", _now()),
            Row("Throughput", _throughput()),
            Row("Baselines", _baselines()),
            Row("Tasks", _tasks()),
        ),
    )


def _wrote(family: Family, ago: str = "") -> str:
    return of_team(grown(series(family, *OF_STAGE), ago))


def _rate(family: Family) -> str:
    return of_team(once(f"rate({series(family, *OF_STAGE)}[{RATE}])"))


def _now() -> tuple[Panel, ...]:
    missed = f'count by (airflow) ({HEADROOM}{{airflow=~"$airflow"}} < 0)'
    known = f'count by (airflow) ({HEADROOM}{{airflow=~"$airflow"}})'
    unknown = total(_wrote(c.TRIES_ROWS_UNKNOWN))
    return (
        Stat(
            title="Rows",
            description="Rows that successful tries wrote in the window.",
            unit="short",
            queries=(Query(total(_wrote(c.ROWS_PROCESSED)), ("airflow",), _ROWS),),
            width=4,
            base=BLUE,
        ),
        Stat(
            title="Bytes",
            description="Bytes that successful tries wrote in the window.",
            unit="decbytes",
            queries=(Query(total(_wrote(c.BYTES_PROCESSED)), ("airflow",), Range(0, 1e15)),),
            width=4,
            base=BLUE,
        ),
        Stat(
            title="Slowest stage",
            description="Rows over the seconds of the tries that finished in the last 15 minutes, "
            "of the stage that is the slowest.",
            unit="rowsps",
            queries=(
                Query(
                    f"min by (airflow) ({once(series(c.PROCESSING_ROWS_PER_SECOND, *OF_STAGE))})",
                    ("airflow",),
                    _ROWS,
                ),
            ),
            width=4,
            base=BLUE,
        ),
        Stat(
            title="Rows of failed tries",
            description="Rows that tries committed and then did not succeed: another try may have "
            "written them again.",
            unit="short",
            queries=(Query(total(_wrote(c.ROWS_FAILED_TRY)), ("airflow",), _ROWS),),
            width=4,
            steps=((1, YELLOW),),
            decimals=0,
        ),
        Stat(
            title="Tries that told no rows",
            description="Of tasks that the rows file names or that have told before.",
            unit="short",
            queries=(Query(unknown, ("airflow",)),),
            width=4,
            steps=((1, YELLOW),),
            decimals=0,
        ),
        Stat(
            title="Baselines missed",
            description="Baselines whose actual is worse than the target and its tolerance. Needs "
            "the recording rules.",
            unit="short",
            queries=(Query(f"{missed} or {known} * 0", ("airflow",)),),
            width=4,
            steps=((1, RED),),
        ),
    )


def _throughput() -> tuple[Panel, ...]:
    rows_now, rows_then = (total(_wrote(c.ROWS_PROCESSED, ago)) for ago in ("", "1d"))
    bytes_, rows = (_wrote(family) for family in (c.BYTES_PROCESSED, c.ROWS_PROCESSED))
    same = "and on (airflow, pipeline, stage, dag_id, task_id)"
    size = (
        f"{total(f'({bytes_}) > 0 {same} ({rows}) > 0', *_BY_STAGE)} / "
        f"{total(f'({rows}) > 0 {same} ({bytes_}) > 0', *_BY_STAGE)}"
    )
    return (
        Lines(
            title="Rows written",
            description="Rows a second of all tasks of the stage together, over the clock.",
            unit="rowsps",
            queries=(Query(total(_rate(c.ROWS_PROCESSED), *_BY_STAGE), _STAGE, _ROWS),),
        ),
        Lines(
            title="Rate of the tries, in rows",
            description="Rows over the seconds of the tries that finished in the last 15 minutes: "
            "how fast they are while they run.",
            unit="rowsps",
            queries=(
                Query(
                    highest(series(c.PROCESSING_ROWS_PER_SECOND, *OF_STAGE), *_BY_STAGE),
                    _STAGE,
                    _ROWS,
                ),
            ),
        ),
        Lines(
            title="Rate of the tries, in megabytes",
            description="Megabytes over the seconds of the tries that finished in the last 15 "
            "minutes; the guide wants 100 of bronze, 50 of silver and 25 of gold.",
            unit="MBs",
            queries=(
                Query(
                    highest(series(c.PROCESSING_RATE_MBPS, *OF_STAGE), *_BY_STAGE),
                    _STAGE,
                    Range(0, 1e6),
                ),
            ),
        ),
        Lines(
            title="Rows in the window, and a day ago",
            description="Rows of the window before each moment, beside the same a day earlier.",
            unit="short",
            queries=(
                Query(rows_now, ("airflow",), _ROWS, "now"),
                Query(rows_then, ("airflow",), _ROWS, "a day ago"),
            ),
            colours={"a day ago": "text"},
        ),
        Lines(
            title="Size of a row",
            description="Bytes over rows of the window, of the tasks that told both: a jump says "
            "that the data have changed.",
            unit="decbytes",
            queries=(Query(size, _STAGE, Range(0, 1e9)),),
        ),
        Lines(
            title="Time the data took",
            description="Seconds of the tries that wrote them, in the window.",
            unit="s",
            queries=(
                Query(total(_wrote(c.PROCESSING_SECONDS), *_BY_STAGE), _STAGE, Range(0, 1e8)),
            ),
        ),
    )


def _baselines() -> tuple[Panel, ...]:
    baseline = ("scope", "name", "metric")
    headroom = f'{HEADROOM}{{airflow=~"$airflow"}}'
    return (
        Bars(
            title="Room left to the baselines",
            description="What is left until the baseline and its tolerance are reached, as a part "
            "of them; below 0 it is missed. Least first. Needs the recording rules.",
            unit="percentunit",
            queries=(
                Query(
                    f"bottomk(15, {highest(headroom, *baseline)})",
                    ("airflow", *baseline),
                    Range(-1e4, 1e6),
                ),
            ),
            width=12,
            height=10,
            steps=ROOM,
            base=RED,
            low=-1,
            high=1,
        ),
        Table(
            title="What was agreed",
            description="Targets of the baselines file, in the unit that the metric's name ends "
            "in.",
            unit="short",
            queries=(
                Query(
                    highest(series(c.BASELINE_TARGET), *baseline),
                    ("airflow", *baseline),
                    Range(0, 1e9),
                ),
            ),
            width=12,
            height=10,
            value="Target",
        ),
        Lines(
            title="Room left to the baselines of stages",
            description="The same over time; below 0 the baseline is missed.",
            unit="percentunit",
            queries=(
                Query(
                    highest(f'{HEADROOM}{{airflow=~"$airflow", scope="stage"}}', "name", "metric"),
                    ("airflow", "name", "metric"),
                    Range(-1e4, 1e6),
                ),
            ),
            width=24,
            steps=((Limit("baseline_headroom"), GREEN),),
            base=RED,
            low=-1,
            high=1,
        ),
    )


def _tasks() -> tuple[Panel, ...]:
    by = ("dag_id", "task_id")
    to_task = (links.to(links.DAG, "This task", *_TASK),)
    info = f"max by (airflow, dag_id, task_id, pipeline, stage) ({series(c.TASK_INFO, *OF_STAGE)})"
    return (
        Bars(
            title="Rows, by task",
            description="Rows that successful tries wrote in the window.",
            unit="short",
            queries=(Query(top(total(_wrote(c.ROWS_PROCESSED), *by)), _TASK, _ROWS),),
            base=BLUE,
            links=to_task,
        ),
        Bars(
            title="Rows of failed tries, by task",
            description="Rows that may have been written twice.",
            unit="short",
            queries=(Query(top(total(_wrote(c.ROWS_FAILED_TRY), *by)), _TASK, _ROWS),),
            steps=((1, ORANGE),),
            decimals=0,
            links=to_task,
        ),
        Bars(
            title="Tries that told no rows, by task",
            description="The figures above do not know what these tries wrote.",
            unit="short",
            queries=(Query(top(total(_wrote(c.TRIES_ROWS_UNKNOWN), *by)), _TASK),),
            steps=((1, YELLOW),),
            decimals=0,
            links=to_task,
        ),
        Table(
            title="Tasks and their stages",
            description="The pipeline and stage that each task last told.",
            unit="short",
            queries=(Query(of_team(info), (*_TASK, "pipeline", "stage")),),
            width=24,
            value=None,
            links=(links.to(links.DAG, "This task", *_TASK, from_column=True),),
        ),
    )
