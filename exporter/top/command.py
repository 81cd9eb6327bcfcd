"""The command `top`."""

from __future__ import annotations

import sys
from contextlib import closing
from math import isnan
from pathlib import Path
from typing import Any

import click

from exporter.errors import ConfigError, ExporterError
from exporter.flags import access_options, loaded, put, refuse, settings_options
from exporter.logs import Redactor
from exporter.running.tries import ORDERS

SHORTEST_SECONDS = 0.2


def _number(_context: click.Context, parameter: click.Parameter, value: float) -> float:
    """Refuse "nan", which is in every range and ends no wait."""
    if isnan(value):
        message = "'nan' is no number of seconds"
        raise click.BadParameter(message, param=parameter)
    return value


@click.command()
@click.option("--url", metavar="URL", help="A running exporter, such as http://worker:10112.")
@access_options(10, "How long it may take to answer.")
@click.option(
    "--sort", "order", type=click.Choice([*ORDERS]), default="cpu", show_default=True,
    help="What the table is sorted by.",
)  # fmt: skip
@click.option(
    "--interval", metavar="SECONDS", type=click.FloatRange(SHORTEST_SECONDS, 3600), default=2,
    show_default=True, callback=_number, help="How often it is read.",
)  # fmt: skip
@click.option("--once", is_flag=True, help="Print the table once, nothing cut.")
@settings_options(
    "config_file", "procfs", "log_pattern", "read_environ", "task_users", "dag_include",
    "dag_exclude",
)  # fmt: skip
def top(
    *,
    url: str | None,
    token_file: Path | None,
    ca_file: Path | None,
    timeout: int,
    order: str,
    interval: float,
    once: bool,
    **given: Any,  # noqa: ANN401 - one argument an option
) -> None:
    """Show the tries that run here, or where an exporter runs: CPU, memory, age."""
    from exporter.client import Access  # noqa: PLC0415 - `--help` must not wait for it
    from exporter.top import live  # noqa: PLC0415
    from exporter.top.source import Here, There  # noqa: PLC0415

    try:
        settings = loaded(given)
        if url is None and (token_file or ca_file):
            message = "--token-file and --ca-file are for --url"
            raise ConfigError(message)
        source = There(url, Access(token_file, ca_file, timeout)) if url else Here(settings)
        if once:
            with closing(source):
                put(live.block(source(), order))
        elif sys.stdin.isatty() and sys.stdout.isatty():
            live.on_terminal(source, order, interval, sys.stdin.fileno(), sys.stdout)
        else:
            live.as_lines(source, order, interval, sys.stdout)
    except ExporterError as error:
        refuse(error, Redactor())
