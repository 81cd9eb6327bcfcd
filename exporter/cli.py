"""The command line: `serve`, `check`, and the commands of other packages; no logic."""

from __future__ import annotations

import os
import re
import signal
import sys
from typing import Any, Final

import click

from exporter import __version__, config, logs
from exporter.baseline.command import baseline
from exporter.bundle.command import bundle
from exporter.demo.command import demo
from exporter.errors import ConfigError
from exporter.flags import PROGRAM, loaded, refuse, settings_options
from exporter.logs import Redactor
from exporter.replay.command import autoscale
from exporter.report.command import report
from exporter.top.command import top

_ADDRESS_WITH_PASSWORD: Final = re.compile(r":/+[^@]*:[^@]*@|password=")
_every_setting = settings_options(*config.options())


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
    from exporter.check.needless import warn  # noqa: PLC0415

    redactor = Redactor()
    try:
        settings = loaded(given)
        logs.configure(settings.log_level, settings.log_format, redactor)
        logs.catch_unhandled()
        warn(settings, os.environ, redactor)
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


main.add_command(demo)
main.add_command(baseline)
main.add_command(bundle)
main.add_command(report)
main.add_command(autoscale)
main.add_command(top)
