"""The exporters that run beside a real Airflow: one with its database, and one without."""

from __future__ import annotations

from pathlib import Path

from tests.support.exporter import ExporterProcess


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
