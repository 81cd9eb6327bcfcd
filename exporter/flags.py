"""Settings as options of commands: offered, loaded, and refused with one sentence."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from typing import Any, Final, NoReturn, TypeVar

import click

from exporter import config
from exporter.errors import ExporterError
from exporter.logs import Redactor

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
