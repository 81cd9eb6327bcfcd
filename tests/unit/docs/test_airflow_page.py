"""docs/airflow.md: it explains what is read."""

from __future__ import annotations

from pathlib import Path

from exporter.collectors.airflow.schema import FEATURES, HEARTBEAT, REQUIRED

PAGE = (Path(__file__).parents[3] / "docs" / "airflow.md").read_text(encoding="utf-8")


def test_every_feature_is_explained():
    for name in (*FEATURES, HEARTBEAT, "facts"):
        assert f"`{name}`" in PAGE


def test_the_page_says_which_tables_are_required():
    assert f"{', '.join(f'`{name}`' for name in list(REQUIRED)[:-1])} and" in PAGE
    assert f"and `{list(REQUIRED)[-1]}` are required" in PAGE
