"""The rows about the exporter itself: collectors, series, the process, what it takes in."""

from __future__ import annotations

from exporter import catalogue as c
from exporter.bundle.dashboards.panel import Bars, Lines, Panel, Table
from exporter.bundle.dashboards.query import (
    BYTES,
    RATE,
    RATIO,
    WINDOW,
    Query,
    Range,
    highest,
    lowest,
    of_exporters,
    series,
    top,
    total,
)
from exporter.bundle.dashboards.steps import BLUE, GREEN, GREY, ORANGE, RED, YELLOW, up_to

_EXPORTER = ("airflow", "job", "instance")
_BY_EXPORTER = ("job", "instance")
_COLLECTOR = (*_EXPORTER, "collector")
_BY_COLLECTOR = (*_BY_EXPORTER, "collector")
_SHORT = Range(0, 60)


def collectors() -> tuple[Panel, ...]:
    """Return how samples go."""
    age = f"time() - ({series(c.COLLECTOR_LAST_SUCCESS)} > 0)"
    errors = f"increase({series(c.COLLECTOR_ERRORS)}[{WINDOW}])"
    return (
        Lines(
            title="Collectors that are well",
            description="1 while the collector's samples are good and in time, else 0.",
            unit="short",
            queries=(
                Query(lowest(series(c.COLLECTOR_SUCCESS), *_BY_COLLECTOR), _COLLECTOR, RATIO),
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
                    lowest(series(c.COLLECTOR_FEATURE), "collector", "feature"),
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


def series_and_scrapes() -> tuple[Panel, ...]:
    """Return how much there is, and how scraping goes."""
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
            title="Samples above a cap, by family",
            description="In the window, each sample of each label set that found no room; "
            "docs/options.md has the caps.",
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
                    highest(of_exporters(series("scrape_samples_scraped")), *_BY_EXPORTER),
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
                Query(
                    highest(of_exporters(series("scrape_duration_seconds")), *_BY_EXPORTER),
                    _EXPORTER,
                    _SHORT,
                ),
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


def process() -> tuple[Panel, ...]:
    """Return what each exporter uses."""
    used = of_exporters(f"rate({series('process_cpu_seconds_total')}[{RATE}])")
    files = of_exporters(f"{series('process_open_fds')} / {series('process_max_fds')}")
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
                    highest(of_exporters(series("process_resident_memory_bytes")), *_BY_EXPORTER),
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


def taken_in() -> tuple[Panel, ...]:
    """Return what is pushed, and read besides."""
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
