"""Everything that a report is made of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from exporter.history.extent import Extent
from exporter.history.health import Statement, TableHealth
from exporter.insight.baselines.baseline import Judgement
from exporter.insight.performance.active_tasks import ActiveTasks
from exporter.insight.performance.findings import Finding, Limits, Memory, Regression
from exporter.insight.performance.tally import Tally
from exporter.report.document import Missing


@dataclass(frozen=True, slots=True)
class Metrics:
    """What only a Prometheus server tells."""

    judgements: Sequence[Judgement] = ()
    memory: Sequence[Memory] = ()
    rows: Mapping[tuple[str, str], tuple[float, float]] = field(default_factory=dict)
    """By pipeline and stage, in the period before of the same length, and now."""


@dataclass(frozen=True, slots=True)
class Figures:
    """What was gathered, and what was not."""

    extent: Extent
    tally: Tally
    active: ActiveTasks
    regressions: Sequence[Regression]
    limits: Limits = field(default_factory=Limits)
    metrics: Metrics = field(default_factory=Metrics)
    settings: Sequence[Finding] = ()
    tables: Sequence[TableHealth] = ()
    statements: Sequence[Statement] = ()
    missing: Sequence[Missing] = ()
