"""Workers & containers: which container is near its limit, and how many workers there should be."""

from __future__ import annotations

from exporter import catalogue as c
from exporter.bundle.dashboards import links
from exporter.bundle.dashboards.dashboard import Dashboard, Row
from exporter.bundle.dashboards.panel import Bars, Lines, Panel, Stat, Table
from exporter.bundle.dashboards.query import (
    BYTES,
    COUNT,
    OF_POD,
    RATE,
    RATIO,
    WINDOW,
    Query,
    Range,
    highest,
    series,
    top,
    total,
)
from exporter.bundle.dashboards.steps import BLUE, FULL, ORANGE, RED, ROOM, YELLOW, up_to
from exporter.bundle.dashboards.variables import COMMON, NAMESPACE, POD, DataSource, Window
from exporter.bundle.promql import once_each
from exporter.catalogue import Family

_BY_CONTAINER = ("namespace", "container", "pod")
_CONTAINER = ("airflow", *_BY_CONTAINER)
_CORES = Range(0, 1e4)
_SHARE = Range(0, 1.5)


def dashboard() -> Dashboard:
    """Return the dashboard."""
    return Dashboard(
        links.WORKERS,
        "Airflow / Workers & containers",
        "Which container is near its limit, and are there enough workers?",
        (DataSource(), *COMMON, NAMESPACE, POD, Window()),
        (
            Row("Now", _now()),
            Row("Memory", _memory()),
            Row("CPU", _cpu()),
            Row("Pressure", _pressure()),
            Row("Workers", _workers()),
            Row("Whose containers", _owners()),
        ),
    )


def _of(family: Family) -> str:
    return once_each(series(family, *OF_POD))


def _rate(family: Family) -> str:
    return once_each(f"rate({series(family, *OF_POD)}[{RATE}])")


def _memory_share() -> str:
    return f"{_of(c.CONTAINER_WORKING_SET)} / ({_of(c.CONTAINER_MEMORY_LIMIT)} > 0)"


def _cpu_share() -> str:
    limit = f"({_of(c.CONTAINER_CPU_QUOTA)} / {_of(c.CONTAINER_CPU_PERIOD)} > 0)"
    return f"{_rate(c.CONTAINER_CPU)} / {limit}"


def _throttled_share() -> str:
    periods = f"({_rate(c.CONTAINER_CFS_PERIODS)} > 0)"
    return f"{_rate(c.CONTAINER_CFS_THROTTLED_PERIODS)} / {periods}"


def _killed(*labels: str) -> str:
    return total(once_each(f"increase({series(c.CONTAINER_OOM, *OF_POD)}[{WINDOW}])"), *labels)


def _now() -> tuple[Panel, ...]:
    counted = f"count by (airflow) ({_of(c.CONTAINER_WORKING_SET)})"
    restarted = once_each(f"changes({series(c.CONTAINER_START_TIME, *OF_POD)}[{WINDOW}])")
    return (
        Stat(
            title="Containers",
            description="Containers that are measured.",
            unit="short",
            queries=(Query(counted, ("airflow",)),),
            base=BLUE,
        ),
        Stat(
            title="Fullest memory",
            description="The highest share of a memory limit that a container uses: above 95 % "
            "it is about to be killed.",
            unit="percentunit",
            queries=(Query(highest(_memory_share()), ("airflow",), _SHARE),),
            steps=FULL,
            decimals=0,
        ),
        Stat(
            title="Busiest CPU",
            description="The highest share of a CPU limit that a container uses.",
            unit="percentunit",
            queries=(Query(highest(_cpu_share()), ("airflow",), _SHARE),),
            steps=up_to("cpu_ratio", ORANGE, early=0.9),
            decimals=0,
        ),
        Stat(
            title="Throttled",
            description="The highest share of CPU periods in which a container was held back: "
            "above a quarter its limit is too low for what it does.",
            unit="percentunit",
            queries=(Query(highest(_throttled_share()), ("airflow",), RATIO),),
            steps=up_to("throttled_ratio", ORANGE),
            high=1,
            decimals=0,
        ),
        Stat(
            title="Killed for memory",
            description="Processes that the kernel killed for memory in the window.",
            unit="short",
            queries=(Query(_killed(), ("airflow",)),),
            steps=((1, RED),),
            decimals=0,
        ),
        Stat(
            title="Restarts",
            description="How often a container of the same name started again in the window.",
            unit="short",
            queries=(Query(total(restarted), ("airflow",)),),
            steps=((1, YELLOW), (5, RED)),
            decimals=0,
        ),
        Stat(
            title="Tries that run",
            description="Tries that run on the hosts that are watched.",
            unit="short",
            queries=(Query(total(once_each(series(c.TASK_RUNNING))), ("airflow",)),),
            base=BLUE,
        ),
        Stat(
            title="Unnamed tasks",
            description="Airflow task processes that no rule could name: what they use is in no "
            "task's figures.",
            unit="short",
            queries=(Query(total(once_each(series(c.TASK_UNATTRIBUTED))), ("airflow",)),),
            steps=((1, YELLOW),),
        ),
    )


def _memory() -> tuple[Panel, ...]:
    return (
        Bars(
            title="Memory, of the limit",
            width=10,
            description="Working set over the limit; containers without a limit are not here.",
            unit="percentunit",
            queries=(Query(top(highest(_memory_share(), *_BY_CONTAINER)), _CONTAINER, _SHARE),),
            steps=FULL,
            high=1,
        ),
        Lines(
            title="Memory",
            width=7,
            description="Working set: memory in use without the inactive part of the page cache.",
            unit="bytes",
            queries=(
                Query(
                    top(highest(_of(c.CONTAINER_WORKING_SET), *_BY_CONTAINER)), _CONTAINER, BYTES
                ),
            ),
        ),
        Bars(
            title="Killed for memory, by container",
            width=7,
            description="Processes of the container that the kernel killed in the window: a task "
            "that dies like this has no error of its own.",
            unit="short",
            queries=(Query(top(_killed(*_BY_CONTAINER)), _CONTAINER),),
            steps=((1, RED),),
            decimals=0,
        ),
    )


def _cpu() -> tuple[Panel, ...]:
    return (
        Bars(
            title="CPU, of the limit",
            width=10,
            description="Cores used over the quota; containers without one are not here.",
            unit="percentunit",
            queries=(Query(top(highest(_cpu_share(), *_BY_CONTAINER)), _CONTAINER, _SHARE),),
            steps=up_to("cpu_ratio", ORANGE, early=0.9),
            high=1,
        ),
        Lines(
            title="CPU, in cores",
            width=7,
            description="Cores that the container uses.",
            unit="short",
            queries=(
                Query(top(total(_rate(c.CONTAINER_CPU), *_BY_CONTAINER)), _CONTAINER, _CORES),
            ),
        ),
        Lines(
            title="Throttled, by container",
            width=7,
            description="Share of the CPU periods in which the container was held back.",
            unit="percentunit",
            queries=(Query(top(highest(_throttled_share(), *_BY_CONTAINER)), _CONTAINER, RATIO),),
            steps=up_to("throttled_ratio", ORANGE),
            high=1,
        ),
    )


def _pressure() -> tuple[Panel, ...]:
    waits = (
        ("CPU", "Share of the time in which something waited for CPU.", c.CONTAINER_CPU_WAITING),
        (
            "memory",
            "Share of the time in which something waited for memory: above a tenth the container "
            "is thrashing before it is killed.",
            c.CONTAINER_MEMORY_WAITING,
        ),
        ("I/O", "Share of the time in which something waited for storage.", c.CONTAINER_IO_WAITING),
    )
    return tuple(
        Lines(
            title=f"Waiting for {name}",
            description=f"{text} Where the kernel has pressure stall information.",
            unit="percentunit",
            queries=(Query(top(highest(_rate(family), *_BY_CONTAINER)), _CONTAINER, _SHARE),),
            steps=((0.1, YELLOW), (0.5, RED)),
        )
        for name, text, family in waits
    )


def _workers() -> tuple[Panel, ...]:
    headroom = 'baseline:headroom:ratio{airflow=~"$airflow", scope="component"}'
    baseline = ("airflow", "name", "metric")
    return (
        Lines(
            title="Workers wanted",
            description="Workers that each queue needs for what runs, waits and is due.",
            unit="short",
            queries=(Query(highest(series(c.WORKERS_DESIRED), "queue"), ("airflow", "queue")),),
        ),
        Lines(
            title="Task slots wanted, by what wants them",
            description="running, queued (as many as start in time what waits), due (what the "
            "schedule is about to start).",
            unit="short",
            queries=(
                Query(
                    highest(series(c.WORKERS_DESIRED_SLOTS), "queue", "component"),
                    ("airflow", "queue", "component"),
                ),
            ),
        ),
        Bars(
            title="Components against their baselines",
            description="Room that is left below the baseline and its tolerance; below 0 it is "
            "missed. Needs the recording rules.",
            unit="percentunit",
            queries=(Query(highest(headroom, "name", "metric"), baseline, Range(-1e4, 1)),),
            steps=ROOM,
            base=RED,
            low=-1,
            high=1,
        ),
    )


def _owners() -> tuple[Panel, ...]:
    known = series(c.TASK_CONTAINER_INFO, *OF_POD)
    labels = ("airflow", "namespace", "pod", "container", "image", "dag_id", "task_id")
    hosts = total(series(c.TASK_PROCESSES), "job", "instance")
    return (
        Table(
            title="Whose each container is",
            description="What each container is; dag_id and task_id where it serves one task.",
            unit="short",
            queries=(Query(f"max by ({', '.join(labels)}) ({known})", labels, COUNT),),
            width=16,
            value=None,
            links=(links.to(links.WORKERS, "Only this pod", "namespace", "pod", from_column=True),),
        ),
        Bars(
            title="Processes of tasks, by host",
            description="Processes of running tries, by the exporter that sees them.",
            unit="short",
            queries=(Query(top(hosts), ("airflow", "job", "instance")),),
            base=BLUE,
        ),
    )
