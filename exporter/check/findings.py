"""The `check` command: every prerequisite tried once, one finding a line, with its fix."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from exporter import catalogue
from exporter.check.finding import Finding
from exporter.check.host import host_findings
from exporter.check.needless import alone, needless
from exporter.check.state import state_finding
from exporter.check.web import web_findings
from exporter.clock import Clock
from exporter.collectors.dbt.files import walked
from exporter.config import Settings, unknown_variables
from exporter.errors import SourceUnavailableError
from exporter.insight.baselines.file import baselines
from exporter.logs import Redactor
from exporter.parts.rows import rules
from exporter.telemetry.ledger import Ledger
from exporter.telemetry.limits import Limits
from exporter.telemetry.store import Store


def findings(
    settings: Settings, environ: Mapping[str, str], redactor: Redactor
) -> Iterator[Finding]:
    """Try everything that the daemon needs; raise ConfigError for settings that cannot be used."""
    clock = Clock()
    # A store without a ledger: what is tried here must not be counted anywhere.
    store = Store(catalogue.FAMILIES, Limits(), Ledger(None, clock), clock)
    yield Finding("configuration", is_bad=False, text=str(settings.config_file or "flags only"))
    yield from _warnings([*unknown_variables(environ), *alone(settings)])
    known = len(baselines(settings.baselines_file))
    origin = settings.baselines_file or "the shipped file"
    yield Finding("baselines", is_bad=False, text=f"{known} in {origin}")
    yield from _rows(settings)
    yield from web_findings(settings, clock)
    yield state_finding(settings.state_path)
    if settings.enable_intake:
        from exporter.check.intake import intake_findings  # noqa: PLC0415 - loads msgspec

        yield from intake_findings(settings, redactor)
    if settings.forward_url is not None:
        from exporter.check.forward import forward_finding  # noqa: PLC0415 - for those who use it

        yield forward_finding(settings, settings.forward_url)
    if settings.airflow:
        from exporter.check.airflow import airflow_findings  # noqa: PLC0415 - loads SQLAlchemy
        from exporter.parts.airflow import dsn_source, scaling_policy  # noqa: PLC0415

        scaling_policy(settings)
        source = dsn_source(settings, environ, redactor)
        dsn = source.dsn()
        yield Finding("database address", is_bad=False, text=f"{dsn.redacted} from {source.origin}")
        yield from _warnings(needless(settings, dsn))
        yield from airflow_findings(settings, source, store, clock)
    yield from host_findings(settings, environ, store, clock)


def _warnings(texts: Iterable[str]) -> Iterator[Finding]:
    for text in texts:
        yield Finding("configuration", is_bad=False, text=text, is_warning=True)


def _rows(settings: Settings) -> Iterator[Finding]:
    if settings.rows_file is not None:
        rules(settings)
        yield Finding("rows", is_bad=False, text=f"the rules of {settings.rows_file} can be used")
    if (directory := settings.dbt_path) is None:
        return
    try:
        found = walked(directory)
    except SourceUnavailableError as error:
        yield Finding("dbt", is_bad=True, text=str(error), fix="make the directory readable")
    else:
        text = found.trouble or f"{len(found.files)} run_results.json below {directory}"
        fix = "remove old target directories, or watch fewer" if found.trouble else ""
        yield Finding("dbt", is_bad=found.trouble is not None, text=text, fix=fix)
