"""The command line: commands and their options, no logic."""

from __future__ import annotations

import os
import re
import shutil
import signal
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import click
import structlog

from exporter import __version__, config, logs
from exporter.bundle.command import bundle
from exporter.dsn_source import DsnFile, DsnSource, read_from
from exporter.errors import ConfigError, ExporterError
from exporter.flags import PROGRAM, loaded, put, refuse, settings_options
from exporter.logs import Redactor
from exporter.replay.command import autoscale
from exporter.report.command import report
from exporter.top.command import top

_ADDRESS_WITH_PASSWORD: Final = re.compile(r":/+[^@]*:[^@]*@|password=")
_every_setting = settings_options(*config.options())


def _warn(settings: config.Settings, environ: Mapping[str, str], redactor: Redactor) -> None:
    """Log what is given and changes nothing."""
    from exporter.check.needless import without_effect  # noqa: PLC0415 - `--help` must not wait for it

    for text in without_effect(settings, environ, redactor):
        structlog.get_logger("exporter.cli").warning("config.without_effect", reason=text)


class _Group(click.Group):
    """A group that never repeats an address with a password in it, and ends quietly."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if any(_ADDRESS_WITH_PASSWORD.search(each) for each in args):
            ctx.fail(
                "An address with a password does not belong on the command line, where everyone "
                "sees it: use --airflow.dsn-file for the database; a token has a file of its own."
            )
        return super().parse_args(ctx, args)

    def invoke(self, ctx: click.Context) -> object:
        """Run a command; Ctrl-C ends it as shells know it, for 1 means a finding in some."""
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            sys.exit(128 + signal.SIGINT)


@click.group(
    cls=_Group,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(__version__, prog_name=PROGRAM)
def main() -> None:
    """Prometheus exporter for Apache Airflow: every finished try counted exactly once."""


@main.command()
@_every_setting
def serve(**given: Any) -> None:  # noqa: ANN401 - one argument an option
    """Run the daemon: sample, and serve the metrics until SIGTERM."""
    from exporter.app import App  # noqa: PLC0415 - `--help` must not wait for it

    redactor = Redactor()
    try:
        settings = loaded(given)
        logs.configure(settings.log_level, settings.log_format, redactor)
        logs.catch_unhandled()
        _warn(settings, os.environ, redactor)
        App(settings, os.environ, redactor, reload=lambda: loaded(given)).run()
    except ConfigError as error:
        refuse(error, redactor)


@main.command()
@_every_setting
def check(**given: Any) -> None:  # noqa: ANN401 - one argument an option
    """Try what the daemon needs, one line for each; exit 0 when all is well, else 2."""
    from exporter.check.findings import findings  # noqa: PLC0415 - `--help` must not wait for it

    redactor = Redactor()
    try:
        settings = loaded(given)
        logs.configure("error", settings.log_format, redactor, sys.stderr)
        logs.catch_unhandled()
        bad = False
        for finding in findings(settings, os.environ, redactor):
            click.echo(redactor.redacted(str(finding)))
            bad = bad or finding.is_bad
    except ConfigError as error:
        refuse(error, redactor)
    sys.exit(2 if bad else 0)


@main.command()
@click.option("--demo.path", "demo_path", metavar="DIRECTORY", help="Keep the demo's files there.")
@click.option(
    "--demo.dsn-file", "demo_dsn_file", metavar="FILE",
    help="File with the address of a PostgreSQL database, empty at first, to write to.",
)  # fmt: skip
@_every_setting
def demo(demo_path: str | None, demo_dsn_file: str | None, **given: Any) -> None:  # noqa: ANN401 - one argument an option
    """Serve on an embedded Airflow database with real task processes and a live workload."""
    from exporter.app import App  # noqa: PLC0415 - `--help` must not wait for it
    from exporter.demo import pushes  # noqa: PLC0415 - only the demo needs it
    from exporter.demo.workload import Demo, dbt_path  # noqa: PLC0415

    redactor = Redactor()
    kept = Path(demo_path).absolute() if demo_path else None
    directory = kept or Path(tempfile.mkdtemp(prefix="airflow-perf-exporter-demo-"))
    try:
        settings = _demo_settings(
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
            source=_demo_source(demo_dsn_file, redactor),
        )
        workload.start()
        try:
            environ = {**os.environ, "AIRFLOW_PERF_EXPORTER_AIRFLOW_DSN": workload.dsn}
            settings = replace(settings, dsn_file=None)
            _warn(settings, environ, redactor)
            App(settings, environ, redactor).run()
        finally:
            workload.stop(1.0)
    except ConfigError as error:
        refuse(error, redactor)
    finally:
        if kept is None:
            shutil.rmtree(directory, ignore_errors=True)


@main.command()
@click.option("--url", metavar="URL", help="A live exporter's metrics: one scrape of them.")
@click.option("--prometheus", metavar="URL", help="A Prometheus server: a query a baseline.")
@click.option("--actuals", metavar="FILE", type=Path, help="A JSON file.")
@click.option("--airflow", metavar="NAME", help="Which installation Prometheus is asked for.")
@click.option("--token-file", metavar="FILE", type=Path, help="Bearer token for the server.")
@click.option("--ca-file", metavar="FILE", type=Path, help="Certificates to verify it with.")
@click.option(
    "--timeout", metavar="SECONDS", type=click.IntRange(1, 3600), default=30, show_default=True,
    help="How long all answers together may take.",
)  # fmt: skip
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
    from exporter.baseline import client, report, sources  # noqa: PLC0415 - `--help` must not wait for it
    from exporter.insight.baselines.baseline import judged  # noqa: PLC0415
    from exporter.insight.baselines.file import baselines  # noqa: PLC0415
    from exporter.insight.baselines.queries import Series  # noqa: PLC0415

    try:
        settings = loaded(given)
        found = baselines(settings.baselines_file)
        series = Series(settings.metric_prefix, airflow)
        access = client.Access(token_file, ca_file, timeout)
        source = sources.Source(url, prometheus, actuals, series, access)
        judgements = judged(found, sources.actuals(source, found))
        put(report.as_json(judgements) if form == "json" else report.text(judgements))
    except ExporterError as error:
        refuse(error, Redactor())
    sys.exit(report.exit_status(judgements, strict=strict))


def _demo_source(path: str | None, redactor: Redactor) -> DsnSource | None:
    return read_from(DsnFile(path, "--demo.dsn-file"), redactor.add) if path else None


def _make_directory(directory: Path) -> None:
    try:
        directory.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        message = f"--demo.path {directory}: {error.strerror}"
        raise ConfigError(message) from None


def _demo_settings(given: dict[str, Any], **places: Any) -> config.Settings:  # noqa: ANN401 - options
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


main.add_command(bundle)
main.add_command(report)
main.add_command(autoscale)
main.add_command(top)
