"""Exporter & scheduler health: whether to trust these numbers, and whether Airflow is alive."""

from __future__ import annotations

from exporter import catalogue as c
from exporter.bundle.dashboards import links, own
from exporter.bundle.dashboards.dashboard import Dashboard, Row
from exporter.bundle.dashboards.panel import Bars, Lines, Panel, Stat
from exporter.bundle.dashboards.query import (
    RATIO,
    SECONDS,
    WINDOW,
    Query,
    Range,
    highest,
    of_exporters,
    series,
    top,
    total,
)
from exporter.bundle.dashboards.steps import GREEN, ORANGE, RED, YELLOW, up_to
from exporter.bundle.dashboards.variables import COMMON, DataSource, Window


def dashboard() -> Dashboard:
    """Return the dashboard."""
    return Dashboard(
        links.HEALTH,
        "Airflow / Exporter & scheduler health",
        "Can these numbers be trusted, and is Airflow itself alive?",
        (DataSource(), *COMMON, Window()),
        (
            Row("Now", _now()),
            Row("Airflow's components", _components()),
            Row("Collectors", own.collectors()),
            Row("Series and scrapes", own.series_and_scrapes()),
            Row("The process", own.process()),
            Row("What is pushed and read", own.taken_in()),
        ),
    )


def _now() -> tuple[Panel, ...]:
    age = f"time() - ({series(c.COLLECTOR_LAST_SUCCESS)} > 0)"
    dropped = total(f"increase({series(c.SERIES_DROPPED)}[{WINDOW}])")
    return (
        Stat(
            title="Exporters down",
            description="Exporters that Prometheus cannot scrape, of those that it has scraped in "
            "the last day.",
            unit="short",
            queries=(Query(f"count by (airflow) {_up()} - {total(_up())}", ("airflow",)),),
            steps=((1, RED),),
        ),
        Stat(
            title="Collectors down",
            description="Collectors whose last sample was bad or late.",
            unit="short",
            queries=(
                Query(
                    f"count by (airflow) ({series(c.COLLECTOR_SUCCESS)}) - "
                    f"{total(series(c.COLLECTOR_SUCCESS))}",
                    ("airflow",),
                ),
            ),
            steps=((1, RED),),
        ),
        Stat(
            title="Oldest sample",
            description="Age of the last good sample of the collector where it is the oldest.",
            unit="s",
            queries=(Query(highest(age), ("airflow",), Range(-5, 120)),),
            steps=up_to("sample_age_seconds", early=0.2),
            low=None,
            decimals=0,
        ),
        Stat(
            title="Exporters",
            description="Exporters that read the metadata database: with two the documented "
            "queries count twice.",
            unit="short",
            queries=(Query(f"count by (airflow) ({series(c.METADATA_INFO)})", ("airflow",)),),
            steps=((2, ORANGE),),
        ),
        Stat(
            title="Samples above a cap",
            description="In the window, of label sets that are dropped, or folded into __other__.",
            unit="short",
            queries=(Query(dropped, ("airflow",)),),
            steps=((1, YELLOW),),
            decimals=0,
        ),
        Stat(
            title="Ledger written",
            description="Share of the exporters whose totals survive a restart.",
            unit="percentunit",
            queries=(
                Query(f"avg by (airflow) ({series(c.STATE_PERSISTENT)})", ("airflow",), RATIO),
            ),
            steps=((1, GREEN),),
            base=YELLOW,
            high=1,
        ),
        Stat(
            title="Configuration",
            description="Share of the exporters whose last loading of the configuration was good.",
            unit="percentunit",
            queries=(
                Query(
                    f"avg by (airflow) ({series(c.CONFIG_RELOAD_SUCCESSFUL)})", ("airflow",), RATIO
                ),
            ),
            steps=((1, GREEN),),
            base=RED,
            high=1,
        ),
        Stat(
            title="Stale heartbeats",
            description="Running tries without a heartbeat for longer than Airflow tolerates: it "
            "will fail them.",
            unit="short",
            queries=(Query(highest(series(c.TASK_HEARTBEAT_STALE)), ("airflow",)),),
            steps=((1, RED),),
        ),
    )


def _up() -> str:
    return of_exporters(series("up"))


def _components() -> tuple[Panel, ...]:
    by = ("airflow", "component")
    age = f"time() - {highest(series(c.COMPONENT_HEARTBEAT), 'component')}"
    return (
        Lines(
            title="Heartbeat age",
            description="Of the newest heartbeat of each component. The exporter reads it once a "
            "minute, so up to a minute is nothing.",
            unit="s",
            queries=(Query(age, by, Range(-5, 600)),),
            steps=up_to("heartbeat_seconds", early=0.75),
            low=None,
        ),
        Bars(
            title="Instances alive",
            description="Of each component; 0 means that nothing does its work.",
            unit="short",
            queries=(Query(highest(series(c.COMPONENT_INSTANCES), "component"), by),),
            steps=((1, GREEN),),
            base=RED,
        ),
        Lines(
            title="Clock against the database",
            description="The component's clock minus the database's, as far as heartbeats tell.",
            unit="s",
            queries=(
                Query(highest(series(c.METADATA_CLOCK_SKEW), "component"), by, Range(-60, 60)),
            ),
            steps=up_to("clock_skew_seconds"),
            low=None,
        ),
        Lines(
            title="Triggers",
            description="Triggers that deferred tasks wait for, and those that no triggerer has "
            "taken up.",
            unit="short",
            queries=(
                Query(highest(series(c.TRIGGERS)), ("airflow",), name="all"),
                Query(highest(series(c.TRIGGERS_UNASSIGNED)), ("airflow",), name="unassigned"),
            ),
            colours={"unassigned": ORANGE},
        ),
        Lines(
            title="Broken DAG files",
            description="DAG files that fail to import.",
            unit="short",
            queries=(Query(highest(series(c.DAG_IMPORT_ERRORS)), ("airflow",)),),
            steps=((1, RED),),
        ),
        Bars(
            title="Longest since parsed",
            description="Time since the file of the DAG was parsed: when all grow, the DAG "
            "processor stands still.",
            unit="s",
            queries=(
                Query(
                    top(f"time() - {highest(series(c.DAG_LAST_PARSED), 'dag_id')}"),
                    ("airflow", "dag_id"),
                    SECONDS,
                ),
            ),
            steps=((600, YELLOW), (3600, RED)),
            links=(links.to(links.DAG, "This DAG", "airflow", "dag_id"),),
        ),
    )
