"""Every option, subject after subject."""

from __future__ import annotations

from dataclasses import MISSING, Field, dataclass, fields
from typing import Any

from exporter.config.option import Option
from exporter.config.subjects.airflow import AirflowSettings
from exporter.config.subjects.containers import ContainerSettings
from exporter.config.subjects.process import ProcessSettings
from exporter.config.subjects.rows import RowsSettings
from exporter.config.subjects.scaling import ScalingSettings
from exporter.config.subjects.series import SeriesSettings
from exporter.config.subjects.tasks import TaskSettings
from exporter.config.subjects.web import WebSettings


@dataclass(frozen=True)
class Settings(
    SeriesSettings,
    TaskSettings,
    ContainerSettings,
    ScalingSettings,
    RowsSettings,
    AirflowSettings,
    WebSettings,
    ProcessSettings,
):
    """Every setting of the daemon, with its default; a dataclass's last base comes first."""


def options() -> dict[str, Option]:
    """Return every option by the name of its field."""
    return {each.name: each.metadata["option"] for each in fields(Settings)}


def default(name: str) -> Any:  # noqa: ANN401 - each field has its own type
    """Return the default of a field."""
    found: Field[Any] = next(each for each in fields(Settings) if each.name == name)
    return None if found.default is MISSING else found.default


def shown(value: object) -> str:
    """Return a default as a user would write it; empty for nothing."""
    if value is None or value == ():
        return ""
    if isinstance(value, tuple):
        return ", ".join(value)
    if isinstance(value, bool):
        return "on" if value else "off"
    return f"{value:g}s" if isinstance(value, float) else str(value)
