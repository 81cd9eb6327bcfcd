"""SIGHUP: what can change is taken over, and a bad file changes nothing."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from exporter.demo import schema
from tests.support.exporter import ExporterProcess


@pytest.fixture
def daemon(tmp_path: Path) -> Iterator[ExporterProcess]:
    """Run the daemon on an empty SQLite database with two DAGs."""
    database = tmp_path / "airflow.db"
    engine = sa.create_engine(f"sqlite:///{database}")
    metadata = schema.create(engine, "2.11")
    with engine.begin() as connection:
        for dag_id in ("kept", "other"):
            row = {"dag_id": dag_id, "is_paused": False, "is_active": True, "is_subdag": False}
            needs = {"has_task_concurrency_limits": False, "max_active_runs": 16}
            needs |= {"max_active_tasks": 16, "max_consecutive_failed_dag_runs": 0}
            connection.execute(sa.insert(metadata.tables["dag"]).values(**row, **needs))
    engine.dispose()
    config = tmp_path / "config.yaml"
    config.write_text("log: {level: info}\n")
    environment = {"AIRFLOW_PERF_EXPORTER_AIRFLOW_DSN": f"sqlite:///{database}"}
    arguments = ("--config.file", str(config), "--collector.airflow.interval", "200ms")
    with ExporterProcess(tmp_path, *arguments, environment=environment) as process:
        process.wait_ready(20)
        yield process


def paused(daemon: ExporterProcess) -> set[str]:
    found = daemon.families()
    return {dict(labels)["dag_id"] for name, labels in found if name == "airflow_dag_paused"}


def reload_good(daemon: ExporterProcess) -> float:
    return daemon.families()["airflow_perf_exporter_config_last_reload_successful", frozenset()]


def eventually(condition, timeout: float = 10.0) -> bool:
    deadline = time.monotonic() + timeout
    while time.monotonic() < deadline:
        if condition():
            return True
        time.sleep(0.1)
    return False


def test_a_filter_is_taken_over_and_a_bad_file_keeps_the_old_one(daemon, tmp_path):
    config = tmp_path / "config.yaml"
    assert paused(daemon) == {"kept", "other"}

    config.write_text("airflow: {dag-include: kept}\nweb: {telemetry-path: /elsewhere}\n")
    daemon.signal(signal.SIGHUP)
    assert eventually(lambda: paused(daemon) == {"kept"})
    assert "--web.telemetry-path" in daemon.log()

    config.write_text("airflow: {dag-include: '('}\n")
    daemon.signal(signal.SIGHUP)
    assert eventually(lambda: reload_good(daemon) == 0)
    assert paused(daemon) == {"kept"}

    config.write_text("{}\n")
    daemon.signal(signal.SIGHUP)
    assert eventually(lambda: reload_good(daemon) == 1 and paused(daemon) == {"kept", "other"})


def test_a_baseline_is_taken_over_and_a_bad_file_keeps_the_old_one(daemon, tmp_path):
    config, file = tmp_path / "config.yaml", tmp_path / "baselines.yml"
    terms = "tolerance: 0.1, aggregation: ratio, window: 15m"
    file.write_text(f"stages: {{raw: {{rate_mbps: {{min: 7, {terms}}}}}}}")
    assert targets(daemon)["bronze", "rate_mbps"] == 100

    config.write_text(f"baselines: {{file: {file}}}\n")
    daemon.signal(signal.SIGHUP)
    assert eventually(lambda: targets(daemon) == {("raw", "rate_mbps"): 7})

    file.write_text("stages: {}")
    daemon.signal(signal.SIGHUP)
    assert eventually(lambda: reload_good(daemon) == 0)
    assert targets(daemon) == {("raw", "rate_mbps"): 7}
    assert f"{file}: stages: must hold something by name" in daemon.log()

    file.write_text(f"stages: {{raw: {{rate_mbps: {{min: 8, {terms}}}}}}}")
    daemon.signal(signal.SIGHUP)
    assert eventually(lambda: targets(daemon) == {("raw", "rate_mbps"): 8})


def targets(daemon: ExporterProcess) -> dict[tuple[str, str], float]:
    found = daemon.families()
    return {
        (dict(labels)["name"], dict(labels)["metric"]): value
        for (name, labels), value in found.items()
        if name == "airflow_baseline_target"
    }


def test_a_reload_may_be_asked_for_over_http(tmp_path: Path) -> None:
    config = tmp_path / "exporter.yml"
    config.write_text("log: {level: info}")
    alone = ("--no-collector.airflow", "--no-collector.containers", "--no-collector.tasks")
    given = ("--config.file", str(config), "--web.enable-lifecycle", *alone)
    with ExporterProcess(tmp_path, *given) as daemon:
        daemon.wait_ready()
        assert daemon.request("/-/reload", "POST").status == 200
        config.write_text("log: {level: nonsense}")
        answer = daemon.request("/-/reload", "POST")
        assert (answer.status, b"nonsense" in answer.body) == (500, False)
        assert "log.level" in daemon.log()
        daemon.wait_for("airflow_perf_exporter_config_last_reload_successful 0")
        assert daemon.terminate() == 0
