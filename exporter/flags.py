"""Settings as options of commands: offered, loaded, and refused with one sentence."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any, Final, NoReturn, TypeVar

import click

from exporter import config
from exporter.errors import ConfigError, ExporterError
from exporter.logs import Redactor
from exporter.values import past_seconds

F = TypeVar("F", bound=Callable[..., Any])
PROGRAM: Final = "airflow-perf-exporter"


def settings_options(*names: str) -> Callable[[F], F]:
    """Offer these settings; they are also read from variables and the configuration file."""

    def offered(command: F) -> F:
        for name in reversed(names):
            command = _option(name)(command)
        return command

    return offered


def loaded(given: dict[str, Any]) -> config.Settings:
    """Return the settings; raise ConfigError when one makes no sense."""
    flags: dict[str, str | list[str]] = {}
    for name, value in given.items():
        if value is None or value == ():
            continue
        flags[name] = list(value) if isinstance(value, tuple) else str(value)
    return config.loaded(flags, os.environ)


def refuse(error: ExporterError, redactor: Redactor) -> NoReturn:
    """Say what is wrong, and end with status 2."""
    click.echo(f"{PROGRAM}: {redactor.redacted(str(error))}", err=True)
    sys.exit(2)


def period(_context: click.Context, parameter: click.Parameter, text: str) -> timedelta:
    """Read the length of a past time for an option; raise BadParameter."""
    try:
        return timedelta(seconds=past_seconds(text))
    except ValueError as error:
        message = f"{text[:100]!r} is not {error}"
        raise click.BadParameter(message, param=parameter) from None


def put(text: str, output: Path | None = None) -> None:
    """Print a text, or write it where --output says; raise ConfigError."""
    try:
        if output is None:
            click.echo(text, nl=False)
        else:
            output.write_text(text, encoding="utf-8")
    except BrokenPipeError:
        raise  # The reader has seen enough, such as `head`: click ends without a word.
    except OSError as error:
        if output is None:
            _abandon_output()
        where = "the standard output" if output is None else f"--output {output}"
        message = f"{where}: {error.strerror or 'cannot be written'}"
        raise ConfigError(message) from None


def access_options(timeout_seconds: int, timeout_help: str) -> Callable[[F], F]:
    """Offer how a server is asked: what it knows us by, whom we trust there, and for how long."""
    offered = (
        click.option(
            "--token-file", metavar="FILE", type=Path,
            help="Bearer token for the server, or password of a USER@ in its URL.",
        ),
        click.option(
            "--ca-file", metavar="FILE", type=Path, help="Certificates to verify the server with."
        ),
        click.option(
            "--timeout", metavar="SECONDS", type=click.IntRange(1, 3600), default=timeout_seconds,
            show_default=True, help=timeout_help,
        ),
    )  # fmt: skip

    def offer(command: F) -> F:
        for option in reversed(offered):
            command = option(command)
        return command

    return offer


def _abandon_output() -> None:
    """Let what is still buffered go nowhere: Python would try again at its end, with status 120."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)


def _option(name: str) -> Callable[[F], F]:
    option = config.options()[name]
    default = config.shown(config.default(name))
    told = f" Default: {default}." if default else ""
    text = f"{option.help}{told} [{option.variable}]"
    if option.is_switch:
        flags = f"{option.flag}/--no-{option.flag.removeprefix('--')}"
        return click.option(flags, name, default=None, help=text)
    return click.option(
        option.flag, name, metavar=option.metavar, multiple=option.repeatable, help=text
    )
