"""One baseline, and the judgement of an actual against it."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Final, NamedTuple

from exporter.rows.window import WINDOW_MINUTES

OWN_WINDOW_SECONDS: Final = WINDOW_MINUTES * 60
"""The window of the rates that the exporter computes itself."""
SMALLEST_LIMIT: Final = 1e-9
"""Stands for a limit of 0, for which there is no ratio; the recording rule has the same."""

RATIO: Final = "ratio"
PEAK_P95: Final = "peak_p95"
OVER_TIME: Final = ("avg", "p95", "max")


class Scope(str, Enum):
    """What a baseline is about."""

    STAGE = "stage"
    """The tasks of a stage of the data: bronze, silver, gold."""
    COMPONENT = "component"
    """The containers of a part of Airflow: scheduler, worker, webserver."""


class Direction(str, Enum):
    """On which side of its target an actual must be."""

    MIN = "min"
    MAX = "max"


class Status(str, Enum):
    """How a baseline is judged."""

    OK = "ok"
    BREACH = "breach"
    UNKNOWN = "unknown"
    """There is no data: neither kept nor missed."""


@dataclass(frozen=True, slots=True)
class Metric:
    """What can be measured of a scope: its unit, and how values become one actual."""

    unit: str
    aggregations: tuple[str, ...]


METRICS: Final[Mapping[Scope, Mapping[str, Metric]]] = {
    Scope.STAGE: {
        "rate_mbps": Metric("MB/s", (RATIO,)),
        "rows_per_second": Metric("rows/s", (RATIO,)),
        "cpu_cores": Metric("cores", OVER_TIME),
        "memory_mib": Metric("MiB", (*OVER_TIME, PEAK_P95)),
    },
    Scope.COMPONENT: {
        "cpu_cores": Metric("cores", OVER_TIME),
        "memory_mib": Metric("MiB", OVER_TIME),
    },
}
RATES: Final = frozenset({"rate_mbps", "rows_per_second"})


class Key(NamedTuple):
    """What an actual is of."""

    scope: Scope
    name: str
    metric: str

    def __str__(self) -> str:
        """Return how sentences name it."""
        return f"{self.scope.value} {self.name} {self.metric}"


@dataclass(frozen=True, slots=True)
class Match:
    """The containers of a component: regular expressions for whole names; None takes any."""

    container: str | None = None
    pod: str | None = None


@dataclass(frozen=True, slots=True)
class Baseline:
    """What one metric of a stage or component should be, give or take the tolerance."""

    key: Key
    direction: Direction
    target: float
    tolerance_ratio: float
    aggregation: str
    window_seconds: int
    match: Match | None = None
    """Of components alone."""

    @property
    def limit(self) -> float:
        """The last value that is no breach."""
        sign = -1 if self.direction is Direction.MIN else 1
        return self.target * (1 + sign * self.tolerance_ratio)

    @property
    def unit(self) -> str:
        """The unit of target and actual."""
        return METRICS[self.key.scope][self.key.metric].unit

    @property
    def is_own(self) -> bool:
        """Whether the exporter computes the actual itself; else Prometheus does."""
        return self.key.metric in RATES and self.window_seconds == OWN_WINDOW_SECONDS


@dataclass(frozen=True, slots=True)
class Judgement:
    """A baseline, what it is in truth, and how far that is from a breach; None without data."""

    baseline: Baseline
    actual: float | None
    headroom_ratio: float | None

    @property
    def status(self) -> Status:
        """Whether the baseline is kept."""
        if self.headroom_ratio is None:
            return Status.UNKNOWN
        return Status.BREACH if self.headroom_ratio < 0 else Status.OK


def headroom_ratio(baseline: Baseline, actual: float) -> float:
    """Return how far the actual is from a breach, as a part of the limit; below 0 is a breach."""
    if baseline.direction is Direction.MIN:
        return actual / baseline.limit - 1
    return 1 - actual / max(baseline.limit, SMALLEST_LIMIT)


def judged(baselines: Iterable[Baseline], actuals: Mapping[Key, float]) -> list[Judgement]:
    """Judge every baseline; one whose actual is missing, or no amount, is unknown."""
    judgements = []
    for each in baselines:
        actual = actuals.get(each.key)
        if actual is None or not math.isfinite(actual) or actual < 0:
            judgements.append(Judgement(each, None, None))
        else:
            judgements.append(Judgement(each, actual, headroom_ratio(each, actual)))
    return judgements
