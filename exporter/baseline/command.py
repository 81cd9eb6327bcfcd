"""The command `baseline`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click

from exporter.errors import ExporterError
from exporter.flags import access_options, loaded, put, refuse, settings_options
from exporter.logs import Redactor


@click.command()
@click.option("--url", metavar="URL", help="A live exporter's metrics: one scrape of them.")
@click.option("--prometheus", metavar="URL", help="A Prometheus server: a query a baseline.")
@click.option("--actuals", metavar="FILE", type=Path, help="A JSON file.")
@click.option("--airflow", metavar="NAME", help="Which installation Prometheus is asked for.")
@access_options(30, "How long all answers together may take.")
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text")
@click.option("--strict", is_flag=True, help="Exit 3 when none is missed and one is unknown.")
@settings_options("config_file", "baselines_file", "metric_prefix")
def baseline(
    *,
    url: str | None,
    prometheus: str | None,
    actuals: Path | None,
    airflow: str | None,
    token_file: Path | None,
    ca_file: Path | None,
    timeout: int,
    form: str,
    strict: bool,
    **given: Any,  # noqa: ANN401 - one argument an option
) -> None:
    """Judge baselines by what one source tells; exit 0, 1 when one is missed, 2 on errors."""
    from exporter.baseline import report, sources  # noqa: PLC0415 - `--help` must not wait for it
    from exporter.client import Access  # noqa: PLC0415
    from exporter.insight.baselines.baseline import judged  # noqa: PLC0415
    from exporter.insight.baselines.file import baselines  # noqa: PLC0415
    from exporter.insight.baselines.queries import Series  # noqa: PLC0415

    try:
        settings = loaded(given)
        found = baselines(settings.baselines_file)
        series = Series(settings.metric_prefix, airflow)
        access = Access(token_file, ca_file, timeout)
        source = sources.Source(url, prometheus, actuals, series, access)
        judgements = judged(found, sources.actuals(source, found))
        put(report.as_json(judgements) if form == "json" else report.text(judgements))
    except ExporterError as error:
        refuse(error, Redactor())
    sys.exit(report.exit_status(judgements, strict=strict))
