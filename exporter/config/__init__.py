"""The configuration: every option declared once, and where its value comes from."""

from __future__ import annotations

from exporter.config.loading import loaded, unknown_variables
from exporter.config.option import ENVIRONMENT_PREFIX, Option
from exporter.config.settings import Settings, default, options, shown

__all__ = [
    "ENVIRONMENT_PREFIX", "Option", "Settings", "default", "loaded", "options", "shown",
    "unknown_variables",
]  # fmt: skip
