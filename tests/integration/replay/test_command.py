"""The `autoscale replay` command on databases of each kind."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from datetime import datetime
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


def test_a_database_of_minutes_is_not_replayed_for_days(address: str) -> None:
    past = Past(address)
    run = ("burst", "run")
    past.run(*run, -1200, -600)
    for task in range(4):
        past.tried(run, f"t{task}", -1195, -700, queued_dttm=past.at(-1199))
    result = replay(past, "--format", "json")
    text = replay(past).stdout
    past.close()
    found = json.loads(result.stdout)
    assert found["since"] == found["learned_since"] == found["database_begins"]
    assert found["tries"] == {"default": 4}
    assert [found["asked_seconds"], found["asked_learn_seconds"]] == [DAY, 2 * DAY]
    # Two workers for 20 minutes and the seconds of the test; not for a day, which were 48 hours.
    rows = {each["name"]: each["worker_hours"] for each in found["policies"]}
    assert 0.6 < rows["guide KEDA"] < 1.5
    begins = datetime.fromisoformat(found["database_begins"])
    assert f"The database begins at {begins:%Y-%m-%d %H:%M} UTC: 20.0 min replayed" in text
    assert "asked for 24.0 h; no time before it to learn from." in text
    assert "Learned from: nothing" in text


def test_it_is_told_how_much_was_learned_from(past: Past) -> None:
    (note,) = json.loads(replay(past, "--learn", "28d", "--format", "json").stdout)["notes"]
    assert "UTC: looking ahead learned from 47.8 h, asked for 28.0 d." in note


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
