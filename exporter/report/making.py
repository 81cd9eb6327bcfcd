"""Makes a report of what the user asks for, and gives it its form."""

from __future__ import annotations

import sys
import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import timedelta

from exporter.client import Access, Client
from exporter.collectors.airflow.database import Database
from exporter.config import Settings
from exporter.errors import SourceUnavailableError
from exporter.history.progress import Progress
from exporter.history.reader import History
from exporter.insight.baselines.file import baselines
from exporter.insight.baselines.queries import Series
from exporter.logs import Redactor
from exporter.parts.airflow import dsn_source
from exporter.parts.surroundings import dag_filter
from exporter.report.configuration import configuration
from exporter.report.document import Report
from exporter.report.figures import Metrics
from exporter.report.gathering import Wanted, gathered
from exporter.report.html import html
from exporter.report.json import as_json
from exporter.report.metrics import metrics
from exporter.report.text import text
from exporter.report.writing import report


@dataclass(frozen=True, slots=True)
class Prometheus:
    """A server that may be asked."""

    url: str | None
    airflow: str | None
    access: Access


@dataclass(frozen=True, slots=True)
class Request:
    """What the user asks for."""

    since: timedelta
    compare: timedelta
    top: int
    timeout_seconds: float
    prometheus: Prometheus


def made(
    settings: Settings, environ: Mapping[str, str], redactor: Redactor, request: Request
) -> Report:
    """Read and judge; raise ConfigError or SourceUnavailableError."""
    source = dsn_source(settings, environ, redactor)
    found = configuration(environ, settings.airflow_home)
    wanted = Wanted(request.since, request.compare, dag_filter(settings))
    progress = Progress(sys.stderr, time.monotonic)
    database = Database(source.dsn, request.timeout_seconds)
    try:
        history = History(database, settings.airflow_schema, request.timeout_seconds)
        figures = gathered(
            history,
            wanted,
            found,
            lambda period: _asked(settings, request.prometheus, period),
            progress,
        )
    finally:
        progress.done()
        database.close()
    return report(figures, request.top)


def formed(found: Report, form: str) -> str:
    """Return a report as text, json or html."""
    return {"json": as_json, "html": html}.get(form, text)(found)


def exit_status(found: Report, fail_on: Collection[str]) -> int:
    """Return 1 where there is a finding of these kinds, or "any", else 0.

    Raise SourceUnavailableError where there is none because it could not be told.
    """
    kinds = {each.kind.value for each in found.findings}
    if kinds & {*fail_on} or (kinds and "any" in fail_on):
        return 1
    for gap in found.missing:
        for kind in gap.kinds:
            if kind.value in fail_on:
                message = f"--fail-on {kind.value}: {gap.what} cannot be told: {gap.why}"
                raise SourceUnavailableError(message)
    return 0


def _asked(settings: Settings, to: Prometheus, period: timedelta) -> Metrics:
    if to.url is None:
        message = "only a Prometheus server has them: give --prometheus"
        raise SourceUnavailableError(message)
    series = Series(settings.metric_prefix, to.airflow)
    judged = baselines(settings.baselines_file)
    client = Client(to.url, "--prometheus", to.access)
    return metrics(client, judged, series, int(period.total_seconds()))
