"""Makes a replay of what the user asks for."""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from exporter.collectors.airflow.database import Database
from exporter.collectors.airflow.facts import alive
from exporter.config import Settings
from exporter.errors import SourceUnavailableError
from exporter.history.progress import Progress
from exporter.history.reader import History
from exporter.insight.autoscale import Policy
from exporter.logs import Redactor
from exporter.parts.airflow import dsn_source, scaling_policy
from exporter.replay.reading import learned
from exporter.replay.result import Result, result


@dataclass(frozen=True, slots=True)
class Request:
    """What the user asks for."""

    since: timedelta
    learn: timedelta
    timeout_seconds: float


def made(
    settings: Settings, environ: Mapping[str, str], redactor: Redactor, request: Request
) -> Result:
    """Read and replay; raise ConfigError or SourceUnavailableError."""
    policy = scaling_policy(settings) or Policy()
    source = dsn_source(settings, environ, redactor)
    progress = Progress(sys.stderr, time.monotonic)
    database = Database(source.dsn, request.timeout_seconds)
    try:
        history = History(database, settings.airflow_schema, request.timeout_seconds)
        extent = history.extent(request.learn, request.since)
        learning = learned(history, extent, policy.boot_seconds, progress)
        schedulers = _schedulers(history)
    finally:
        progress.done()
        database.close()
    return result(learning, extent, policy, schedulers)


def _schedulers(history: History) -> int:
    try:
        facts = history.facts()
    except SourceUnavailableError:
        return 1
    return 1 if facts.jobs is None else len(alive(facts.jobs, "scheduler", facts.now))
