"""docs/airflow.md: the grants it gives are those that are read."""

from __future__ import annotations

import re
from pathlib import Path

from exporter.collectors.airflow.schema import FEATURES, HEARTBEAT, READ, REQUIRED

PAGE = (Path(__file__).parents[3] / "docs" / "airflow.md").read_text(encoding="utf-8")


def test_the_columns_granted_on_task_instance_are_those_that_are_read():
    granted = re.search(r"GRANT SELECT \(([^)]*)\)", PAGE).group(1)
    assert {name.strip() for name in granted.split(",")} | {"job_id"} == set(READ["task_instance"])


def test_every_other_table_that_is_read_is_granted():
    granted = re.search(r"GRANT SELECT ON ([^;]*) TO", PAGE).group(1)
    assert {name.strip() for name in granted.split(",")} == set(READ) - {"task_instance", "xcom"}


def test_the_columns_granted_on_xcom_are_those_that_are_read():
    granted = re.search(r"GRANT SELECT \(([^)]*)\) ON xcom", PAGE).group(1)
    assert {name.strip() for name in granted.split(",")} == set(READ["xcom"])


def test_every_feature_is_explained():
    for name in (*FEATURES, HEARTBEAT, "facts"):
        assert f"`{name}`" in PAGE


def test_the_page_says_how_many_tables_are_required():
    assert len(REQUIRED) == 3
    assert "The first three tables are required" in PAGE
