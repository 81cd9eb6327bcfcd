"""Real dbt-core and dbt-postgres build bronze, silver and gold; the exporter tells their rows."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.airflow.environment import environment_with
from tests.support.exporter import ExporterProcess
from tests.support.postgres import PostgresServer

PROJECT = Path(__file__).parent / "project"
DBT = ("dbt-core==1.11.16", "dbt-postgres==1.11.0")
FAST = (
    "--no-collector.airflow", "--no-collector.containers", "--no-collector.tasks",
    "--series.hold", "0s", "--rows.grace", "0s", "--dbt.interval", "200ms",
)  # fmt: skip
TRY = {"DAG_ID": "sales", "TASK_ID": "build", "RUN_ID": "manual__1", "TRY_NUMBER": "1"}

pytestmark = [pytest.mark.airflow, pytest.mark.timeout(600)]


class Warehouse:
    """A database, and dbt to fill it."""

    def __init__(self, directory: Path, postgres: PostgresServer, database: str) -> None:
        self.watched = directory / "watched"
        self.watched.mkdir()
        self._program = environment_with("dbt", DBT) / "bin" / "dbt"
        self._project = Path(shutil.copytree(PROJECT, directory / "project"))
        profile = {
            "type": "postgres", "host": "127.0.0.1", "port": postgres.port, "user": "postgres",
            "password": "none", "dbname": database, "schema": "wh", "threads": 2,
        }  # fmt: skip
        profiles = {"toy": {"target": "test", "outputs": {"test": profile}}}
        (self._project / "profiles.yml").write_text(json.dumps(profiles))

    def build(self, orders: int, told: Mapping[str, str] = {}) -> None:
        """Run dbt build, with what it is told of the try that runs it."""
        custom = {f"DBT_ENV_CUSTOM_ENV_{name}": value for name, value in told.items()}
        command = [
            self._program, "build", "--project-dir", self._project, "--profiles-dir",
            self._project, "--target-path", self.watched / "target", "--vars",
            json.dumps({"orders": orders}),
        ]  # fmt: skip
        environment = {**os.environ, **custom, "DBT_SEND_ANONYMOUS_USAGE_STATS": "false"}
        done = subprocess.run(
            command, env=environment, capture_output=True, text=True, timeout=300, check=False
        )
        assert done.returncode == 0, done.stdout[-2000:]


@pytest.fixture
def warehouse(tmp_path: Path, postgres: PostgresServer, database: str) -> Warehouse:
    return Warehouse(tmp_path, postgres, database.rpartition("/")[2])


def test_the_rows_of_each_build_are_told_by_stage(warehouse: Warehouse, tmp_path: Path):
    with ExporterProcess(tmp_path, *FAST, "--dbt.path", str(warehouse.watched)) as exporter:
        exporter.wait_ready()
        warehouse.build(5000)
        exporter.wait_for('airflow_perf_exporter_dbt_files_total{outcome="counted"} 1')
        assert _rows(exporter) == {"unknown": 3, "bronze": 5000, "silver": 5000, "gold": 97}
        warehouse.build(5100)
        exporter.wait_for('airflow_perf_exporter_dbt_files_total{outcome="counted"} 2')
        assert _rows(exporter) == {
            "unknown": 6,
            "bronze": 5000 + 5100,
            "silver": 5000 + 100,
            "gold": 97 + 97,
        }


def test_a_build_in_a_try_is_the_claim_of_that_try(warehouse: Warehouse, tmp_path: Path):
    with ExporterProcess(tmp_path, *FAST, "--dbt.path", str(warehouse.watched)) as exporter:
        exporter.wait_ready()
        warehouse.build(1000, TRY)
        told = 'pipeline="sales",stage="silver",dag_id="sales",task_id="build"'
        exporter.wait_for(f"data_rows_processed_total{{{told}}} 1000")


def _rows(exporter: ExporterProcess) -> dict[str, float]:
    """Return the rows of the project by stage."""
    return {
        dict(labels)["stage"]: value
        for (name, labels), value in exporter.families().items()
        if name == "data_rows_processed_total" and dict(labels)["pipeline"] == "toy"
    }
