"""Options that say how Airflow's metadata database is found and read."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from exporter.config.option import duration, on_or_off, option
from exporter.dsn_source import DsnFile
from exporter.values import Given, pattern


@dataclass(frozen=True)
class AirflowSettings:
    """How Airflow's metadata database is found and read."""

    airflow: bool = on_or_off("--collector.airflow", True, "Sample the Airflow metadata database.")
    airflow_interval: float = duration(
        "--collector.airflow.interval", 5.0, "How often the database is sampled."
    )
    airflow_timeout: float = duration(
        "--collector.airflow.timeout", 5.0, "How long one sample of the database may take."
    )
    airflow_facts_interval: float = duration(
        "--collector.airflow.facts-interval", 60.0,
        "How often facts that change slowly are read (DAGs, tags, pools, components).",
    )  # fmt: skip
    dsn_file: DsnFile | None = option(
        "--airflow.dsn-file", None,
        "File with the database's address; read again on each reconnect.", DsnFile, "FILE",
        keeps_origin=True,
    )  # fmt: skip
    allow_dsn_command: bool = on_or_off(
        "--airflow.allow-dsn-command", False,
        "Run the program that AIRFLOW__DATABASE__SQL_ALCHEMY_CONN_CMD, or sql_alchemy_conn_cmd in "
        "airflow.cfg, names.",
    )  # fmt: skip
    airflow_schema: Given | None = option(
        "--airflow.schema", None, "PostgreSQL schema of Airflow's tables.", Given, "NAME",
        keeps_origin=True,
    )  # fmt: skip
    airflow_home: Path | None = option(
        "--airflow.home", None, "Airflow's home, to find airflow.cfg and airflow.db.", Path,
        "DIRECTORY",
    )  # fmt: skip
    overlap: float = duration(
        "--airflow.overlap", 120.0,
        "How much of the past each sample reads again: commits and clocks may be this late.",
    )  # fmt: skip
    heartbeat_timeout: float = duration(
        "--airflow.heartbeat-timeout", 300.0,
        "Age from which a running try's heartbeat is stale, as Airflow is configured.",
    )  # fmt: skip
    default_queue: str = option(
        "--airflow.default-queue",
        "default",
        "Queue that is always exposed; what has no queue is in it.",
        str,
        "NAME",
    )
    dag_include: re.Pattern[str] | None = option(
        "--airflow.dag-include", None, "Only DAGs whose whole id matches are exposed by DAG.",
        pattern, "REGEX",
    )  # fmt: skip
    dag_exclude: re.Pattern[str] | None = option(
        "--airflow.dag-exclude", None, "DAGs whose whole id matches are not exposed by DAG.",
        pattern, "REGEX",
    )  # fmt: skip
    team: re.Pattern[str] | None = option(
        "--airflow.team-regex", None,
        "Finds the team in a DAG's owners, then its tags: the first group, or the whole match.",
        pattern, "REGEX",
    )  # fmt: skip
