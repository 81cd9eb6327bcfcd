"""Links: from a figure to the dashboard that explains it, and to Airflow's own pages."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

OVERVIEW: Final = "airflow-exporter-overview"
DAG: Final = "airflow-exporter-dag"
WORKERS: Final = "airflow-exporter-workers"
DATA: Final = "airflow-exporter-data"
HEALTH: Final = "airflow-exporter-health"


@dataclass(frozen=True, slots=True)
class Link:
    """A link of a panel's data; `chosen` are the variables that a label of the data sets."""

    title: str
    address: str
    chosen: Mapping[str, str] = field(default_factory=dict)
    leaves: bool = False
    """Whether it leads out of Grafana."""
    from_column: bool = False
    """Whether the labels are columns of a table."""

    def model(self, variables: Collection[str]) -> dict[str, Any]:
        """Return the link as Grafana has it; the other variables of the dashboard are kept."""
        return {
            "title": self.title,
            "url": self._url(variables),
            "targetBlank": self.leaves,
            # Nothing looks at these, but Grafana's schema has links of one kind only.
            "type": "link",
            "icon": "external link",
            "tooltip": "",
            "tags": [],
            "asDropdown": False,
            "includeVars": False,
            "keepTime": False,
        }

    def _url(self, variables: Collection[str]) -> str:
        if self.leaves:
            return self.address
        kept = [f"${{{name}:queryparam}}" for name in variables if name not in self.chosen]
        of = "__data.fields" if self.from_column else "__field.labels"
        chosen = [f"var-{name}=${{{of}.{label}}}" for name, label in self.chosen.items()]
        return f"/d/{self.address}?{'&'.join(['${__url_time_range}', *kept, *chosen])}"


def to(uid: str, title: str, *labels: str, from_column: bool = False) -> Link:
    """Lead to a dashboard with the variables of these names set to the labels clicked."""
    return Link(title, uid, {label: label for label in labels}, from_column=from_column)


def to_airflow() -> tuple[Link, ...]:
    """Lead from a row of a table to the task in Airflow's own pages."""
    dag, task = "${__data.fields.dag_id}", "${__data.fields.task_id}"
    at = "${airflow_url:raw}/dags/"
    return (
        Link("Airflow 3: this task", f"{at}{dag}/tasks/{task}", leaves=True),
        Link("Airflow 2: this task", f"{at}{dag}/grid?task_id={task}", leaves=True),
    )
