"""The Airflow collector, with SQLAlchemy and psycopg."""

from __future__ import annotations

from collections.abc import Mapping

from exporter.clock import Clock
from exporter.collectors.airflow.collector import AirflowCollector
from exporter.collectors.airflow.engine import Database
from exporter.collectors.airflow.options import Options
from exporter.collectors.airflow.rows import Rows
from exporter.config import Settings
from exporter.dsn import DsnSource, discovered
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
    options: Options, source: DsnSource, store: Store, clock: Clock, book: ClaimBook
) -> AirflowCollector:
    """Build the Airflow collector; SQLAlchemy is loaded here, for those who use it."""
    database = Database(source.dsn, options.timeout_seconds)
    entries = store.checkpoint(AirflowCollector.name)
    return AirflowCollector(database, options, entries, clock, Rows(book, clock))


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
