"""Overview: whether the platform is well, and where to look if it is not."""

from __future__ import annotations

from exporter import catalogue as c
from exporter.bundle.dashboards import guide, links, ranking
from exporter.bundle.dashboards.dashboard import Dashboard, Row
from exporter.bundle.dashboards.panel import Lines, Panel, Stat
from exporter.bundle.dashboards.query import (
    FIRING,
    RATE,
    RATIO,
    SECONDS,
    Query,
    Range,
    grown,
    highest,
    of_team,
    quantile,
    series,
    total,
)
from exporter.bundle.dashboards.steps import (
    BLUE,
    FULL,
    RED,
    STATES,
    up_to,
)
from exporter.bundle.dashboards.variables import COMMON, NAMESPACE, TEAM, DataSource, Window
from exporter.bundle.promql import once, once_each


def dashboard() -> Dashboard:
    """Return the dashboard."""
    return Dashboard(
        links.OVERVIEW,
        "Airflow / Overview",
        "Is the platform well, and if not, where to look?",
        (DataSource(), *COMMON, NAMESPACE, TEAM, Window()),
        (
            Row("Now", _now()),
            Row("Work", _work()),
            Row("DAGs", ranking.dags()),
            Row("Limits", ranking.limits()),
            Row("Queries of the performance guide, as written and as meant", guide.panels(), True),
        ),
    )


def _now() -> tuple[Panel, ...]:
    finished = total(of_team(grown(series(c.TASK_FINISHED))))
    failed = total(of_team(grown(series(c.TASK_FINISHED, 'state=~"failed|up_for_retry"'))))
    heartbeat = highest(series(c.COMPONENT_HEARTBEAT, 'component="scheduler"'))
    return (
        Stat(
            title="Queued",
            description="Task instances that wait for a worker.",
            unit="short",
            queries=(Query(_in_state("queued"), ("airflow",)),),
            steps=up_to("queued_tasks"),
        ),
        Stat(
            title="Running",
            description="Task instances that run.",
            unit="short",
            queries=(Query(_in_state("running"), ("airflow",)),),
            base=BLUE,
        ),
        Stat(
            title="Failed tries",
            description="Share of the tries that failed, of those finished in the window; "
            "retried ones count.",
            unit="percentunit",
            queries=(Query(f"{failed} / clamp_min({finished}, 1)", ("airflow",), RATIO),),
            steps=up_to("failure_ratio", early=0.25),
            high=1,
            decimals=1,
        ),
        Stat(
            title="Task duration p95",
            description="95 of 100 tries finished in the window took no longer. The guide calls "
            "30 minutes a bottleneck; 1 hour means an hour or more.",
            unit="s",
            queries=(Query(quantile(0.95, c.TASK_DURATION), ("airflow",), Range(0, 3600)),),
            steps=up_to("task_p95_seconds", early=1 / 3),
            decimals=1,
        ),
        Stat(
            title="Heartbeat age",
            description="Age of the newest heartbeat of a scheduler. The exporter reads it once a "
            "minute, so up to a minute is nothing.",
            unit="s",
            queries=(Query(f"time() - {heartbeat}", ("airflow",), Range(-5, 600)),),
            steps=up_to("heartbeat_seconds", early=0.75),
            low=None,
            decimals=0,
        ),
        Stat(
            title="Fullest container",
            description="Working set of the container that is closest to its memory limit, as a "
            "share of it: above 80 % it should get more, above 95 % it is about to be killed.",
            unit="percentunit",
            queries=(Query(_fullest(), ("airflow",), Range(0, 1.2)),),
            steps=FULL,
            links=(links.to(links.WORKERS, "Workers & containers", "airflow"),),
            decimals=0,
        ),
        Stat(
            title="Rows written",
            description="Rows that successful tries have told, a second.",
            unit="rowsps",
            queries=(
                Query(
                    total(of_team(once(f"rate({series(c.ROWS_PROCESSED)}[{RATE}])"))),
                    ("airflow",),
                    Range(0, 1e9),
                ),
            ),
            base=BLUE,
            links=(links.to(links.DATA, "Data & baselines", "airflow"),),
        ),
        Stat(
            title="Firing alerts",
            description="Alerts of the bundled rules that fire now; 0 as well where the rules are "
            "not loaded.",
            unit="short",
            queries=(Query(f"count({FIRING}) or vector(0)"),),
            steps=((1, RED),),
        ),
    )


def _in_state(state: str) -> str:
    return total(once(series(c.TASK_INSTANCE_STATE, f'state="{state}"')))


def _fullest() -> str:
    used, limit = (
        once_each(series(family, 'namespace=~"$namespace"'))
        for family in (c.CONTAINER_WORKING_SET, c.CONTAINER_MEMORY_LIMIT)
    )
    return highest(f"{used} / ({limit} > 0)")


def _work() -> tuple[Panel, ...]:
    return (
        Lines(
            title="Task instances by state",
            description="Task instances that are not done yet. Queued that grows while running "
            "does not: workers, pools or a limit are the bottleneck.",
            unit="short",
            queries=(
                Query(total(once(series(c.TASK_INSTANCE_STATE)), "state"), ("airflow", "state")),
            ),
            width=12,
            colours=STATES,
        ),
        Lines(
            title="Tries finished, by outcome",
            description="Tries that finished in the window before each moment.",
            unit="short",
            queries=(
                Query(
                    total(of_team(grown(series(c.TASK_FINISHED))), "state"), ("airflow", "state")
                ),
            ),
            width=12,
            colours=STATES,
        ),
        Lines(
            title="Queued, by queue",
            description="Task instances that wait for a worker of the queue.",
            unit="short",
            queries=(Query(highest(series(c.TASK_QUEUE_SIZE), "queue"), ("airflow", "queue")),),
            width=6,
            steps=up_to("queued_tasks"),
        ),
        Lines(
            title="Longest wait in a queue",
            description="Age of the oldest task instance that waits for a worker, by queue.",
            unit="s",
            queries=(
                Query(highest(series(c.QUEUE_OLDEST_WAIT), "queue"), ("airflow", "queue"), SECONDS),
            ),
            width=6,
            steps=up_to("queue_wait_seconds", early=0.2),
        ),
        Lines(
            title="Queue wait p95",
            description="From queued to started, of the tries finished in the window, by queue.",
            unit="s",
            queries=(
                Query(
                    quantile(0.95, c.TASK_QUEUE_WAIT, "queue"),
                    ("airflow", "queue"),
                    Range(0, 3600),
                ),
            ),
            width=6,
        ),
        Lines(
            title="Workers wanted",
            description="Workers that each queue needs for what runs, waits and is due: what an "
            "autoscaler should follow.",
            unit="short",
            queries=(Query(highest(series(c.WORKERS_DESIRED), "queue"), ("airflow", "queue")),),
            width=6,
        ),
    )
