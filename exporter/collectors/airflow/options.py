"""What the user may set about the Airflow collector."""

from __future__ import annotations

import re
from dataclasses import dataclass

from exporter.collectors.airflow.gauges import DEFAULT_QUEUE


@dataclass(frozen=True, slots=True)
class Options:
    """What the user may set; times in seconds."""

    schema_name: str | None = None
    timeout_seconds: float = 5.0
    overlap_seconds: float = 120.0
    facts_interval_seconds: float = 60.0
    heartbeat_timeout_seconds: float = 300.0
    default_queue: str = DEFAULT_QUEUE
    dag_include: re.Pattern[str] | None = None
    dag_exclude: re.Pattern[str] | None = None
    team: re.Pattern[str] | None = None

    def wants(self, dag_id: str) -> bool:
        """Tell whether the filters let this DAG through."""
        if self.dag_include is not None and not self.dag_include.fullmatch(dag_id):
            return False
        return self.dag_exclude is None or not self.dag_exclude.fullmatch(dag_id)
