"""The `autoscale replay` command on databases of each kind."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from exporter.cli import main
from tests.integration.collectors.airflow.conftest import address
from tests.integration.history.past import Past

__all__ = ["address"]
DAY = 86400.0
WIDTH = 40


@pytest.fixture(params=["3.3", "2.11"])
def past(address: str, request: pytest.FixtureRequest) -> Iterator[Past]:
    """Write a DAG that starts 40 tasks at once, every four hours for three days."""
    made = Past(address, request.param)
    for number in range(18):
        start = -3 * DAY + number * DAY / 6 + 600
        run = ("burst", f"run{number}")
        made.run(*run, start, start + 400)
        for task in range(WIDTH):
            made.tried(run, f"t{task}", start + 3, start + 123, queued_dttm=made.at(start + 1))
        made.tried(run, "local", start + 3, start + 4, executor="LocalExecutor")
    yield made
    made.close()


def replay(past: Past, *arguments: str) -> Result:
    variables = {"AIRFLOW_PERF_EXPORTER_AIRFLOW_DSN": past.dsn, "PATH": os.environ["PATH"]}
    period = ("--since", "1d", "--learn", "2d")
    return CliRunner(env=variables).invoke(main, ["autoscale", "replay", *period, *arguments])


def test_bursts_that_are_due_hardly_wait(past: Past) -> None:
    result = replay(past, "--format", "json")
    assert result.exit_code == 0, result.output
    found = json.loads(result.stdout)
    local = 0 if past.world.has("task_instance", "executor") else 6
    assert found["tries"] == {"default": 6 * WIDTH + local}
    assert found["runs_due"] == 6
    rows = {each["name"]: each for each in found["policies"]}
    # A policy that is asked every 15 s sees what is due so much later at most.
    assert rows["ours"]["p95_wait_seconds"] <= found["every_seconds"]
    assert rows["chart KEDA"]["p95_wait_seconds"] > 60
    assert rows["ours, no look-ahead"]["p95_wait_seconds"] > 60
    assert rows["ours"]["worker_hours"] < rows["guide KEDA"]["worker_hours"]


@pytest.mark.parametrize("option", ["--since", "--learn"])
@pytest.mark.parametrize("value", ["0", "59m", "-1d", "soon", "99999d"])
def test_a_time_that_is_refused_is_named_with_its_option(option: str, value: str) -> None:
    result = CliRunner().invoke(main, ["autoscale", "replay", option, value])
    assert result.exit_code == 2
    assert f"Invalid value for '{option}': '{value}' is not a duration" in result.stderr


def test_settings_of_scaling_are_taken(past: Past) -> None:
    arguments = ("--scaling.min-workers", "3", "--scaling.max-workers", "3", "--format", "json")
    found = json.loads(replay(past, *arguments).stdout)
    rows = {each["name"]: each for each in found["policies"]}
    for name in ("ours", "chart KEDA"):
        assert rows[name]["worker_hours"] == pytest.approx(72.0)


def test_the_picture_is_written_where_it_is_asked_for(past: Past, tmp_path: Path) -> None:
    path = tmp_path / "replay.svg"
    result = replay(past, "--format", "svg", "--output", str(path))
    assert (result.exit_code, result.stdout) == (0, "")
    assert path.read_text().startswith("<svg ")
    assert "worker-hours" in replay(past).stdout


def test_without_a_database_it_is_said_what_to_set() -> None:
    result = CliRunner(env={"AIRFLOW_HOME": "/nonexistent"}).invoke(main, ["autoscale", "replay"])
    assert result.exit_code == 2
    assert "no Airflow metadata database is configured" in result.stderr
