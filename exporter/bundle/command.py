"""The command `bundle`: prints, writes or checks what is bundled."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final, TypeVar

import click

from exporter.errors import ConfigError
from exporter.flags import loaded, put, refuse, settings_options
from exporter.logs import Redactor

F = TypeVar("F", bound=Callable[..., Any])
_OF_RULES: Final = ("form", "assignments", "labels", "runbook_base", "dashboard_base")


def _write_or_check(command: F) -> F:
    check = click.option(
        "--check", metavar="DIRECTORY", help="Exit 1 when a file there is not up to date."
    )
    write = click.option(
        "--write", metavar="DIRECTORY", help="Write the files there instead of printing."
    )
    return write(check(command))


@click.group()
def bundle() -> None:
    """Print or write what is bundled."""


@bundle.command()
@_write_or_check
def reference(write: str | None, check: str | None) -> None:
    """Print the reference of every metric, option and alert, as Markdown."""
    from exporter.bundle import reference, runbook  # noqa: PLC0415 - `--help` must not wait for it

    _bundled({**reference.pages(), **runbook.pages()}, write, check)


@bundle.command()
@_write_or_check
@click.option(
    "--form", type=click.Choice(["file", "crd"]), default="file", show_default=True,
    help="For Prometheus' rule_files, or a PrometheusRule for its operator.",
)  # fmt: skip
@click.option(
    "--set", "assignments", metavar="NAME=VALUE", multiple=True,
    help="Another value of a threshold; docs/runbook.md has their names. May be repeated.",
)  # fmt: skip
@click.option(
    "--label", "labels", metavar="NAME=VALUE", multiple=True,
    help="A label of the PrometheusRule, such as release=prometheus. May be repeated.",
)  # fmt: skip
@click.option(
    "--runbook-base", metavar="URL", default="docs/runbook.md", show_default=True,
    help="Where alerts say that the runbook is.",
)  # fmt: skip
@click.option(
    "--dashboard-base", metavar="URL", default="",
    help="Where Grafana is, such as https://grafana.example.com.",
)  # fmt: skip
@settings_options("config_file", "baselines_file", "metric_prefix")
def rules(write: str | None, check: str | None, **given: Any) -> None:  # noqa: ANN401 - options
    """Print the recording and alerting rules.

    They judge by a baselines file, and ask for the container_* families under the names that these
    are exposed by. Printed, or as a PrometheusRule, they are one file; written, baselines have a
    file of their own.
    """
    from exporter.bundle import rules  # noqa: PLC0415 - `--help` must not wait for it

    own = {name: given.pop(name) for name in _OF_RULES}
    try:
        own["form"] = rules.Form(own["form"])
        pages = rules.asked(loaded(given), one_file=not (write or check), **own)
    except ConfigError as error:
        refuse(error, Redactor())
    _bundled(pages, write, check, alone=True)


@bundle.command()
@_write_or_check
@click.option(
    "--form", type=click.Choice(["json", "provisioning", "configmap", "crd", "grafana.com"]),
    default="json", show_default=True, help="What they are delivered to.",
)  # fmt: skip
@click.option(
    "--set", "assignments", metavar="NAME=VALUE", multiple=True,
    help="Another value of a threshold that colours go by. May be repeated.",
)  # fmt: skip
@settings_options("config_file", "metric_prefix")
def dashboards(
    write: str | None,
    check: str | None,
    form: str,
    assignments: tuple[str, ...],
    **given: Any,  # noqa: ANN401 - one argument an option
) -> None:
    """Print the Grafana dashboards.

    They ask for the container_* families under the names that these are exposed by. Printed,
    files follow one another; Grafana imports them written, one by one.
    """
    from exporter import catalogue  # noqa: PLC0415 - `--help` must not wait for it
    from exporter.bundle import delivery, thresholds  # noqa: PLC0415
    from exporter.bundle.dashboards import all_dashboards  # noqa: PLC0415

    try:
        names = catalogue.renamed(loaded(given).metric_prefix)
        limits = thresholds.chosen(assignments)
        pages = delivery.pages(all_dashboards(), delivery.Form(form), names, limits)
    except ConfigError as error:
        refuse(error, Redactor())
    _bundled(pages, write, check, alone=True)


@bundle.command()
@_write_or_check
@click.option(
    "--role", metavar="NAME", default="airflow_reader", show_default=True,
    help="The role, made where it is missing.",
)  # fmt: skip
@click.option(
    "--schema", metavar="NAME", default="public", show_default=True,
    help="The schema of Airflow's tables.",
)  # fmt: skip
@click.option(
    "--with", "extras", type=click.Choice(["xcom", "serialized_dag"]), multiple=True,
    help="Grant this as well: rows that tasks return, paths in report. May be repeated.",
)  # fmt: skip
def grants(
    write: str | None, check: str | None, role: str, schema: str, extras: tuple[str, ...]
) -> None:
    """Print the SQL of a role that may read what is read, and nothing else."""
    from exporter.bundle import grants  # noqa: PLC0415 - `--help` must not wait for it

    try:
        text = grants.script(role, schema, [grants.Extra(each) for each in extras])
    except ConfigError as error:
        refuse(error, Redactor())
    _bundled({grants.FILE: text}, write, check, alone=True)


def _bundled(
    pages: Mapping[str, str], write: str | None, check: str | None, *, alone: bool = False
) -> None:
    """Print, write or check; pages that are alone in their folder share it with no others."""
    if check is not None and write is not None:
        message = "--check and --write: give one of them"
        raise click.UsageError(message)
    try:
        if check is not None:
            _check(pages, check, alone=alone)
        elif write is not None:
            _write(pages, write)
        else:
            put("\n".join(pages.values()))
    except ConfigError as error:
        refuse(error, Redactor())


def _check(pages: Mapping[str, str], check: str, *, alone: bool) -> None:
    from exporter.bundle.pages import outdated, strays  # noqa: PLC0415 - as above

    try:
        stale = outdated(pages, Path(check)) + (strays(pages, Path(check)) if alone else [])
    except OSError as error:
        message = f"--check {error.filename or check}: {error.strerror}"
        raise ConfigError(message) from None
    for path in stale:
        click.echo(f"{path} is not up to date: --write {check} makes it so", err=True)
    sys.exit(1 if stale else 0)


def _write(pages: Mapping[str, str], write: str) -> None:
    from exporter.bundle.pages import written  # noqa: PLC0415 - as above

    try:
        changed = written(pages, Path(write))
    except OSError as error:
        message = f"--write {write}: {error.strerror}"
        raise ConfigError(message) from None
    put("".join(f"{path}\n" for path in changed))
