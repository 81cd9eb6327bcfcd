"""The command `demo`."""

from __future__ import annotations

import os
import shutil
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from exporter import config, logs
from exporter.dsn_source import OWN_VARIABLE, DsnFile, DsnSource, read_from
from exporter.errors import ConfigError
from exporter.flags import loaded, refuse, settings_options
from exporter.logs import Redactor


@click.command()
@click.option("--demo.path", "demo_path", metavar="DIRECTORY", help="Keep the demo's files there.")
@click.option(
    "--demo.dsn-file", "demo_dsn_file", metavar="FILE",
    help="File with the address of a PostgreSQL database, empty at first, to write to.",
)  # fmt: skip
@settings_options(*config.options())
def demo(demo_path: str | None, demo_dsn_file: str | None, **given: Any) -> None:  # noqa: ANN401 - one argument an option
    """Serve on an embedded Airflow database with real task processes and a live workload."""
    from exporter.app import App  # noqa: PLC0415 - `--help` must not wait for it
    from exporter.check.needless import warn  # noqa: PLC0415
    from exporter.demo import pushes  # noqa: PLC0415
    from exporter.demo.installation import Demo  # noqa: PLC0415
    from exporter.demo.workload import dbt_path  # noqa: PLC0415

    redactor = Redactor()
    kept = Path(demo_path).absolute() if demo_path else None
    directory = kept or Path(tempfile.mkdtemp(prefix="airflow-perf-exporter-demo-"))
    try:
        settings = _settings(
            given, dbt_path=str(dbt_path(directory)), intake_address=(pushes.free_address(),)
        )
        logs.configure(settings.log_level, settings.log_format, redactor)
        logs.catch_unhandled()
        _make_directory(directory)
        intake = settings.intake_address[0] if settings.enable_intake else None
        workload = Demo(
            directory,
            intake=intake,
            token_file=settings.intake_token_file,
            source=_source(demo_dsn_file, redactor),
        )
        workload.start()
        try:
            environ = {**os.environ, OWN_VARIABLE: workload.dsn}
            settings = replace(settings, dsn_file=None)
            warn(settings, environ, redactor)
            App(settings, environ, redactor).run()
        finally:
            workload.stop(1.0)
    except ConfigError as error:
        refuse(error, redactor)
    finally:
        if kept is None:
            shutil.rmtree(directory, ignore_errors=True)


def _source(path: str | None, redactor: Redactor) -> DsnSource | None:
    return read_from(DsnFile(path, "--demo.dsn-file"), redactor.add) if path else None


def _make_directory(directory: Path) -> None:
    try:
        directory.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        message = f"--demo.path {directory}: {error.strerror}"
        raise ConfigError(message) from None


def _settings(given: dict[str, Any], **places: Any) -> config.Settings:  # noqa: ANN401 - options
    """Return the settings with what suits a demo, such as its places, where the user said none."""
    suited = {
        "hold": "2s",
        "rows_grace": "2s",
        "dbt_interval": "1s",
        "enable_intake": True,
        "airflow_interval": "1s",
        "airflow_facts_interval": "5s",
        "listen_address": ("127.0.0.1:10112",),
        **places,
    }
    chosen = {name: value for name, value in given.items() if value not in (None, ())}
    for name, option in config.options().items():
        if name in suited and os.environ.get(option.variable):
            suited.pop(name)
    return loaded({**given, **suited, **chosen})
