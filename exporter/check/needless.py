"""What is given and changes nothing: told at the start and by `check`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import structlog

from exporter.config import Settings, options, unknown_variables
from exporter.dsn import Dsn
from exporter.logs import Redactor

_OF_AN_ADDRESS = {
    "pods_url": ("pods_token_file", "pods_ca_file", "pods_node"),
    "forward_url": ("forward_token_file", "forward_ca_file"),
}
"""By the setting that names whom to ask, those that only say how."""


def warn(settings: Settings, environ: Mapping[str, str], redactor: Redactor) -> None:
    """Log what is given and changes nothing; raise ConfigError."""
    for text in without_effect(settings, environ, redactor):
        structlog.get_logger("exporter.check").warning("config.without_effect", reason=text)


def without_effect(
    settings: Settings, environ: Mapping[str, str], redactor: Redactor
) -> Iterator[str]:
    """Yield a sentence for each thing that is given and changes nothing; raises ConfigError."""
    yield from unknown_variables(environ)
    yield from alone(settings)
    # Looking for the database may run a program: not without need.
    if settings.airflow and settings.airflow_schema:
        from exporter.parts.airflow import dsn_source  # noqa: PLC0415 - loads SQLAlchemy

        yield from needless(settings, dsn_source(settings, environ, redactor).dsn())


def alone(settings: Settings) -> Iterator[str]:
    """Yield a sentence for each setting about an address that is not given."""
    declared = options()
    for address, others in _OF_AN_ADDRESS.items():
        if getattr(settings, address) is None:
            for name in others:
                if getattr(settings, name) is not None:
                    flag = declared[name].flag
                    yield f"{flag}: has no effect without {declared[address].flag}"


def needless(settings: Settings, dsn: Dsn) -> Iterator[str]:
    """Yield a sentence for each setting that changes nothing for this kind of database."""
    if settings.airflow_schema and dsn.backend == "sqlite":
        yield f"{settings.airflow_schema.origin}: has no effect, SQLite knows no schemas"
