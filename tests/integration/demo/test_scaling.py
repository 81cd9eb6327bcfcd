"""Workers desired of a live demo with a burst, against what its database says at the moment."""

from __future__ import annotations

import json
import math
import sqlite3
from collections.abc import Mapping
from contextlib import closing
from datetime import datetime, timedelta, timezone
from pathlib import Path
from time import monotonic, sleep

import pytest

from exporter import dsn
from exporter.clock import Clock
from exporter.collectors.airflow.collector import AirflowCollector
from exporter.collectors.airflow.database import Database
from exporter.collectors.airflow.options import Options
from exporter.collectors.airflow.scaling import Scaling
from exporter.demo.installation import Demo
from exporter.insight.autoscale import Policy
from exporter.samples import EntryKey
from tests.support.exporter import ExporterProcess

MOST_SECONDS = 180.0
BOOT_SECONDS = 4.0
DRAIN_SECONDS = 2.0
CONCURRENCY, MAXIMUM = 1, 3
ENOUGH = 40
"""Moments compared."""
PARTS = ("running", "queued", "due")

Signal = dict[str, tuple[float, float, float, float]]
"""Running, queued, due and workers by queue."""


def ask(path: Path, statement: str) -> list[tuple]:
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as connection:
        return connection.execute(statement).fetchall()


def oracle(path: Path, learned: Mapping[EntryKey, str], queues: set[str]) -> Signal:
    """Work the formula out from the rows as they are."""
    held = {
        (queue, state): slots
        for queue, state, slots in ask(
            path,
            "SELECT queue, state, sum(pool_slots) FROM task_instance"
            " WHERE state IN ('running', 'queued') GROUP BY queue, state",
        )
    }
    due: dict[str, float] = {}
    now = datetime.now(timezone.utc).replace(tzinfo=None)
    for dag_id, text in ask(
        path,
        "SELECT dag_id, next_dagrun_create_after FROM dag WHERE is_paused = 0 AND is_stale = 0"
        " AND exceeds_max_non_backfill = 0 AND next_dagrun_create_after IS NOT NULL"
        " AND NOT EXISTS (SELECT 1 FROM dag_run AS r WHERE r.dag_id = dag.dag_id"
        " AND r.run_type = 'scheduled' AND r.run_after >= dag.next_dagrun_create_after)",
    ):
        ahead = datetime.fromisoformat(text) - now
        if timedelta(seconds=-60) < ahead <= timedelta(seconds=BOOT_SECONDS):
            for queue, slots in json.loads(learned.get(("first_wave", dag_id), "{}")).items():
                due[queue] = due.get(queue, 0.0) + slots
    signal = {}
    for queue in queues:
        duration = float(learned.get(("queue_duration", queue), "300"))
        waiting = held.get((queue, "queued"), 0)
        queued = min(waiting, waiting * duration / DRAIN_SECONDS)
        running, coming = held.get((queue, "running"), 0), due.get(queue, 0.0)
        wanted = math.ceil((running + queued + coming) / CONCURRENCY)
        signal[queue] = (running, queued, coming, min(max(wanted, 1), MAXIMUM))
    return signal


def copied(live: Path, copy: Path) -> None:
    """Hold on to a moment of the live database: the exporter and the oracle both look at it."""
    with closing(sqlite3.connect(live)) as source, closing(sqlite3.connect(copy)) as target:
        source.backup(target)


def burst(path: Path) -> None:
    """Let every DAG be due at once."""
    now = datetime.now(timezone.utc).replace(tzinfo=None).isoformat(" ", "microseconds")
    with closing(sqlite3.connect(path, timeout=10)) as connection, connection:
        connection.execute("UPDATE dag SET next_dagrun_create_after = ?", (now,))


def told(collector: AirflowCollector, learned: dict[EntryKey, str]) -> Signal:
    """Sample, and keep what a ledger would."""
    batch = collector.sample()
    collector.accepted()
    assert batch.checkpoint is not None
    learned.update(batch.checkpoint.put)
    for key in batch.checkpoint.drop:
        del learned[key]
    values = {(each.family.name, *each.labels): each.value for each in batch.gauges["scaling"]}
    queues = {labels[1] for labels in values}
    return {
        queue: (
            *(values["airflow_workers_desired_slots", queue, part] for part in PARTS),
            values["airflow_workers_desired", queue],
        )
        for queue in queues
    }  # type: ignore[return-value]


def test_the_signal_of_a_burst_is_what_the_rows_of_the_moment_ask_for(tmp_path: Path) -> None:
    demo = Demo(tmp_path, pace=4.0)
    demo.start()
    try:
        live = Path(demo.dsn.removeprefix("sqlite:///"))
        path = tmp_path / "moment.db"
        copied(live, path)
        policy = Policy(CONCURRENCY, 1, MAXIMUM, DRAIN_SECONDS, BOOT_SECONDS)
        options = Options(facts_interval_seconds=0.001)
        database = Database(lambda: dsn.parsed(f"sqlite:///{path}", "the demo"), 5.0)
        collector = AirflowCollector(database, options, {}, Clock(), scaling=Scaling(policy))
        learned: dict[EntryKey, str] = {}
        compared, workers, foreseen = 0, set(), 0.0
        deadline = monotonic() + MOST_SECONDS
        while compared < ENOUGH or MAXIMUM not in workers or not foreseen:
            assert monotonic() < deadline, (compared, workers, foreseen)
            if compared == ENOUGH // 2:
                burst(live)
            copied(live, path)
            found = told(collector, learned)
            # Once more for what was learned just now: both must know the same.
            before = oracle(path, learned, set(found))
            found = told(collector, learned)
            assert all(signal[3] <= MAXIMUM for signal in found.values())
            if before == oracle(path, learned, set(found)):
                for queue, signal in found.items():
                    assert signal[:3] == (before[queue][0], *map(pytest.approx, before[queue][1:3]))
                    assert signal[3] == before[queue][3]
                compared += 1
                workers |= {signal[3] for signal in found.values()}
                foreseen = max(foreseen, *(signal[2] for signal in found.values()))
            sleep(0.05)
        database.close()
    finally:
        demo.stop(5.0)


def test_a_database_that_is_away_takes_the_signal_along_at_once(tmp_path: Path) -> None:
    demo = Demo(tmp_path / "demo")
    demo.start()
    demo.stop(5.0)
    path = Path(demo.dsn.removeprefix("sqlite:///"))
    down = 'airflow_perf_exporter_collector_success{collector="airflow"} 0'
    environment = {"AIRFLOW_PERF_EXPORTER_AIRFLOW_DSN": demo.dsn}
    options = ("--collector.airflow.interval", "200ms", "--no-collector.tasks",
               "--no-collector.containers")  # fmt: skip
    with ExporterProcess(tmp_path, *options, environment=environment) as daemon:
        daemon.wait_ready(30)
        daemon.wait_for('airflow_workers_desired{queue="default"} 1')
        away = path.rename(tmp_path / "away.db")
        daemon.wait_for(down)
        text = daemon.scrape()
        assert down in text
        assert "airflow_workers_desired{" not in text
        assert "airflow_workers_desired_slots{" not in text
        # Others are held for a while.
        assert 'airflow_task_instance_state{state="running"}' in text
        away.rename(path)
        daemon.wait_for('airflow_workers_desired{queue="default"} 1')
