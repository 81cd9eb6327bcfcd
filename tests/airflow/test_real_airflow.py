"""The exporter beside a real Airflow: every family of its own against what the database holds."""

from __future__ import annotations

import os
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import pytest

from tests.airflow import truth
from tests.airflow.beside import alone, reported, with_database
from tests.airflow.burnt import Burnt, assert_told, written_down
from tests.airflow.cluster import Cluster
from tests.airflow.history import History, Tables, record, recorded, unix
from tests.airflow.truth import Samples
from tests.airflow.watch import Timeline, Watch, differences, unexplained
from tests.support.postgres import NO_POSTGRES, PostgresServer, postgres_binaries
from tests.support.require import require

pytestmark = [pytest.mark.airflow, pytest.mark.timeout(900)]

VERSIONS = os.environ.get("AIRFLOW_TEST_VERSIONS", "").split()
RUN = "first"
_OWN = "airflow_perf_exporter_"
_LATE_SECONDS = 5.0
"""How old a sample that is served may be, and how long a transaction may take to commit."""
_HELD = {
    ("crowded", "running"): 2,
    ("crowded", "scheduled"): 1,
    ("parked", "deferred"): 1,
    ("marked", "running"): 1,
    ("stepping", "success"): 1,
}


@dataclass(frozen=True)
class Outcome:
    """All that a played scenario left."""

    version: str
    history: History
    end: Tables
    watch: Watch
    last: Samples
    """The scrape after everything had stopped."""
    log: str
    """Of the exporter."""
    alone: Samples
    """The scrape of another exporter that has no database and no containers."""
    burnt: list[Burnt]
    """What tasks that burn CPU wrote down."""
    report: dict[str, Any]
    """What the command `report` says of all this, as JSON."""


@pytest.fixture(scope="module", params=VERSIONS or ["none"])
def outcome(
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Outcome]:
    """Play the scenario once for each version."""
    require(VERSIONS, "AIRFLOW_TEST_VERSIONS names no version: `make airflow-test` does")
    version = request.param
    directory = tmp_path_factory.mktemp("airflow")
    with (
        _postgres() as postgres,
        Cluster(version, postgres.create_database("airflow"), directory) as cluster,
    ):
        dsn = cluster.dsn
        start = record(dsn)
        with with_database(directory, dsn) as exporter, alone(directory) as other:
            exporter.wait_ready()
            watch = Watch(exporter)
            cluster.start()
            _play(cluster)
            cluster.stop()
            # One more reading of the slow facts, and what was held back of the last tries.
            time.sleep(2 * _LATE_SECONDS)
            watch.stop()
            history, end = recorded(dsn, start)
            yield Outcome(
                version, history, end, watch, exporter.families(), exporter.log(),
                other.families(), written_down(cluster.truths, [RUN]), reported(dsn),
            )  # fmt: skip


@contextmanager
def _postgres() -> Iterator[PostgresServer]:
    require(postgres_binaries(), NO_POSTGRES)
    server = PostgresServer.start(settings={"track_commit_timestamp": "on"})
    try:
        yield server
    finally:
        server.close()


def _play(cluster: Cluster) -> None:
    """Let tasks end in every way, with a user who marks and clears."""
    for dag_id in ("outcomes", "good", "waits", "held"):
        cluster.trigger(dag_id, RUN)
    cluster.wait_until(lambda: _held(cluster), "the held tasks are in their states", 120)
    cluster.mark("held", RUN, "marked", "success")
    # Its worker notices with the next heartbeat, and until then could still write its own end.
    time.sleep(8)
    cluster.release()
    cluster.trigger("burning", RUN)
    cluster.pause("often")
    cluster.wait_until(cluster.finished, "every run has ended", 180)
    cluster.clear("outcomes", RUN, "succeeding", "timed_out", "blocked")
    cluster.wait_until(cluster.finished, "the cleared run has ended", 120)


def _held(cluster: Cluster) -> bool:
    rows = cluster.query(
        "SELECT task_id, state, count(*) FROM task_instance WHERE dag_id = 'held' GROUP BY 1, 2"
    )
    counts = {(task_id, state): count for task_id, state, count in rows}
    return all(counts.get(key) == count for key, count in _HELD.items())


@pytest.mark.parametrize("family", sorted({*truth.OF_TRIES, *truth.OF_RUNS}))
def test_totals_are_what_the_rows_add_up_to(outcome: Outcome, family: str) -> None:
    true = truth.totals(outcome.history, outcome.end)[family]
    assert true or (family == "airflow_task_schedule_delay_seconds" and outcome.version < "3")
    assert differences(_of(outcome.last, family), true, zeros=True) == []


def test_the_report_adds_up_what_the_rows_hold(outcome: Outcome) -> None:
    # As the rows are now: a mark, or a worker after it, may have rewritten an end.
    tries = truth.finished_tries(replace(outcome.history, events=[]), outcome.end)
    by_task: dict[tuple[str, str], list[float]] = defaultdict(list)
    for each in tries:
        start, end = unix(each.row, "start_date") or 0.0, unix(each.row, "end_date") or 0.0
        by_task[each.row["dag_id"], each.row["task_id"]].append(end - start)
    assert outcome.report["totals"]["tries"] == len(tries)
    slowest = outcome.report["sections"]["slowest"]["rows"]
    told = {
        (row["dag_id"], row["task_id"]): (row["tries"], pytest.approx(row["total_seconds"]))
        for row in slowest
    }
    assert told == {task: (len(found), sum(found)) for task, found in by_task.items()}


def test_the_report_lacks_nothing_that_the_database_could_tell(outcome: Outcome) -> None:
    *missing, young = sorted(each["what"] for each in outcome.report["missing"])
    assert missing == ["baselines, memory and rows", "slow statements"]
    assert young.startswith("the time before ")
    runs = [row for row in outcome.end["dag_run"] if row["state"] == "success"]
    paths = outcome.report["sections"]["dags"]["rows"]
    assert {row["dag_id"] for row in paths} <= {row["dag_id"] for row in runs}
    assert any(row["critical_seconds"] for row in paths)


@pytest.mark.parametrize("family", sorted({*truth.ACTIVE, *truth.FACTS, truth.INFO}))
def test_gauges_are_the_rows_once_all_has_stopped(outcome: Outcome, family: str) -> None:
    true = truth.gauges(outcome.end, outcome.version)[family]
    assert differences(_of(outcome.last, family), true, zeros=True) == []


@pytest.mark.parametrize("family", sorted({*truth.ACTIVE, *truth.FACTS}))
def test_gauges_were_the_rows_all_the_time(outcome: Outcome, family: str) -> None:
    timeline = Timeline({**truth.ACTIVE, **truth.FACTS}[family], outcome.history)
    lines = []
    for moment, ours in outcome.watch.scrapes:
        since = moment - _LATE_SECONDS
        states = timeline.between(since, moment)
        lines += unexplained((moment, _of(ours, family)), states, since, [family])
    assert lines == []


@pytest.mark.parametrize("source", ["alone", "last"])
def test_tasks_have_used_what_they_wrote_down(outcome: Outcome, source: str) -> None:
    assert_told(getattr(outcome, source), outcome.burnt)


def test_no_sample_failed_and_none_was_old(outcome: Outcome) -> None:
    airflow = frozenset({("collector", "airflow")})
    failed = [
        f"{moment:.1f}: {ours.get((_OWN + 'collector_success', airflow))}"
        for moment, ours in outcome.watch.scrapes
        if ours.get((_OWN + "collector_success", airflow)) != 1
        or moment - ours[_OWN + "collector_last_success_timestamp_seconds", airflow] > _LATE_SECONDS
    ]
    assert failed == [], outcome.log[-4000:]


def test_the_scenario_has_shown_what_it_is_for(outcome: Outcome) -> None:
    tries = truth.finished_tries(outcome.history, outcome.end)
    assert {each.outcome for each in tries} == {"success", "failed", "skipped", "up_for_retry"}
    seen = {key for _, ours in outcome.watch.scrapes for key, value in ours.items() if value}
    shown = {dict(labels).get("state") for name, labels in seen if "instance_state" in name}
    assert shown >= {"running", "queued", "scheduled", "deferred", "up_for_retry"}
    assert "up_for_reschedule" in shown
    assert ("airflow_triggers", frozenset()) in seen
    assert {name for name, _ in seen} >= {"airflow_task_oldest_running_seconds"}


def _of(samples: Samples, family: str) -> Samples:
    suffixes = ("", "_bucket", "_count", "_sum")
    names = {family + suffix for suffix in suffixes}
    return {key: value for key, value in samples.items() if key[0] in names}
