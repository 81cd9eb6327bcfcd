"""What runs beside a real Airflow: an exporter with its database, one without, the report."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.support.exporter import ROOT, ExporterProcess

PARALLELISM = "8"
"""Of each scheduler."""


def with_database(directory: Path, dsn: str) -> ExporterProcess:
    """Start an exporter that samples the metadata database as well."""
    dsn_file = directory / "dsn"
    dsn_file.write_text(dsn)
    arguments = {
        "--airflow.dsn-file": dsn_file,
        "--collector.airflow.interval": "1s",
        "--collector.airflow.facts-interval": "2s",
        "--series.hold": "1s",
        "--state.path": directory / "state",
    }
    (directory / "state").mkdir()
    return ExporterProcess(directory, *(str(part) for pair in arguments.items() for part in pair))


def alone(directory: Path) -> ExporterProcess:
    """Start an exporter that has nothing but the processes of this host."""
    arguments = ("--no-collector.airflow", "--no-collector.containers", "--series.hold", "0s")
    return ExporterProcess(directory, *arguments)


def reported(dsn: str) -> dict[str, Any]:
    """Return what the command `report` says, as JSON."""
    done = subprocess.run(
        [sys.executable, "-m", "exporter", "report", "--format", "json", "--top", "1000"],
        env={
            "PATH": "/usr/bin:/bin",
            "PYTHONPATH": str(ROOT),
            "AIRFLOW_PERF_EXPORTER_AIRFLOW_DSN": dsn,
            "AIRFLOW__CORE__PARALLELISM": PARALLELISM,
        },
        stdout=subprocess.PIPE,
        check=True,
    )
    found: dict[str, Any] = json.loads(done.stdout)
    return found
