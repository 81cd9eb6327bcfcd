"""What is told of settings that go by another name."""

from __future__ import annotations

import pytest

from exporter.insight.performance.settings import of_settings


@pytest.mark.parametrize("version", ["2.10", "2.11", "3.3"])
def test_a_renamed_setting_is_told_by_a_name_that_the_version_has(version: str) -> None:
    (found,) = of_settings({("scheduler", "max_threads")}, version)
    assert found.text == f"[scheduler] max_threads is not a setting of Airflow {version}"
    assert "Set [scheduler] parsing_processes, since Airflow 3 [dag_" in found.recommendation


def test_what_only_a_later_version_renames_is_no_finding() -> None:
    given = {("scheduler", "parsing_processes")}
    assert not [*of_settings(given, "2.11")]
    assert not [*of_settings(given, None)]
    assert len([*of_settings(given, "3.0")]) == 1
