"""One panel: what it asks and how it looks, as Grafana's classic model has it."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from exporter.bundle.dashboards.links import Link
from exporter.bundle.dashboards.query import Query
from exporter.bundle.dashboards.steps import GREEN, Limit, Steps

DATASOURCE: Final = {"type": "prometheus", "uid": "${datasource}"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Panel:
    """What all kinds of panels have; a panel is `width` of 24 columns wide."""

    title: str
    description: str
    unit: str
    queries: tuple[Query, ...]
    width: int = 8
    height: int = 8
    steps: Steps = ()
    """From which value on which colour: where somebody should look, or act."""
    base: str = GREEN
    """The colour below the first step."""
    low: float | None = 0
    high: float | None = None
    decimals: int | None = None
    links: tuple[Link, ...] = ()
    guide: bool = False
    """Whether the query is as the performance guide has it, variables and all."""

    def model(
        self,
        number: int,
        place: Mapping[str, int],
        variables: Collection[str],
        limits: Mapping[str, float],
    ) -> dict[str, Any]:
        """Return the panel with its number, at its place; links keep the variables.

        `limits` are the values of all thresholds.
        """
        return {
            "id": number,
            "type": self.type,
            "title": self.title,
            "description": self.description,
            "datasource": DATASOURCE,
            "gridPos": dict(place),
            "targets": [
                self._target(query, chr(ord("A") + index))
                for index, query in enumerate(self.queries)
            ],
            "fieldConfig": {
                "defaults": {
                    **self._defaults(limits),
                    "links": [link.model(variables) for link in self.links],
                },
                "overrides": self._overrides(),
            },
            "options": self._options(),
        }

    @property
    def type(self) -> str:
        """Grafana's name of the kind."""
        raise NotImplementedError

    def _target(self, query: Query, ref_id: str) -> dict[str, Any]:
        return {
            "refId": ref_id,
            "datasource": DATASOURCE,
            "editorMode": "code",
            "expr": query.expr,
            "legendFormat": query.legend or "__auto",
            **self._asking(),
        }

    def _asking(self) -> dict[str, Any]:
        return {"instant": False, "range": True, "format": "time_series"}

    def _defaults(self, limits: Mapping[str, float]) -> dict[str, Any]:
        steps: list[dict[str, Any]] = [{"color": self.base, "value": None}]
        steps += [
            {"color": colour, "value": at.value(limits) if isinstance(at, Limit) else at}
            for at, colour in self.steps
        ]
        bounds = {"min": self.low, "max": self.high, "decimals": self.decimals}
        return {
            "unit": self.unit,
            "color": {"mode": self._colour_mode()},
            "custom": self._custom(),
            "mappings": [],
            "thresholds": {"mode": "absolute", "steps": steps},
            "noValue": self._nothing(),
            **{name: value for name, value in bounds.items() if value is not None},
        }

    def _nothing(self) -> str:
        return "No data"

    def _colour_mode(self) -> str:
        return "thresholds"

    def _custom(self) -> dict[str, Any]:
        return {}

    def _overrides(self) -> list[dict[str, Any]]:
        return []

    def _options(self) -> dict[str, Any]:
        return {}


_LAST: Final = {"calcs": ["lastNotNull"], "fields": "", "values": False}


@dataclass(frozen=True, slots=True, kw_only=True)
class Stat(Panel):
    """A figure, coloured by what it means, over its course."""

    width: int = 3
    height: int = 4

    @property
    def type(self) -> str:
        """Grafana's name of the kind."""
        return "stat"

    def _options(self) -> dict[str, Any]:
        return {
            "colorMode": "value",
            "graphMode": "area",
            "justifyMode": "auto",
            "orientation": "auto",
            "reduceOptions": _LAST,
            "showPercentChange": False,
            "textMode": "auto",
            "wideLayout": True,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Lines(Panel):
    """Courses over time; a step is a dashed line."""

    colours: Mapping[str, str] = field(default_factory=dict)
    """The colours of series whose legend begins with these words."""

    @property
    def type(self) -> str:
        """Grafana's name of the kind."""
        return "timeseries"

    def _colour_mode(self) -> str:
        return "palette-classic"

    def _custom(self) -> dict[str, Any]:
        return {
            "drawStyle": "line",
            "lineWidth": 1,
            "fillOpacity": 10,
            "showPoints": "never",
            "spanNulls": False,
            "thresholdsStyle": {"mode": "dashed" if self.steps else "off"},
        }

    def _overrides(self) -> list[dict[str, Any]]:
        return [
            {
                "matcher": {"id": "byRegexp", "options": f"/^{word}(\\s|$)/"},
                "properties": [{"id": "color", "value": {"mode": "fixed", "fixedColor": colour}}],
            }
            for word, colour in self.colours.items()
        ]

    def _options(self) -> dict[str, Any]:
        return {
            "legend": {
                "displayMode": "list",
                "placement": "bottom",
                "showLegend": True,
                "calcs": [],
            },
            "tooltip": {"mode": "multi", "sort": "desc"},
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Bars(Panel):
    """A ranking as of now."""

    @property
    def type(self) -> str:
        """Grafana's name of the kind."""
        return "bargauge"

    def _asking(self) -> dict[str, Any]:
        return {"instant": True, "range": False, "format": "time_series"}

    def _options(self) -> dict[str, Any]:
        return {
            "displayMode": "gradient",
            "maxVizHeight": 300,
            "minVizHeight": 16,
            "minVizWidth": 8,
            "namePlacement": "auto",
            "orientation": "horizontal",
            "reduceOptions": _LAST,
            "showUnfilled": True,
            "sizing": "auto",
            "valueMode": "color",
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Table(Panel):
    """A row for every series as of now; the column of the value has a name, or is not shown."""

    value: str | None

    @property
    def type(self) -> str:
        """Grafana's name of the kind."""
        return "table"

    def _asking(self) -> dict[str, Any]:
        return {"instant": True, "range": False, "format": "table"}

    def _custom(self) -> dict[str, Any]:
        return {"align": "auto", "inspect": False, "minWidth": 60}

    def _nothing(self) -> str:
        return "-"

    def _overrides(self) -> list[dict[str, Any]]:
        hidden = {"id": "custom.hidden", "value": True}
        shown = [
            {"id": "displayName", "value": self.value},
            {"id": "custom.cellOptions", "value": {"type": "color-text"}},
        ]
        return [
            {"matcher": {"id": "byName", "options": "Time"}, "properties": [hidden]},
            {
                "matcher": {"id": "byName", "options": "Value"},
                "properties": [hidden] if self.value is None else shown,
            },
        ]

    def _options(self) -> dict[str, Any]:
        return {
            "cellHeight": "sm",
            "frameIndex": 0,
            "showHeader": True,
            "sortBy": [{"displayName": self.value, "desc": True}] if self.value else [],
        }
