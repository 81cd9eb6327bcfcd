"""The Grafana dashboards, as data; functions that return rows are as long as the rows are."""

from __future__ import annotations

from exporter.bundle.dashboards import dag, data, health, overview, workers
from exporter.bundle.dashboards.dashboard import Dashboard


def all_dashboards() -> tuple[Dashboard, ...]:
    """Return the five: from the whole to its parts, and whether to believe it."""
    return tuple(each.dashboard() for each in (overview, dag, workers, data, health))
