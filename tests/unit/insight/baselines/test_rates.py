"""Tests of the rates that the exporter knows itself."""

from __future__ import annotations

import pytest

from exporter.insight.baselines.baseline import OWN_WINDOW_SECONDS, Key, Scope
from exporter.insight.baselines.rates import known
from exporter.rows.claim import Claim, Source
from exporter.rows.stages import Place
from exporter.rows.timed import timed
from exporter.rows.window import Window, moved

NOW = 1_800_000_000.0
MBPS, ROWS = (Key(Scope.STAGE, "bronze", metric) for metric in ("rate_mbps", "rows_per_second"))


def window(*written: tuple[str, str, Claim]) -> Window:
    return moved({}, NOW, [(Place(*place), timed(claim)) for *place, claim in written])


def claim(**told: float) -> Claim:
    return Claim(Source.EXPLICIT, **told)


def test_the_pipelines_of_a_stage_are_one_rate():
    found = known(
        window(
            ("a", "bronze", claim(bytes=600_000_000, rows=90, seconds=2)),
            ("b", "bronze", claim(bytes=300_000_000, seconds=8)),
            ("b", "silver", claim(rows=10, seconds=4)),
        ),
        NOW,
    )
    assert found == {
        MBPS: pytest.approx(90.0),
        ROWS: 45.0,
        Key(Scope.STAGE, "silver", "rows_per_second"): 2.5,
    }


def test_what_nobody_told_or_is_long_ago_is_unknown():
    told = window(("a", "bronze", claim(bytes=79_000_000, seconds=1)))
    assert known(told, NOW + OWN_WINDOW_SECONDS - 60) == {MBPS: 79.0}
    assert known(told, NOW + OWN_WINDOW_SECONDS) == {}
    assert known(window(("a", "bronze", claim(rows=1))), NOW) == {}
    assert known(window(("a", "bronze", claim(bytes=0, seconds=2))), NOW) == {MBPS: 0.0}
