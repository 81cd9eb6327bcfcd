"""A dashboard: variables, annotations, links and rows of panels, as Grafana's classic model."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import count
from typing import Any, Final

from exporter.bundle import promql
from exporter.bundle.dashboards.panel import DATASOURCE, Panel
from exporter.bundle.dashboards.query import FIRING, of_exporters, series
from exporter.bundle.dashboards.variables import AnyVariable

FOLDER: Final = "Airflow"
TAGS: Final = ("airflow", "airflow-exporter")
COLUMNS: Final = 24
SCHEMA_VERSION: Final = 39
"""Of Grafana 10.4 to 11.2; earlier ones ignore what they do not know, later ones migrate."""
_SHARED_CROSSHAIR: Final = 1


@dataclass(frozen=True, slots=True)
class Row:
    """Panels under a title, from left to right, as many in a line as there is room for."""

    title: str
    panels: tuple[Panel, ...]
    collapsed: bool = False


@dataclass(frozen=True, slots=True)
class Dashboard:
    """One dashboard, under a uid that never changes."""

    uid: str
    title: str
    description: str
    variables: tuple[AnyVariable, ...]
    rows: tuple[Row, ...]

    @property
    def panels(self) -> tuple[Panel, ...]:
        """All panels, those of collapsed rows as well."""
        return tuple(panel for row in self.rows for panel in row.panels)

    def model(self, names: Mapping[str, str], limits: Mapping[str, float]) -> dict[str, Any]:
        """Return what is imported, with the families under these other names.

        `limits` are the values of all thresholds.
        """
        document = {
            "uid": self.uid,
            "title": self.title,
            "description": self.description,
            "tags": list(TAGS),
            "schemaVersion": SCHEMA_VERSION,
            "version": 1,
            "editable": False,
            "graphTooltip": _SHARED_CROSSHAIR,
            "refresh": "1m",
            "time": {"from": "now-6h", "to": "now"},
            "timezone": "browser",
            "timepicker": {},
            "links": [_others()],
            "annotations": {"list": _annotations()},
            "templating": {"list": [each.model() for each in self.variables]},
            "panels": list(self._placed(limits)),
        }
        renamed: dict[str, Any] = _renamed(document, names)
        return renamed

    def _placed(self, limits: Mapping[str, float]) -> Iterator[dict[str, Any]]:
        """Yield the panels at their places, the heads of rows among them."""
        variables = [each.name for each in self.variables]
        numbers = count(1)
        top = 0
        for row in self.rows:
            head = {
                "id": next(numbers),
                "type": "row",
                "title": row.title,
                "collapsed": row.collapsed,
                "gridPos": {"x": 0, "y": top, "w": COLUMNS, "h": 1},
            }
            places = list(_flow(row.panels, top + 1))
            models = [
                panel.model(next(numbers), place, variables, limits)
                for panel, place in zip(row.panels, places, strict=True)
            ]
            yield {**head, "panels": models if row.collapsed else []}
            if not row.collapsed:
                yield from models
            end = max((place["y"] + place["h"] for place in places), default=top + 1)
            top = top + 1 if row.collapsed else end


def _flow(panels: Sequence[Panel], top: int) -> Iterator[dict[str, int]]:
    left = tallest = 0
    for panel in panels:
        if left + panel.width > COLUMNS:
            left, top, tallest = 0, top + tallest, 0
        yield {"x": left, "y": top, "w": panel.width, "h": panel.height}
        left, tallest = left + panel.width, max(tallest, panel.height)


def _others() -> dict[str, Any]:
    return {
        "type": "dashboards",
        "title": FOLDER,
        "tags": [TAGS[-1]],
        "asDropdown": True,
        "includeVars": True,
        "keepTime": True,
        "targetBlank": False,
        "icon": "external link",
        "tooltip": "The other dashboards, with the same variables and time",
        "url": "",
    }


def _annotations() -> list[dict[str, Any]]:
    return [
        _annotation(
            "Firing alerts",
            "red",
            FIRING,
            "{{alertname}}",
        ),
        _annotation(
            "Exporter restarts",
            "blue",
            of_exporters(f"changes({series('process_start_time_seconds')}[5m]) > 0"),
            "{{instance}} started",
        ),
    ]


def _annotation(name: str, colour: str, expr: str, title: str) -> dict[str, Any]:
    return {
        "name": name,
        "datasource": DATASOURCE,
        "enable": True,
        "hide": False,
        "iconColor": colour,
        "expr": expr,
        "titleFormat": title,
    }


def _renamed(value: Any, names: Mapping[str, str]) -> Any:  # noqa: ANN401 - JSON
    """Return the document with every name of a family that stands in a text replaced."""
    if isinstance(value, str):
        return promql.renamed(value, names)
    if isinstance(value, list):
        return [_renamed(each, names) for each in value]
    if isinstance(value, dict):
        return {key: _renamed(each, names) for key, each in value.items()}
    return value
