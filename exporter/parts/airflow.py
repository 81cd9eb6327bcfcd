"""The Airflow collector, with SQLAlchemy and psycopg."""

from __future__ import annotations

from collections.abc import Mapping

from exporter.clock import Clock
from exporter.collectors.airflow.collector import AirflowCollector
from exporter.collectors.airflow.database import Database
from exporter.collectors.airflow.options import Options
from exporter.collectors.airflow.rows import Rows
from exporter.collectors.airflow.scaling import Scaling
from exporter.config import Settings
from exporter.dsn_source import DsnSource, discovered
from exporter.errors import ConfigError
from exporter.insight.autoscale import Policy
from exporter.logs import Redactor
from exporter.parts.surroundings import dag_filter
from exporter.rows.book import ClaimBook
from exporter.rows.rules import Rules
from exporter.rows.settlement import Limits
from exporter.telemetry.store import Store


def dsn_source(settings: Settings, environ: Mapping[str, str], redactor: Redactor) -> DsnSource:
    """Find the database's address, and have it parsed once so that a bad one stops the start."""
    source = discovered(
        environ,
        dsn_file=settings.dsn_file,
        airflow_home=settings.airflow_home,
        allow_command=settings.allow_dsn_command,
        on_secrets=redactor.add,
    )
    source.dsn()
    return source


def airflow_collector(
    options: Options,
    source: DsnSource,
    store: Store,
    clock: Clock,
    book: ClaimBook,
    *,
    policy: Policy | None,
) -> AirflowCollector:
    """Build the Airflow collector; SQLAlchemy is loaded here, for those who use it."""
    database = Database(source.dsn, options.timeout_seconds)
    entries = store.checkpoint(AirflowCollector.name)
    scaling = None if policy is None else Scaling(policy)
    return AirflowCollector(database, options, entries, clock, Rows(book, clock), scaling=scaling)


def airflow_options(settings: Settings, rules: Rules) -> Options:
    """Return the settings that the Airflow collector goes by."""
    return Options(
        schema_name=settings.airflow_schema,
        timeout_seconds=settings.airflow_timeout,
        overlap_seconds=settings.overlap,
        facts_interval_seconds=settings.airflow_facts_interval,
        heartbeat_timeout_seconds=settings.heartbeat_timeout,
        default_queue=settings.default_queue,
        dags=dag_filter(settings),
        team=settings.team,
        rules=rules,
        row_limits=Limits(grace_seconds=settings.rows_grace),
        xcom=settings.rows_xcom,
    )


def scaling_policy(settings: Settings) -> Policy | None:
    """Return how workers are asked for, None if nobody wants to know; raise ConfigError."""
    if not settings.scaling:
        return None
    least, most = settings.scaling_min_workers, settings.scaling_max_workers
    if most is not None and most < least:
        message = f"--scaling.max-workers: {most} is less than --scaling.min-workers, {least}"
        raise ConfigError(message)
    return Policy(
        concurrency=settings.scaling_concurrency,
        min_workers=least,
        max_workers=most,
        drain_seconds=settings.scaling_drain_target,
        boot_seconds=settings.scaling_boot_time,
        parallelism=settings.scaling_parallelism,
    )
