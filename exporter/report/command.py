"""The command `report`."""

from __future__ import annotations

import os
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

import click

from exporter.errors import ConfigError, ExporterError
from exporter.flags import access_options, loaded, period, put, refuse, settings_options
from exporter.insight.performance.kind import Kind
from exporter.logs import Redactor


@click.command()
@click.option(
    "--since", metavar="DURATION", default="7d", show_default=True, callback=period,
    help="The time up to now that is told of.",
)  # fmt: skip
@click.option(
    "--compare", metavar="DURATION", default="28d", show_default=True, callback=period,
    help="The time before it that it is compared with.",
)  # fmt: skip
@click.option("--format", "form", type=click.Choice(["text", "json", "html"]), default="text")
@click.option("--output", metavar="FILE", type=Path, help="Write there instead of printing.")
@click.option("--top", type=click.IntRange(1, 10_000), default=15, help="Most rows in a table.")
@click.option(
    "--fail-on", multiple=True, type=click.Choice([*(each.value for each in Kind), "any"]),
    help="Exit 1 when there is such a finding; may be given several times.",
)  # fmt: skip
@click.option("--prometheus", metavar="URL", help="A Prometheus server: baselines, memory, rows.")
@click.option("--airflow", metavar="NAME", help="Which installation Prometheus is asked for.")
@access_options(60, "How long one page of the database, and all answers of Prometheus, may take.")
@settings_options(
    "config_file", "dsn_file", "allow_dsn_command", "airflow_schema", "airflow_home",
    "dag_include", "dag_exclude", "baselines_file", "metric_prefix",
)  # fmt: skip
def report(
    *,
    since: timedelta,
    compare: timedelta,
    form: str,
    output: Path | None,
    top: int,
    fail_on: tuple[str, ...],
    prometheus: str | None,
    airflow: str | None,
    token_file: Path | None,
    ca_file: Path | None,
    timeout: int,
    **given: Any,  # noqa: ANN401 - one argument an option
) -> None:
    """Tell what is slow, got slower, waits and wastes; exit 0, 1 as --fail-on says, 2 on errors."""
    from exporter.client import Access  # noqa: PLC0415 - `--help` must not wait for it
    from exporter.report import making  # noqa: PLC0415

    redactor = Redactor()
    try:
        if prometheus is None and (airflow or token_file or ca_file):
            message = "--airflow, --token-file and --ca-file are for --prometheus"
            raise ConfigError(message)
        settings = loaded(given)
        asked = making.Prometheus(prometheus, airflow, Access(token_file, ca_file, timeout))
        wanted = making.Request(since, compare, top, timeout, asked)
        found = making.made(settings, os.environ, redactor, wanted)
        put(making.formed(found, form), output)
        sys.exit(making.exit_status(found, fail_on))
    except ExporterError as error:
        refuse(error, redactor)
