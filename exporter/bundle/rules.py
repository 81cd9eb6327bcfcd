"""The recording rules, written from the same definitions that everything else goes by."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from textwrap import indent
from typing import Final

from exporter import catalogue
from exporter.insight.baselines import queries
from exporter.insight.baselines.baseline import SMALLEST_LIMIT, Baseline, Direction

ACTUAL: Final = "baseline:actual:value"
HEADROOM: Final = "baseline:headroom:ratio"
_MADE: Final = (
    "# Written by `airflow-perf-exporter bundle rules`: edit the baselines file instead.\n"
)
_SAME: Final = f"airflow, {', '.join(catalogue.BASELINE)}"


def pages(baselines: Iterable[Baseline], metric_prefix: str) -> dict[str, str]:
    """Return the text of each rules file by its name."""
    series = queries.Series(metric_prefix)
    rules = [*(_actual(each, series) for each in baselines), *_headroom()]
    group = "groups:\n  - name: airflow-baselines\n    interval: 1m\n    rules:\n"
    return {"baselines.yml": _MADE + group + "".join(indent(rule, " " * 6) for rule in rules)}


def _actual(baseline: Baseline, series: queries.Series) -> str:
    key = baseline.key
    values = (key.scope.value, key.name, key.metric, baseline.direction.value)
    labels = dict(zip(catalogue.BASELINE, values, strict=True))
    return _rule(ACTUAL, queries.actual(baseline, series), labels)


def _headroom() -> Iterator[str]:
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
        yield _rule(HEADROOM, expression, {"direction": direction.value})


def _rule(record: str, expression: str, labels: dict[str, str]) -> str:
    text = f"- record: {record}\n  expr: |-\n{indent(expression, ' ' * 4)}\n  labels:\n"
    return text + "".join(
        f"    {name}: {queries.quoted(value)}\n" for name, value in labels.items()
    )
