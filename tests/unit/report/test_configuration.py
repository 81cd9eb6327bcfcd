"""Airflow's settings as they are at hand, and how far a reading is."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from exporter.errors import ConfigError
from exporter.history.progress import Progress
from exporter.report.configuration import configuration


def test_the_environment_goes_before_the_file(tmp_path: Path) -> None:
    (tmp_path / "airflow.cfg").write_text("[core]\nparallelism = 16\nmax_active_tasks_per_dag=7\n")
    found = configuration({"AIRFLOW__CORE__PARALLELISM": "64"}, tmp_path)
    assert found.number("core", "parallelism") == 64
    assert found.number("core", "max_active_tasks_per_dag") == 7
    assert found.number("core", "absent") is None


@pytest.mark.parametrize("text", ["", "many", "-3", "١٢", "9" * 10])
def test_what_is_no_number_is_not_known(text: str) -> None:
    assert configuration({"AIRFLOW__CORE__PARALLELISM": text}, Path("/nonexistent")).number(
        "core", "parallelism"
    ) is None  # fmt: skip


def test_the_file_is_found_as_airflow_finds_it(tmp_path: Path) -> None:
    (tmp_path / "other.cfg").write_text("[core]\nparallelism = 5\n")
    found = configuration({"AIRFLOW_CONFIG": str(tmp_path / "other.cfg")}, None)
    assert found.number("core", "parallelism") == 5
    assert not configuration({"AIRFLOW_HOME": "/nonexistent"}, None).values


def test_a_broken_file_is_told_without_its_content(tmp_path: Path) -> None:
    (tmp_path / "airflow.cfg").write_text("hunter22\n")
    with pytest.raises(ConfigError) as caught:
        configuration({}, tmp_path)
    assert "airflow.cfg: cannot be read as" in str(caught.value)
    assert "hunter22" not in str(caught.value)


def test_no_value_is_in_what_an_error_would_show(tmp_path: Path) -> None:
    assert "hunter22" not in repr(configuration({"AIRFLOW__CORE__FERNET_KEY": "hunter22"}, None))


def test_progress_is_told_now_and_then() -> None:
    stream, moments = io.StringIO(), iter([0.0, 5.0, 11.0, 11.0, 12.0])
    progress = Progress(stream, lambda: next(moments))
    progress(0.1, 10)
    progress(0.5, 1000)
    progress(0.6, 1100)
    progress.done()
    assert stream.getvalue() == "reading: 50%, 1,000 tries\n"
