"""The `report` command on databases of each kind, against pandas and SQL."""

from __future__ import annotations

import json
import os
import random
import socket
from collections.abc import Iterator
from pathlib import Path
from threading import Event
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pandas as pd
import pytest
import sqlalchemy as sa
from click.testing import CliRunner, Result

from exporter.cli import main
from tests.integration.collectors.airflow.conftest import address
from tests.integration.history.past import Past
from tests.integration.identity.stub import Stub, answers

__all__ = ["address"]
HOUR = 3600.0
DAY = 86400.0
EDGES = {"extract": ["orders", "customers"], "orders": ["load"], "customers": ["load"], "load": []}


@pytest.fixture(params=["3.3", "2.11"])
def past(address: str, request: pytest.FixtureRequest) -> Iterator[Past]:
    """Write 35 days in which `orders` became slower, and `customers` fails now and then."""
    made = Past(address, request.param)
    made.serialized("sales", EDGES)
    made.world.add("slot_pool", pool="default_pool", slots=4, include_deferred=False)
    chance = random.Random(3)
    for day in range(35):
        start = -(35 - day) * DAY + 4 * HOUR
        run = ("sales", f"day{day}")
        made.run(*run, start, start + 2 * HOUR)
        at = start
        for task, median in (("extract", 60), ("orders", 600), ("customers", 300), ("load", 30)):
            seconds = median * chance.lognormvariate(0, 0.1)
            if task == "orders" and day >= 28:
                seconds *= 2
            retried = task == "customers" and day % 2
            made.tried(run, task, at, at + seconds, try_number=2 if retried else 1)
            if retried:
                made.archived(run, task, at - 40, at - 10)
            at += seconds + 100
    yield made
    made.close()


def report(past: Past, *arguments: str, **environ: str) -> Result:
    variables = {
        "AIRFLOW_PERF_EXPORTER_AIRFLOW_DSN": past.dsn, "PATH": os.environ["PATH"],
        "AIRFLOW_HOME": "/nonexistent", **environ,
    }  # fmt: skip
    return CliRunner(env=variables).invoke(main, ["report", *arguments])


def told(past: Past, *arguments: str) -> dict[str, Any]:
    result = report(past, "--format", "json", *arguments)
    assert result.exit_code == 0, result.output
    found: dict[str, Any] = json.loads(result.stdout)
    return found


def frame(past: Past) -> pd.DataFrame:
    """Return every try of the database, by plain SQL."""
    columns = "dag_id, task_id, run_id, state, start_date, end_date, duration"
    with past.world.engine.connect() as connection:
        tables = [
            pd.DataFrame(connection.execute(sa.text(f"SELECT {columns} FROM {table}")).mappings())
            for table in ("task_instance", "task_instance_history")
        ]
    found = pd.concat(tables, keys=["live", "archived"], names=["table", None])
    found["end"] = pd.to_datetime(found["end_date"], utc=True, format="mixed")
    return found


def test_the_figures_are_those_of_pandas(past: Past) -> None:
    found, tries = told(past), frame(past)
    now = tries[tries["end"] >= past.at(-7 * DAY)]
    assert found["totals"]["tries"] == len(now)
    assert found["totals"]["tries_before"] == len(tries) - len(now)
    assert found["totals"]["seconds"] == pytest.approx(now["duration"].sum(), abs=0.01)
    good = now[now["state"] == "success"].groupby("task_id")["duration"]
    slowest = {each["task_id"]: each for each in found["sections"]["slowest"]["rows"]}
    for task, p95 in good.quantile(0.95).items():
        assert slowest[task]["p95_seconds"] == pytest.approx(p95, abs=0.001)
        assert slowest[task]["median_seconds"] == pytest.approx(good.median()[task], abs=0.001)
    lost = now[now["state"] == "failed"].groupby("task_id")["duration"].sum()
    waste = {each["task_id"]: each["failed_seconds"] for each in found["sections"]["waste"]["rows"]}
    assert waste == pytest.approx(lost.to_dict())


def test_what_became_slower_is_told_and_may_end_a_pipeline(past: Past) -> None:
    (slower,) = told(past)["sections"]["regressions"]["rows"]
    assert (slower["task_id"], slower["verdict"]) == ("orders", "confirmed")
    tries = frame(past)
    orders = tries[tries["task_id"] == "orders"]
    recent = orders["end"] >= past.at(-7 * DAY)
    assert slower["now_seconds"] == pytest.approx(orders[recent]["duration"].median())
    assert slower["before_seconds"] == pytest.approx(orders[~recent]["duration"].median())
    assert report(past, "--fail-on", "regression").exit_code == 1
    assert report(past, "--fail-on", "any").exit_code == 1
    gates = ("--fail-on", "wait", "--fail-on", "settings")
    assert report(past, *gates, AIRFLOW__CORE__PARALLELISM="32").exit_code == 0


def test_a_pipeline_does_not_pass_by_what_could_not_be_told(past: Past) -> None:
    result = report(past, "--fail-on", "wait", "--fail-on", "memory")
    assert result.exit_code == 2
    assert "--fail-on memory: baselines, memory and rows cannot be told" in result.stderr
    assert "Where the time goes" in result.stdout
    both = report(past, "--fail-on", "memory", "--fail-on", "regression")
    assert both.exit_code == 1


def test_the_critical_path_goes_through_the_slower_of_two(past: Past) -> None:
    (dag,) = told(past)["sections"]["dags"]["rows"]
    assert (dag["critical_path"], dag["runs"]) == ("extract → orders → load", 7)
    assert dag["serialized_tasks"] == "customers, orders"
    saving = dag["mean_seconds"] - dag["critical_seconds"]
    assert dag["potential_saving_seconds"] == pytest.approx(saving)


@pytest.fixture
def crowded(past: Past) -> Past:
    """Add a DAG that may have two tasks at a time and has them for 18 hours, and others wait."""
    for day in range(1, 4):
        run = ("crowded", f"day{day}")
        start = -day * DAY
        past.run(*run, start, start + 6 * HOUR)
        for place in range(6):
            at = start + place // 2 * 2 * HOUR
            past.tried(
                run, "t", at + 60, at + 2 * HOUR, map_index=place, queued_dttm=past.at(at),
                scheduled_dttm=past.at(start),
            )  # fmt: skip
    past.world.change("dag", {"dag_id": "crowded"}, max_active_tasks=2)
    return past


def active_tasks(found: dict[str, Any], dag_id: str) -> dict[str, Any]:
    rows: list[dict[str, Any]] = found["sections"]["active_tasks"]["rows"]
    return next(each for each in rows if each["dag_id"] == dag_id)


def saturation(found: dict[str, Any]) -> list[str]:
    return [each["text"] for each in found["findings"] if each["kind"] == "saturation"]


def test_a_dag_at_its_max_active_tasks_is_told_with_what_waits(crowded: Past) -> None:
    found = told(crowded)
    row = active_tasks(found, "crowded")
    assert (row["max_active_tasks"], row["peak_tasks"]) == (2, pytest.approx(2.0))
    (text,) = [each for each in saturation(found) if "crowded" in each]
    (advice,) = [each for each in found["findings"] if each["text"] == text]
    assert "raise max_active_tasks of crowded from 2" in advice["recommendation"]
    if crowded.world.three:
        assert row["full_share"] == pytest.approx(1.0)
        assert row["full_seconds"] == pytest.approx(18 * HOUR, abs=0.1)
        waits = pd.Series([0, 0, 2, 2, 4, 4] * 3) * HOUR
        assert row["wait_p95_seconds"] == pytest.approx(waits.quantile(0.95))
        assert row["wait_total_seconds"] == pytest.approx(waits.sum()) == advice["seconds"]
        assert text.startswith("Runs of crowded are at their max_active_tasks (2) 100% of the time")
    else:
        # Means of minutes, of which the first and the last of a run are seldom whole.
        assert 1 - 6 / (18 * 60) <= row["full_share"] <= 1
        assert row["wait_p95_seconds"] is None
        assert advice["detail"] == "which others waited is not recorded before Airflow 3"
    assert active_tasks(found, "sales")["full_share"] == 0


def test_runs_beside_one_another_fill_a_dag_before_airflow_3_alone(past: Past) -> None:
    for number in range(2):
        run = ("apart", f"r{number}")
        past.run(*run, -DAY - number, -DAY + HOUR)
        past.tried(run, "t", -DAY, -DAY + HOUR)
    past.world.change("dag", {"dag_id": "apart"}, max_active_tasks=2)
    row = active_tasks(told(past), "apart")
    assert (row["full_share"] > 0.9) == (not past.world.three)


def test_parallelism_is_that_of_all_schedulers_that_are_alive(crowded: Past) -> None:
    def parallelism() -> list[str]:
        found = json.loads(
            report(crowded, "--format", "json", AIRFLOW__CORE__PARALLELISM="2").stdout
        )
        return [each for each in saturation(found) if "parallelism" in each]

    beat = {"job_type": "SchedulerJob", "state": "running", "hostname": "one"}
    crowded.world.add("job", **beat, latest_heartbeat=crowded.at(0))
    # 18 of 168 hours, in which two of them were queued or running.
    assert parallelism() == ["[core] parallelism is exhausted 11% of the time"]
    crowded.world.add("job", **beat | {"hostname": "two"}, latest_heartbeat=crowded.at(0))
    assert parallelism() == []


def test_where_max_active_tasks_is_not_granted_that_is_said(crowded: Past) -> None:
    crowded.world.execute("ALTER TABLE dag DROP COLUMN max_active_tasks")
    found = told(crowded)
    missing = {each["what"]: each["why"] for each in found["missing"]}
    assert missing["max_active_tasks of DAGs"] == "dag.max_active_tasks is missing or not granted"
    assert "active_tasks" not in found["sections"]
    assert report(crowded, "--fail-on", "saturation").exit_code == (1 if saturation(found) else 2)


def test_a_gate_does_not_open_by_a_limit_that_is_not_known(past: Past) -> None:
    def ends(kind: str = "saturation", **environ: str) -> tuple[int, str]:
        result = report(past, "--fail-on", kind, **environ)
        return result.exit_code, result.stderr

    parallelism = {"AIRFLOW__CORE__PARALLELISM": "32"}
    assert ends(**parallelism) == (0, "")
    code, why = ends()
    assert (code, "AIRFLOW__CORE__PARALLELISM" in why) == (2, True)
    code, why = ends("settings")
    assert (code, "settings of Airflow cannot be told" in why) == (2, True)
    for table, what in (("slot_pool", "slots of pools"), ("job", "the number of schedulers")):
        past.world.execute(f"ALTER TABLE {table} RENAME TO away")
        code, why = ends(**parallelism)
        assert (code, f"{what} cannot be told: {table} is missing" in why) == (2, True)
        past.world.execute(f"ALTER TABLE away RENAME TO {table}")
    assert "critical paths" not in {each["what"] for each in told(past)["missing"]}
    past.world.execute("UPDATE serialized_dag SET data = NULL")
    code, why = ends("parallelism")
    assert (code, "critical paths of 1 DAG cannot be told" in why) == (2, True)


def test_what_cannot_be_told_is_said_with_the_reason(past: Past) -> None:
    past.world.execute("DROP TABLE serialized_dag")
    missing = {each["what"]: each["why"] for each in told(past)["missing"]}
    assert missing["critical paths"] == "serialized_dag is missing or not granted"
    assert "--prometheus" in missing["baselines, memory and rows"]
    assert "pg_stat_statements" in missing["slow statements"]
    text = report(past).stdout
    assert (
        "\n  critical paths: serialized_dag is missing or not granted\n"
        in text.split("Data gaps")[1]
    )
    assert "usual critical path" in text


def test_where_the_database_begins_later_than_asked_it_is_said(address: str) -> None:
    past = Past(address)
    for number in range(4):
        start = -2 * DAY + number * DAY / 2
        past.run("d", f"r{number}", start, start + 900)
        past.tried(("d", f"r{number}"), "t", start + 2, start + 902, queued_dttm=past.at(start))
    found, text = told(past), report(past).stdout
    compared = told(past, "--since", "1d", "--compare", "2d")
    gate = report(past, "--fail-on", "regression")
    past.close()
    assert gate.exit_code == 2
    assert "--fail-on regression: the time before" in gate.stderr
    begins = f"{past.at(-2 * DAY):%Y-%m-%d %H:%M} UTC"
    assert found["since"] == found["compared_since"] == found["database_begins"]
    assert f"Compared with: nothing, the database begins at {begins}" in text
    assert (
        f"the time before {begins}: the database begins there: 2.0 d of the 7.0 d asked for, and "
        "nothing to compare with"
    ) in text
    # An hour of two days; of seven, it would be less than a hundredth.
    (pool,) = found["sections"]["pools"]["rows"]
    assert pool["mean_slots"] == pytest.approx(1 / 48, rel=0.01)
    assert compared["totals"]["tries_before"] == compared["totals"]["tries"] == 2
    (why,) = [each["why"] for each in compared["missing"] if each["what"].startswith("the time")]
    assert why == "the database begins there: 24.0 h to compare with, 2.0 d asked for"


def test_where_all_that_was_asked_for_is_there_nothing_is_said_to_miss(past: Past) -> None:
    found = told(past, "--compare", "20d")
    assert not [each for each in found["missing"] if each["what"].startswith("the time")]
    assert found["database_begins"] < found["compared_since"] < found["since"]


def test_filters_leave_dags_out(past: Past) -> None:
    found = told(past, "--airflow.dag-exclude", "sales")
    assert found["verdict"] == "No try has ended in this period."
    assert found["sections"].keys() <= {"tables"}


def test_the_page_is_written_where_it_is_asked_for(past: Past, tmp_path: Path) -> None:
    path = tmp_path / "report.html"
    result = report(past, "--format", "html", "--output", str(path))
    assert (result.exit_code, result.stdout) == (0, "")
    assert path.read_text().startswith("<!DOCTYPE html>")
    result = report(past, "--output", str(tmp_path / "no" / "file"))
    assert result.exit_code == 2
    assert "--output" in result.stderr


def test_settings_of_airflow_are_judged_without_a_value_being_told(past: Past) -> None:
    variables = {
        "AIRFLOW__WEBSERVER__WORKERS": "hunter22", "AIRFLOW__CORE__PARALLELISM": "1",
        "AIRFLOW__CORE__SQL_ALCHEMY_POOL_SIZE": "5",
    }  # fmt: skip
    result = report(past, **variables)
    assert "hunter22" not in result.output
    assert "[core] sql_alchemy_pool_size is not a setting of Airflow" in result.stdout
    assert ("[webserver] workers is not" in result.stdout) == past.world.three


def test_a_prometheus_server_adds_memory_and_rows(past: Past) -> None:
    def answer(query: str) -> list[Any]:
        task = {"dag_id": "sales", "task_id": "orders"}
        killed = {"dag_id": "sales", "task_id": "load"}
        if "histogram_quantile(0.99" in query:
            return [(task, 3.0 * 2**30), ({"dag_id": "a", "task_id": "b"}, float("nan"))]
        if "task_peak_memory_bytes_count" in query:
            return [(task, 50.0)]
        if "container_spec_memory_limit_bytes" in query:
            return [(task, 2.0**32), (killed, 2.0**30)]
        if "oom_events_total" in query:
            return [(task, 0.0), (killed, 3.0)]
        return []

    def behave(sock: socket.socket, closing: Event) -> None:
        target = urlsplit(server.seen[-1].line.split()[1])
        query = parse_qs(target.query)["query"][0]
        result = [{"metric": labels, "value": [0, str(value)]} for labels, value in answer(query)]
        body = {"status": "success", "data": {"resultType": "vector", "result": result}}
        answers(200, json.dumps(body).encode())(sock, closing)

    with Stub(behave) as server:
        found = told(past, "--prometheus", server.url)
        silent = report(past, "--prometheus", server.url, "--fail-on", "baseline")
    assert silent.exit_code == 2
    assert "baselines cannot be told: the Prometheus server has no series" in silent.stderr
    killed, row = found["sections"]["memory"]["rows"]
    assert (killed["task_id"], killed["oom_kills"], killed["p99_bytes"]) == ("load", 3.0, None)
    assert killed["limit_bytes"] == 2**30
    assert (row["task_id"], row["advised_bytes"]) == ("orders", 3712 * 2**20)
    assert row["freed_bytes"] == 2**32 - 3712 * 2**20
    assert not [each for each in found["missing"] if "memory" in each["what"]]


def test_a_prometheus_server_that_is_away_costs_its_parts_alone(past: Past) -> None:
    found = told(past, "--prometheus", "http://127.0.0.1:9")
    (reason,) = [each["why"] for each in found["missing"] if "memory" in each["what"]]
    assert "127.0.0.1:9" in reason
    assert found["sections"]["regressions"]["rows"]


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (["--since", "soon"], "'soon' is not a duration"),
        (["--compare", "5m"], "'--compare': '5m' is not a duration of at least 1h"),
        (["--fail-on", "everything"], "everything"),
        (["--airflow", "production"], "--airflow, --token-file and --ca-file are for --prometheus"),
    ],
)
def test_wrong_usage_is_exit_status_2(arguments: list[str], problem: str) -> None:
    result = CliRunner().invoke(main, ["report", *arguments])
    assert result.exit_code == 2
    assert problem in result.output


def test_without_a_database_it_is_said_what_to_set() -> None:
    result = CliRunner(env={"AIRFLOW_HOME": "/nonexistent"}).invoke(main, ["report"])
    assert result.exit_code == 2
    assert "no Airflow metadata database is configured" in result.stderr
