"""What ends is found without a heartbeat to tell of it."""

from __future__ import annotations

import pytest

from exporter import catalogue
from tests.integration.collectors.airflow.known import (
    LATER,
    counted,
    features,
    gauges,
    increments,
    let_all_end,
)
from tests.integration.collectors.airflow.reader import Reader
from tests.integration.collectors.airflow.subject import Make
from tests.integration.collectors.airflow.world import made


@pytest.mark.parametrize(("version", "column"), [("3.3", "last_heartbeat_at"), ("2.11", "job_id")])
def test_without_heartbeats_the_runs_tell_what_ended(
    database: str, reader: Reader, version: str, column: str, subject: Make
) -> None:
    world = made(database, version)
    world.fill()
    reader.grant(leave_out={"task_instance": column})
    collector = subject(reader.dsn)
    first = collector.sample()
    assert "heartbeats" not in features(first)
    assert catalogue.TASK_HEARTBEAT_STALE.name not in gauges(first)
    let_all_end(world)
    # The run has ended with its tries: only the sweep of runs that moved shows them.
    assert increments(collector.sample(seconds=61)) == [
        (name, labels, pytest.approx(value, abs=1e-3)) for name, labels, value in counted(world)
    ]
    assert increments(collector.sample(seconds=61)) == []


def test_without_heartbeats_an_active_run_is_looked_through_each_time(
    database: str, reader: Reader, subject: Make
) -> None:
    world = made(database, "3.3")
    world.fill()
    reader.grant(leave_out={"task_instance": "last_heartbeat_at"})
    collector = subject(reader.dsn)
    collector.sample()
    ended = {"start_date": world.at(LATER), "end_date": world.at(LATER + 1), "duration": 1.0}
    world.change("task_instance", {"task_id": "waits"}, state="success", pid=8, **ended)
    assert (
        "airflow_task_duration_seconds",
        ("hourly", "waits", "BashOperator"),
        1.0,
    ) in increments(collector.sample())
    assert increments(collector.sample()) == []
