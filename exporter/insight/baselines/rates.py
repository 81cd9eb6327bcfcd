"""The actuals that the exporter computes itself: rates of stages over its window."""

from __future__ import annotations

from collections.abc import Iterator

from exporter.insight.baselines.baseline import Key, Scope
from exporter.rows.window import Window, by_stage


def known(window: Window, now: float) -> dict[Key, float]:
    """Return the rates of every stage at `now` (Unix seconds), as far as they are known."""
    return dict(_rates(window, now))


def _rates(window: Window, now: float) -> Iterator[tuple[Key, float]]:
    for stage, written in by_stage(window, now).items():
        if written.rate_mbps is not None:
            yield Key(Scope.STAGE, stage, "rate_mbps"), written.rate_mbps
        if written.rows_per_second is not None:
            yield Key(Scope.STAGE, stage, "rows_per_second"), written.rows_per_second
