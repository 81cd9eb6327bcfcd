"""Options that say how it becomes known how much data tries wrote."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from exporter.config.option import duration, on_or_off, option
from exporter.values import seconds


@dataclass(frozen=True)
class RowsSettings:
    """How it becomes known how much data tries wrote."""

    rows_file: Path | None = option(
        "--rows.file", None,
        "YAML file of the pipelines and stages that tasks belong to, and of what fields of their "
        "XCom are called.",
        Path, "FILE",
    )  # fmt: skip
    rows_grace: float = duration(
        "--rows.grace", 10.0,
        "How long a finished try waits for somebody to tell how much data it wrote.", seconds,
    )  # fmt: skip
    rows_xcom: bool = on_or_off(
        "--rows.xcom", True, "Read from XCom how much data tries wrote, where that is granted."
    )
    dbt_path: Path | None = option(
        "--dbt.path", None,
        "Directory below which dbt leaves its run_results.json: each is read once, for the rows "
        "that it tells.",
        Path, "DIRECTORY",
    )  # fmt: skip
    dbt_interval: float = duration(
        "--dbt.interval", 10.0, "How often that directory is looked through."
    )
