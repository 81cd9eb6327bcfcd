"""The commands below `autoscale`."""

from __future__ import annotations

import os
from datetime import timedelta
from pathlib import Path
from typing import Any

import click

from exporter.errors import ExporterError
from exporter.flags import loaded, period, put, refuse, settings_options
from exporter.logs import Redactor


@click.group()
def autoscale() -> None:
    """Compare ways to scale the workers."""


@autoscale.command()
@click.option(
    "--since", metavar="DURATION", default="7d", show_default=True, callback=period,
    help="The time up to now that is replayed.",
)  # fmt: skip
@click.option(
    "--learn", metavar="DURATION", default="28d", show_default=True, callback=period,
    help="The time before it that the look-ahead learns from.",
)  # fmt: skip
@click.option("--format", "form", type=click.Choice(["text", "json", "svg"]), default="text")
@click.option("--output", metavar="FILE", type=Path, help="Write there instead of printing.")
@click.option(
    "--timeout", metavar="SECONDS", type=click.IntRange(1, 3600), default=60, show_default=True,
    help="How long one page of the database may take.",
)  # fmt: skip
@settings_options(
    "config_file", "dsn_file", "allow_dsn_command", "airflow_schema", "airflow_home",
    "scaling_concurrency", "scaling_min_workers", "scaling_max_workers", "scaling_drain_target",
    "scaling_boot_time", "scaling_parallelism",
)  # fmt: skip
def replay(
    *,
    since: timedelta,
    learn: timedelta,
    form: str,
    output: Path | None,
    timeout: int,
    **given: Any,  # noqa: ANN401 - one argument an option
) -> None:
    """Replay past load: worker-hours and waits of the guide's, the chart's and our way to scale."""
    from exporter.replay import forms, making  # noqa: PLC0415 - `--help` must not wait for it

    redactor = Redactor()
    try:
        request = making.Request(since, learn, timeout)
        found = making.made(loaded(given), os.environ, redactor, request)
        write = {"json": forms.as_json, "svg": forms.svg}.get(form, forms.text)
        put(write(found), output)
    except ExporterError as error:
        refuse(error, redactor)
