"""The `check` command: every prerequisite tried once, one finding a line, with its fix."""

from __future__ import annotations

from exporter.check.findings import findings, without_effect

__all__ = ["findings", "without_effect"]
