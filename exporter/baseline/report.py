"""Judgements for people and for programs."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from typing import Final

from exporter.insight.baselines.baseline import Direction, Judgement, Status
from exporter.quantities import decimal, share

KEPT: Final = 0
BREACHED: Final = 1
UNKNOWN: Final = 3
"""Exit statuses; 2 is everything that kept us from judging."""
_SMALL: Final = 0.001
"""Below it three decimals say nothing."""
_WORDS: Final = {Direction.MIN: "at least", Direction.MAX: "at most"}


def exit_status(judgements: Sequence[Judgement], *, strict: bool) -> int:
    """Return 1 if a baseline is missed, else 3 if one is unknown and that matters, else 0."""
    statuses = {each.status for each in judgements}
    if Status.BREACH in statuses:
        return BREACHED
    return UNKNOWN if strict and Status.UNKNOWN in statuses else KEPT


def text(judgements: Sequence[Judgement]) -> str:
    """Return a line a baseline, the worst first, and one that sums them up."""
    counts = Counter(each.status for each in judgements)
    order = (Status.BREACH, Status.UNKNOWN, Status.OK)
    lines = [_line(each) for status in order for each in judgements if each.status is status]
    told = ", ".join(f"{counts[status]} {status.value}" for status in order)
    return "\n".join([*lines, f"{len(judgements)} baselines: {told}", ""])


def as_json(judgements: Sequence[Judgement]) -> str:
    """Return a JSON object; targets, limits and actuals are in `unit`, `null` is unknown."""
    return json.dumps({"baselines": [_fields(each) for each in judgements]}, indent=2) + "\n"


def _line(judgement: Judgement) -> str:
    of, actual, headroom = judgement.baseline, judgement.actual, judgement.headroom_ratio
    wanted = f"{_WORDS[of.direction]} {_number(of.limit)} {of.unit}"
    told = f"{of.aggregation} over {of.window_seconds / 60:g} min"
    if actual is None or headroom is None:
        return f"{judgement.status.value:8}{of.key}: no data, wanted {wanted} ({told})"
    return (
        f"{judgement.status.value:8}{of.key}: {_number(actual)} {of.unit}, wanted {wanted} "
        f"({told}); headroom {_signed(headroom)}"
    )


def _number(value: float) -> str:
    if 0 < value < _SMALL:
        return f"{value:.3g}"
    return decimal(value, 3).rstrip("0").rstrip(".")


def _signed(ratio: float) -> str:
    told = share(ratio)
    return told if told[0] in "-<>" else f"+{told}"


def _fields(judgement: Judgement) -> dict[str, object]:
    of = judgement.baseline
    return {
        "scope": of.key.scope.value,
        "name": of.key.name,
        "metric": of.key.metric,
        "unit": of.unit,
        "direction": of.direction.value,
        "target": of.target,
        "tolerance_ratio": of.tolerance_ratio,
        "limit": of.limit,
        "aggregation": of.aggregation,
        "window_seconds": of.window_seconds,
        "actual": judgement.actual,
        "headroom_ratio": judgement.headroom_ratio,
        "status": judgement.status.value,
    }
