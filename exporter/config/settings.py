"""Every option declared once, with its default."""

from __future__ import annotations

import re
from dataclasses import MISSING, Field, dataclass, fields
from pathlib import Path
from typing import Any

from exporter import catalogue
from exporter.config.option import Option, duration, on_or_off, option
from exporter.dsn import DsnFile
from exporter.logs import FORMATS, LEVELS
from exporter.values import Given, count, free_path, one_of, pattern, seconds


def existing_family(text: str) -> str:
    """Read the name of a metric family that the catalogue declares."""
    if text not in catalogue.BY_NAME:
        message = "the name of an exported metric family"
        raise ValueError(message)
    return text


@dataclass(frozen=True, slots=True)
class Settings:
    """Every setting of the daemon, with its default."""

    config_file: Path | None = option(
        "--config.file", None, "YAML file with the same keys as the flags, nested.", Path, "FILE"
    )
    state_path: Path | None = option(
        "--state.path",
        None,
        "Directory of the ledger: with it, totals survive a restart and downtime is caught up. "
        "Without it, counters start at zero from now.",
        Path,
        "DIRECTORY",
    )
    log_level: str = option(
        "--log.level", "info", f"Least severe level that is logged ({', '.join(LEVELS)}).",
        one_of(*LEVELS), "LEVEL",
    )  # fmt: skip
    log_format: str | None = option(
        "--log.format", None,
        f"Form of the log ({', '.join(FORMATS)}); console on a terminal, else json.",
        one_of(*FORMATS), "FORMAT",
    )  # fmt: skip
    listen_address: tuple[str, ...] = option(
        "--web.listen-address", (":10112",), "Address to serve on; may be given several times.",
        Given, "ADDRESS", repeatable=True, keeps_origin=True,
    )  # fmt: skip
    telemetry_path: str = option(
        "--web.telemetry-path", "/metrics", "Path under which metrics are served.", free_path,
        "PATH",
    )  # fmt: skip
    max_requests: int = option(
        "--web.max-requests", 40, "Most requests answered at a time; above, 503. 0 is no limit.",
        count, "NUMBER",
    )  # fmt: skip
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
        "--airflow.default-queue", "default", "Queue that is always exposed.", str, "NAME"
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
    disabled: tuple[str, ...] = option(
        "--metrics.disable", (), "Metric family that is not exposed; may be given several times.",
        existing_family, "FAMILY", repeatable=True,
    )  # fmt: skip
    hold: float = duration(
        "--series.hold", 60.0,
        "How long a new series is published at 0 before it counts, so that increase() sees it.",
        seconds,
    )  # fmt: skip
    idle_expiry: float = duration(
        "--series.idle-expiry", 7 * 86400.0, "How long an idle counter or histogram stays."
    )
    max_histogram_children: int = option(
        "--series.max-histogram-children", 10_000, "Most label sets of one histogram.", count,
        "NUMBER",
    )  # fmt: skip
    max_per_family: int = option(
        "--series.max-per-family", 50_000, "Most label sets of any other family.", count, "NUMBER"
    )


def options() -> dict[str, Option]:
    """Return every option by the name of its field."""
    return {each.name: each.metadata["option"] for each in fields(Settings)}


def default(name: str) -> Any:  # noqa: ANN401 - each field has its own type
    """Return the default of a field."""
    found: Field[Any] = next(each for each in fields(Settings) if each.name == name)
    return None if found.default is MISSING else found.default


def shown(value: object) -> str:
    """Return a default as a user would write it; empty for nothing."""
    if value is None or value == ():
        return ""
    if isinstance(value, tuple):
        return ", ".join(value)
    if isinstance(value, bool):
        return "on" if value else "off"
    return f"{value:g}s" if isinstance(value, float) else str(value)
