"""What alerting and recording rules are, and what a runbook says of an alert."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class Severity(Enum):
    """Who should act, and when."""

    CRITICAL = "critical"
    """Somebody now: work stands still, or nothing is watched."""
    WARNING = "warning"
    """Somebody today: work is late, fails or soon will."""
    INFO = "info"
    """Somebody when there is time; told beside another alert it explains that."""


@dataclass(frozen=True, slots=True)
class Runbook:
    """What to know and to do when an alert fires; `query` is PromQL that shows where."""

    meaning: str
    impact: str
    look_at: str
    query: str
    action: str


@dataclass(frozen=True, slots=True)
class Alert:
    """An alerting rule.

    `expression` names thresholds as `$name`; `lasts` is for how long it must hold. The dashboard
    with the uid `dashboard` is handed those labels that `variables` names.
    """

    name: str
    expression: str
    lasts: str
    severity: Severity
    summary: str
    description: str
    dashboard: str
    variables: tuple[str, ...]
    runbook: Runbook


@dataclass(frozen=True, slots=True)
class Record:
    """A recording rule; `labels` are set on every result."""

    name: str
    expression: str
    labels: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Group:
    """Rules that are evaluated together, one after the other."""

    name: str
    rules: tuple[Alert | Record, ...]
    interval: str = "1m"
