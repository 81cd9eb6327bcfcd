"""The recording rules of baselines: each one's actual, and how far it is from a breach."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from exporter import catalogue
from exporter.bundle.alert import Group, Record
from exporter.insight.baselines import queries
from exporter.insight.baselines.baseline import SMALLEST_LIMIT, Baseline, Direction

ACTUAL: Final = "baseline:actual:value"
HEADROOM: Final = "baseline:headroom:ratio"
_SAME: Final = f"airflow, {', '.join(catalogue.BASELINE)}"


def group(baselines: Iterable[Baseline], metric_prefix: str) -> Group:
    """Return the group of the rules of these baselines."""
    series = queries.Series(metric_prefix)
    actuals = (_actual(each, series) for each in baselines)
    return Group("airflow-baselines", (*actuals, *_headroom()))


def _actual(baseline: Baseline, series: queries.Series) -> Record:
    key = baseline.key
    values = (key.scope.value, key.name, key.metric, baseline.direction.value)
    labels = tuple(zip(catalogue.BASELINE, values, strict=True))
    # Names of thresholds begin with $, and names that a user gave may hold one.
    expression = queries.actual(baseline, series).replace("$", "$$")
    return Record(ACTUAL, expression, labels)


def _headroom() -> Iterator[Record]:
    """Yield a rule for each direction; below 0 is a breach, and no data is no result."""
    for direction, sign in ((Direction.MIN, "-"), (Direction.MAX, "+")):
        of = f'{{direction="{direction.value}"}}'
        target, tolerance = (
            f"max by ({_SAME}) ({family.name}{of})"
            for family in (catalogue.BASELINE_TARGET, catalogue.BASELINE_TOLERANCE)
        )
        limit = f"{target}\n    * on ({_SAME})\n  (1 {sign} {tolerance})"
        ratio = f"{ACTUAL}{of}\n  / on ({_SAME})\n"
        if direction is Direction.MIN:
            expression = f"{ratio}  ({limit})\n- 1"
        else:
            expression = f"1 -\n{ratio}  clamp_min({limit}, {SMALLEST_LIMIT:g})"
        # The label is there anyhow; so each rule's result is told apart by its text alone.
        yield Record(HEADROOM, expression, (("direction", direction.value),))
