"""What the user may set about the Airflow collector."""

from __future__ import annotations

import re
from dataclasses import dataclass

from exporter.filters import DagFilter
from exporter.rows.rules import Rules
from exporter.rows.settlement import Limits


@dataclass(frozen=True, slots=True)
class Options:
    """What the user may set; times in seconds."""

    schema_name: str | None = None
    timeout_seconds: float = 5.0
    overlap_seconds: float = 120.0
    facts_interval_seconds: float = 60.0
    heartbeat_timeout_seconds: float = 300.0
    default_queue: str = "default"
    dags: DagFilter = DagFilter()  # noqa: RUF009 - frozen
    team: re.Pattern[str] | None = None
    rules: Rules = Rules()  # noqa: RUF009 - frozen
    row_limits: Limits = Limits()  # noqa: RUF009 - frozen
    xcom: bool = True
