"""The plugin in a real Airflow with a real warehouse: what it tells, and what it costs."""

from __future__ import annotations

import json
import os
import shutil
import socket
import statistics
import subprocess
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.airflow.cluster import HERE, Cluster, Scenario
from tests.airflow.environment import ROOT, installed
from tests.support.exporter import ExporterProcess
from tests.support.intake import Intake
from tests.support.ports import free_port
from tests.support.postgres import NO_POSTGRES, PostgresServer, postgres_binaries
from tests.support.require import require

pytestmark = [pytest.mark.airflow, pytest.mark.timeout(1500)]

VERSIONS = os.environ.get("AIRFLOW_TEST_VERSIONS", "").split()
PLUGIN = ROOT / "deploy" / "airflow" / "plugins" / "airflow_perf_exporter_plugin.py"
RUN = "first"
DAGS = ("warehouse", "reports", "stalls", "containers")
MOST_SECONDS = 0.5
_GRACE_SECONDS = 2
WRITTEN = {
    ("br_created", -1, "success"): 1000,
    ("sl_inserted", -1, "success"): 990,
    ("sl_updated", -1, "success"): 89,
    ("gd_inserted", -1, "success"): 2500,
    ("gd_deleted", -1, "success"): 7,
    ("gd_copied", -1, "success"): 300,
    ("mapped", 0, "success"): 10,
    ("mapped", 1, "success"): 20,
    ("mapped", 2, "success"): 30,
    ("retried", -1, "failed"): 50,
    ("retried", -1, "success"): 60,
    ("secret", -1, "success"): 2,
}
"""By task, map index and end of the try."""


PROCESSED = {
    ("warehouse", "bronze", "br_created"): 1000,
    ("warehouse", "silver", "sl_inserted"): 990,
    ("warehouse", "silver", "sl_updated"): 89,
    ("warehouse", "gold", "gd_inserted"): 2500,
    ("warehouse", "gold", "gd_deleted"): 7,
    ("warehouse", "gold", "gd_copied"): 300,
    ("warehouse", "unknown", "mapped"): 60,
    ("warehouse", "unknown", "retried"): 60,
    ("warehouse", "unknown", "secret"): 2,
    ("sales", "silver", "reported"): 42,
    ("reports", "gold", "reported"): 7,
}
"""By pipeline, stage and task: what the exporter counts."""


@dataclass(frozen=True)
class Outcome:
    """All that the runs left."""

    major: int
    intake: Intake
    truths: dict[str, list[Any]]
    """By name: what tasks and the stopwatch wrote down, once for each process."""
    totals: dict[str, dict[tuple[str, str, str], float]]
    """By metric, then pipeline, stage and task: what the exporter has counted."""

    def told(self, dag_id: str) -> list[dict[str, Any]]:
        """Return the records of a DAG."""
        return [record for record in self.intake.records if record["dag_id"] == dag_id]


@pytest.fixture(scope="module", params=VERSIONS or ["none"])
def outcome(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Outcome]:
    """Run every DAG once for each version."""
    directory = tmp_path_factory.mktemp("plugin")
    with _played(request.param, directory, DAGS, _plugins(directory)) as played:
        yield played


@pytest.fixture(scope="module", params=VERSIONS or ["none"])
def without(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Outcome]:
    """Run the DAG of the warehouse once more where nobody has installed the plugin."""
    with _played(request.param, tmp_path_factory.mktemp("xcom"), ("warehouse",)) as played:
        yield played


@contextmanager
def _played(
    version: str, directory: Path, dag_ids: tuple[str, ...], plugins: Path | None = None
) -> Iterator[Outcome]:
    require(VERSIONS, "AIRFLOW_TEST_VERSIONS names no version: `make airflow-test` does")
    require(postgres_binaries(), NO_POSTGRES)
    with ExitStack() as stack:
        postgres = stack.enter_context(closing(PostgresServer.start()))
        dsn, port = postgres.create_database("airflow"), free_port()
        intake = stack.enter_context(closing(Intake(behind=port)))
        environment = {
            "AIRFLOW_CONN_WAREHOUSE": _warehouse(postgres),
            "AIRFLOW__CORE__PARALLELISM": "3",  # what is measured is not two cores' queue
            "TEST_STALLS": json.dumps(_stalls(stack)),
        }
        if plugins:
            environment |= {
                "AIRFLOW_PERF_EXPORTER_URL": intake.url,
                "AIRFLOW_PERF_EXPORTER_TOKEN": "t0ken",
                "AIRFLOW__CORE__PLUGINS_FOLDER": str(plugins),
            }
        scenario = Scenario(HERE / "warehouse" / "dags", frozenset(DAGS), environment=environment)
        cluster = stack.enter_context(Cluster(version, dsn, directory, scenario))
        exporter = stack.enter_context(_exporter(directory, dsn, port))
        exporter.wait_ready()
        cluster.start(timeout=300)
        for dag_id in dag_ids:
            cluster.trigger(dag_id, RUN)
        cluster.wait_until(cluster.finished, "every run has ended", 900)
        cluster.stop()
        time.sleep(5 * _GRACE_SECONDS)  # the last tries have settled, and nothing comes after
        yield Outcome(cluster.major, intake, _written_down(cluster.truths), _totals(exporter))


def _exporter(directory: Path, dsn: str, port: int) -> ExporterProcess:
    (directory / "dsn").write_text(dsn)
    (directory / "token").write_text("t0ken")
    arguments = {
        "--airflow.dsn-file": directory / "dsn",
        "--collector.airflow.interval": "1s",
        "--rows.grace": f"{_GRACE_SECONDS}s",
        "--series.hold": "1s",
        "--web.intake-address": f"127.0.0.1:{port}",
        "--web.intake-token-file": directory / "token",
    }
    return ExporterProcess(
        directory,
        "--web.enable-intake",
        *(str(part) for pair in arguments.items() for part in pair),
    )


def _totals(exporter: ExporterProcess) -> dict[str, dict[tuple[str, str, str], float]]:
    found: dict[str, dict[tuple[str, str, str], float]] = defaultdict(dict)
    for (metric, labels), value in exporter.families().items():
        if metric.startswith("data_") and value:
            of = dict(labels)
            found[metric][of["pipeline"], of["stage"], of.get("task_id", "")] = value
    return found


def _warehouse(postgres: PostgresServer) -> str:
    dsn = postgres.create_database("warehouse")
    with postgres.connect("warehouse") as connection:
        connection.execute("CREATE TABLE sl_log (id int)")
        connection.execute("CREATE TABLE gd_rows (id int, label text)")
    return dsn


def _plugins(directory: Path) -> Path:
    folder = directory / "plugins"
    folder.mkdir()
    for file in (PLUGIN, HERE / "warehouse" / "plugins" / "stopwatch.py"):
        shutil.copy(file, folder)
    return folder


def _stalls(stack: ExitStack) -> dict[str, str]:
    """Return the addresses of exporters that are away, each in a way of its own."""
    silent = stack.enter_context(closing(socket.create_server(("127.0.0.1", 0), backlog=16)))
    full = stack.enter_context(closing(socket.create_server(("127.0.0.1", 0), backlog=0)))
    for _ in range(3):  # the kernel drops what comes after
        waiting = stack.enter_context(closing(socket.socket()))
        waiting.setblocking(False)
        waiting.connect_ex(full.getsockname())
    ports = {
        "refused": free_port(),
        "silent": silent.getsockname()[1],
        "full": full.getsockname()[1],
    }
    return {
        **{name: f"http://127.0.0.1:{port}" for name, port in ports.items()},
        "unresolved": "http://exporter.invalid:10113",
    }


def _written_down(truths: Path) -> dict[str, list[Any]]:
    found = defaultdict(list)
    for file in sorted(truths.iterdir()):
        found[file.name.rpartition("-")[0]].append(json.loads(file.read_text()))
    return found


def test_every_try_that_wrote_tells_exactly_what_it_wrote(outcome: Outcome) -> None:
    expected = dict(WRITTEN)
    if outcome.major >= 3:  # Airflow 2 tells no listener of a skip
        expected["skipped", -1, "skipped"] = 3
    records = outcome.told("warehouse")
    told = {(each["task_id"], each["map_index"], each["state"]): each["rows"] for each in records}
    assert told == expected
    # Airflow itself starts a try again where a loaded machine kept it waiting.
    tries = {(each["task_id"], each["map_index"], each["try_number"]) for each in records}
    assert len(tries) == len(records)
    assert {each["source"] for each in records} == {"plugin"}
    assert {each["run_id"] for each in records} == {RUN}


def test_the_exporter_counts_it_by_stage_and_task(outcome: Outcome) -> None:
    failed = {("warehouse", "unknown", "retried"): 50}
    if outcome.major >= 3:
        failed["warehouse", "unknown", "skipped"] = 3
    assert outcome.totals["data_rows_processed_total"] == PROCESSED
    assert outcome.totals["data_rows_failed_try_total"] == failed


def test_without_the_plugin_the_exporter_counts_what_tasks_return_or_push(
    without: Outcome,
) -> None:
    expected = {key: rows for key, rows in PROCESSED.items() if key[0] == "warehouse"}
    # What is returned may name its stage.
    expected["warehouse", "bronze", "mapped"] = expected.pop(("warehouse", "unknown", "mapped"))
    assert without.totals["data_rows_processed_total"] == expected
    assert without.intake.pushes == []


def test_what_the_author_reports_adds_up_and_replaces_what_hooks_counted(outcome: Outcome) -> None:
    records = outcome.told("reports")
    name = {
        "dag_id": "reports", "task_id": "reported", "run_id": RUN, "map_index": -1,
        "try_number": records[-1]["try_number"], "state": "success", "source": "explicit",
    }  # fmt: skip
    assert records[-2:] == [
        {
            **name,
            "pipeline": "sales",
            "stage": "silver",
            "rows": 42,
            "bytes": 42000,
            "seconds": 1.0,
        },
        {**name, "stage": "gold", "rows": 7},
    ]


def test_a_try_is_one_request_with_the_token_and_nothing_of_the_sql(outcome: Outcome) -> None:
    pushes = outcome.intake.pushes
    tries = {
        tuple(push.records[0][key] for key in ("dag_id", "task_id", "map_index", "try_number"))
        for push in pushes
    }
    assert len(tries) == len(pushes)
    assert {push.path for push in pushes} == {"/ingest/v1/tries"}
    assert {push.headers["Authorization"] for push in pushes} == {"Bearer t0ken"}
    for push in pushes:
        assert not any(word in push.body for word in (b"s3cret", b"SELECT", b"br_orders"))


def test_an_exporter_that_is_away_holds_a_task_up_for_half_a_second_at_most(
    outcome: Outcome,
) -> None:
    stalls = {name: times for name, times in outcome.truths.items() if "-stalls-" in name}
    away = [times[0] for times in stalls.values()]
    there = [times[0] for name, times in outcome.truths.items() if "-warehouse-" in name]
    print({name: round(times[0], 3) for name, times in stalls.items()})
    print("answering:", sorted(round(each, 3) for each in there))
    assert len(away) == 4
    assert outcome.told("stalls") == []
    assert max(away) <= MOST_SECONDS
    assert statistics.median(there) < MOST_SECONDS / 2


def test_containers_of_docker_operators_are_labelled(outcome: Outcome) -> None:
    labels = {name: set(map(json.dumps, each)) for name, each in outcome.truths.items()}
    ours = {"dag_id": "containers"}
    assert {name: each for name, each in labels.items() if name.startswith("labels-")} == {
        "labels-bare": {json.dumps({**ours, "task_id": "bare"})},
        "labels-expanded": {json.dumps({**ours, "task_id": "expanded"})},
        "labels-labelled": {json.dumps({"dag_id": "mine", "task_id": "labelled", "team": "a"})},
    }


POLICY = """
from airflow import settings
from airflow.providers.docker.operators.docker import DockerOperator
try:
    from airflow.sdk import DAG
except ImportError:
    from airflow import DAG
with DAG("d"):
    task = DockerOperator(task_id="t", image="none", labels={"a": "b"})
settings.task_policy(task)
print("LABELS", task.labels)
"""


@pytest.mark.parametrize("version", VERSIONS)
def test_the_labels_are_a_policy_without_an_exporter_to_tell(version: str, tmp_path: Path) -> None:
    (tmp_path / "config").mkdir()
    settings = "from airflow_perf_exporter_plugin import task_policy\n"
    (tmp_path / "config" / "airflow_local_settings.py").write_text(settings)
    (tmp_path / "plugins").mkdir()
    shutil.copy(PLUGIN, tmp_path / "plugins")
    done = subprocess.run(
        [installed(version) / "bin" / "python", "-c", POLICY],
        check=True,
        env={"AIRFLOW_HOME": str(tmp_path), "HOME": str(tmp_path), "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
    )
    said = [line for line in done.stdout.splitlines() if line.startswith("LABELS")]
    assert said == ["LABELS {'dag_id': 'd', 'task_id': 't', 'a': 'b'}"]
