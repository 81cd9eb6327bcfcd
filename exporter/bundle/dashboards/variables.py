"""The variables of dashboards: each narrows what panels show, and is offered what is there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from exporter import catalogue
from exporter.bundle.dashboards.panel import DATASOURCE

_ALL: Final = {"selected": True, "text": ["All"], "value": ["$__all"]}
WINDOWS: Final = ("15m", "1h", "6h", "24h")
_ON_TIME_CHANGE: Final = 2
_BY_NAME: Final = 5
"""Sorted as words are, whatever their case."""


@dataclass(frozen=True, slots=True)
class Variable:
    """A variable that is offered the values of a label; several may be chosen, or all."""

    name: str
    label: str
    query: str
    everything: str = ".+"
    """What all matches: `.*` also takes the series that lack the label."""

    def model(self) -> dict[str, Any]:
        """Return the variable as Grafana has it."""
        return {
            "type": "query",
            "name": self.name,
            "label": self.label,
            "datasource": DATASOURCE,
            "query": self.query,
            "refresh": _ON_TIME_CHANGE,
            "sort": _BY_NAME,
            "regex": "",
            "multi": True,
            "includeAll": True,
            "allValue": self.everything,
            "current": _ALL,
            "options": [],
            "hide": 0,
        }


def _values(name: str, label: str, *matchers: str) -> str:
    narrowed = f"{{{', '.join(matchers)}}}" if matchers else ""
    return f"label_values({name}{narrowed}, {label})"


_AIRFLOW: Final = 'airflow=~"$airflow"'
_IN_JOB: Final = (_AIRFLOW, 'job=~"$job"')
_DAG_INFO: Final = catalogue.DAG_INFO.name
_BUILD: Final = catalogue.BUILD_INFO.name
_WORKING_SET: Final = catalogue.CONTAINER_WORKING_SET.name
_TASK_INFO: Final = catalogue.TASK_INFO.name

COMMON: Final = (
    Variable("airflow", "Installation", _values(_BUILD, "airflow"), ".*"),
    Variable("job", "Job", _values(_BUILD, "job", _AIRFLOW)),
    Variable("instance", "Instance", _values(_BUILD, "instance", *_IN_JOB)),
)
NAMESPACE: Final = Variable(
    "namespace", "Namespace", _values(_WORKING_SET, "namespace", *_IN_JOB), ".*"
)
POD: Final = Variable(
    "pod", "Pod", _values(_WORKING_SET, "pod", *_IN_JOB, 'namespace=~"$namespace"'), ".*"
)
TEAM: Final = Variable("team", "Team", _values(_DAG_INFO, "team", _AIRFLOW), ".*")
DAG_ID: Final = Variable("dag_id", "DAG", _values(_DAG_INFO, "dag_id", *_IN_JOB, 'team=~"$team"'))
TASK_ID: Final = Variable(
    "task_id",
    "Task",
    _values(catalogue.TASK_FINISHED.name, "task_id", *_IN_JOB, 'dag_id=~"$dag_id"'),
)
PIPELINE: Final = Variable("pipeline", "Pipeline", _values(_TASK_INFO, "pipeline", *_IN_JOB))
STAGE: Final = Variable(
    "stage", "Stage", _values(_TASK_INFO, "stage", *_IN_JOB, 'pipeline=~"$pipeline"')
)


@dataclass(frozen=True, slots=True)
class DataSource:
    """Which Prometheus is asked."""

    name: str = "datasource"

    def model(self) -> dict[str, Any]:
        """Return the variable as Grafana has it."""
        return {
            "type": "datasource",
            "name": self.name,
            "label": "Data source",
            "query": "prometheus",
            "refresh": 1,
            "regex": "",
            "multi": False,
            "includeAll": False,
            "current": {"selected": False, "text": "default", "value": "default"},
            "options": [],
            "hide": 0,
        }


@dataclass(frozen=True, slots=True)
class Window:
    """Over how long counters and durations are looked at."""

    name: str = "window"

    def model(self) -> dict[str, Any]:
        """Return the variable as Grafana has it."""
        options = [
            {"selected": each == WINDOWS[1], "text": each, "value": each} for each in WINDOWS
        ]
        return {
            "type": "custom",
            "name": self.name,
            "label": "Window",
            "query": ",".join(WINDOWS),
            "multi": False,
            "includeAll": False,
            "current": options[1],
            "options": options,
            "hide": 0,
        }


@dataclass(frozen=True, slots=True)
class AirflowUrl:
    """Where Airflow's own pages are, for links."""

    name: str = "airflow_url"

    def model(self) -> dict[str, Any]:
        """Return the variable as Grafana has it."""
        value = {
            "selected": True,
            "text": "http://localhost:8080",
            "value": "http://localhost:8080",
        }
        return {
            "type": "textbox",
            "name": self.name,
            "label": "Airflow's address",
            "query": value["value"],
            "current": value,
            "options": [value],
            "hide": 0,
        }


AnyVariable = Variable | DataSource | Window | AirflowUrl
