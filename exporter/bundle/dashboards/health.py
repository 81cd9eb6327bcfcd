"""Exporter & scheduler health: whether to trust these numbers, and whether Airflow is alive."""

from __future__ import annotations

from exporter import catalogue as c
from exporter.bundle.dashboards import links
from exporter.bundle.dashboards.dashboard import Dashboard, Row
from exporter.bundle.dashboards.panel import (
    BLUE,
    GREEN,
    GREY,
    ORANGE,
    RED,
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
    RATE,
    RATIO,
    SECONDS,
    WINDOW,
    Query,
    Range,
    highest,
    series,
    top,
    total,
)
from exporter.bundle.dashboards.variables import COMMON, DataSource, Window

_EXPORTER = ("airflow", "job", "instance")
_BY_EXPORTER = ("job", "instance")
_COLLECTOR = (*_EXPORTER, "collector")
_BY_COLLECTOR = (*_BY_EXPORTER, "collector")
_SHORT = Range(0, 60)


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
            Row("Collectors", _collectors()),
            Row("Series and scrapes", _series()),
            Row("The process", _process()),
            Row("What is pushed and read", _taken_in()),
        ),
    )


def _lowest(expression: str, *labels: str) -> str:
    return f"min by ({', '.join(('airflow', *labels))}) ({expression})"


def _now() -> tuple[Panel, ...]:
    age = f"time() - ({series(c.COLLECTOR_LAST_SUCCESS)} > 0)"
    dropped = total(f"increase({series(c.SERIES_DROPPED)}[{WINDOW}])")
    return (
        Stat(
            title="Exporters down",
            description="Exporters that Prometheus cannot scrape.",
            unit="short",
            queries=(Query(f"count by (airflow) ({_up()}) - {total(_up())}", ("airflow",)),),
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
            title="Label sets dropped",
            description="Label sets above a cap in the window: dropped, or folded into __other__.",
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
    return series("up")


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


def _collectors() -> tuple[Panel, ...]:
    age = f"time() - ({series(c.COLLECTOR_LAST_SUCCESS)} > 0)"
    errors = f"increase({series(c.COLLECTOR_ERRORS)}[{WINDOW}])"
    return (
        Lines(
            title="Collectors that are well",
            description="1 while the collector's samples are good and in time, else 0.",
            unit="short",
            queries=(
                Query(_lowest(series(c.COLLECTOR_SUCCESS), *_BY_COLLECTOR), _COLLECTOR, RATIO),
            ),
            high=1,
        ),
        Lines(
            title="Age of the last good sample",
            description="How old what is scraped is, by collector.",
            unit="s",
            queries=(Query(highest(age, *_BY_COLLECTOR), _COLLECTOR, Range(-5, 120)),),
            steps=up_to("sample_age_seconds", early=0.2),
            low=None,
        ),
        Lines(
            title="Duration of samples",
            description="How long the collector's last sample took; the deadline is 5 s.",
            unit="s",
            queries=(
                Query(highest(series(c.COLLECTOR_DURATION), *_BY_COLLECTOR), _COLLECTOR, _SHORT),
            ),
            steps=((2.5, YELLOW), (5, RED)),
        ),
        Bars(
            title="Failed samples, by reason",
            description="In the window.",
            unit="short",
            queries=(
                Query(
                    top(total(errors, "collector", "reason")), ("airflow", "collector", "reason")
                ),
            ),
            steps=((1, ORANGE),),
            decimals=0,
        ),
        Table(
            title="What is missing",
            description="Features of collectors: 0 where what they read is not there or not "
            "granted; docs/airflow.md says what for.",
            unit="short",
            queries=(
                Query(
                    _lowest(series(c.COLLECTOR_FEATURE), "collector", "feature"),
                    ("airflow", "collector", "feature"),
                    RATIO,
                ),
            ),
            width=16,
            value="Available",
            steps=((1, GREEN),),
            base=RED,
        ),
    )


def _series() -> tuple[Panel, ...]:
    dropped = f"increase({series(c.SERIES_DROPPED)}[{WINDOW}])"
    return (
        Bars(
            title="Label sets, by family",
            description="What the exporters hold: the largest families.",
            unit="short",
            queries=(
                Query(
                    top(highest(series(c.SERIES), "family")), ("airflow", "family"), Range(0, 1e6)
                ),
            ),
            steps=up_to("histogram_cap", ORANGE, early=0.8),
        ),
        Bars(
            title="Label sets dropped, by family",
            description="Above a cap, in the window; docs/options.md has the caps.",
            unit="short",
            queries=(Query(top(total(dropped, "family")), ("airflow", "family")),),
            steps=((1, ORANGE),),
            decimals=0,
        ),
        Lines(
            title="Samples of a scrape",
            description="What one scrape of each exporter brings.",
            unit="short",
            queries=(
                Query(
                    highest(series("scrape_samples_scraped"), *_BY_EXPORTER),
                    _EXPORTER,
                    Range(1, 1e7),
                ),
            ),
        ),
        Lines(
            title="Duration of scrapes",
            description="As Prometheus sees them.",
            unit="s",
            queries=(
                Query(highest(series("scrape_duration_seconds"), *_BY_EXPORTER), _EXPORTER, _SHORT),
            ),
            steps=up_to("scrape_seconds", early=0.2),
        ),
        Bars(
            title="Requests answered",
            description="HTTP requests in the window, by path and status.",
            unit="short",
            queries=(
                Query(
                    top(total(f"increase({series(c.HTTP_REQUESTS)}[{WINDOW}])", "path", "code")),
                    ("airflow", "path", "code"),
                ),
            ),
            base=BLUE,
            decimals=0,
        ),
        Lines(
            title="Connections",
            description="HTTP connections open, by exporter.",
            unit="short",
            queries=(Query(highest(series(c.HTTP_CONNECTIONS), *_BY_EXPORTER), _EXPORTER),),
        ),
    )


def _process() -> tuple[Panel, ...]:
    used = f"rate({series('process_cpu_seconds_total')}[{RATE}])"
    files = f"{series('process_open_fds')} / {series('process_max_fds')}"
    build = ("airflow", "version", "pythonversion")
    return (
        Lines(
            title="CPU",
            description="Cores that each exporter uses.",
            unit="short",
            queries=(Query(total(used, *_BY_EXPORTER), _EXPORTER, Range(0, 8)),),
            width=6,
        ),
        Lines(
            title="Memory",
            description="Resident memory of each exporter.",
            unit="bytes",
            queries=(
                Query(
                    highest(series("process_resident_memory_bytes"), *_BY_EXPORTER),
                    _EXPORTER,
                    BYTES,
                ),
            ),
            width=6,
        ),
        Lines(
            title="Files open, of the limit",
            description="Open files of each exporter over what it may open.",
            unit="percentunit",
            queries=(Query(highest(files, *_BY_EXPORTER), _EXPORTER, RATIO),),
            width=6,
            steps=((0.8, RED),),
        ),
        Table(
            title="Versions that run",
            description="How many exporters of each version there are.",
            unit="short",
            queries=(Query(f"count by ({', '.join(build)}) ({series(c.BUILD_INFO)})", build),),
            width=6,
            value="Exporters",
            base=GREY,
        ),
    )


def _taken_in() -> tuple[Panel, ...]:
    pushed = total(f"increase({series(c.INGEST_REQUESTS)}[{WINDOW}])", "outcome")
    files = total(f"increase({series(c.DBT_FILES)}[{WINDOW}])", "outcome")
    skipped = total(f"increase({series(c.XCOM_SKIPPED)}[{WINDOW}])")
    none = f"0 * count by (airflow) ({series(c.BUILD_INFO)})"
    return (
        Lines(
            title="Pushes, by outcome",
            description="What tasks and other exporters pushed in the window: overloaded says "
            "that nothing more could be kept.",
            unit="short",
            queries=(Query(pushed, ("airflow", "outcome")),),
            colours={"accepted": GREEN, "overloaded": RED, "invalid": ORANGE},
        ),
        Lines(
            title="dbt's files, by outcome",
            description="run_results.json that were counted or refused in the window.",
            unit="short",
            queries=(Query(files, ("airflow", "outcome")),),
            colours={"refused": RED},
        ),
        Lines(
            title="XCom values not looked into",
            description="Too large, unreadable or pickled, in the window: what their tries wrote "
            "is not known.",
            unit="short",
            queries=(Query(f"{skipped} or {none}", ("airflow",)),),
            steps=((1, YELLOW),),
            decimals=0,
        ),
    )
