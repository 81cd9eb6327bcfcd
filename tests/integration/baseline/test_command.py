"""The `baseline` command against a live exporter, a Prometheus server, and what is neither."""

from __future__ import annotations

import json
import os
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from threading import Event

import pytest
from click.testing import CliRunner, Result

from exporter.cli import main
from tests.integration.identity.stub import Behaviour, Stub, answers, certificates, hangs, says
from tests.scrape.world import World
from tests.support.exporter import ROOT, ExporterProcess
from tests.support.prometheus import NO_PROMETHEUS, Prometheus, prometheus_binary
from tests.support.require import require

MIB = 2**20
BUSY = 10_000
"""Cores: much, for a rate over minutes is seen after seconds."""
TEXT = "Content-Type: text/plain; version=0.0.4"
BUILD = 'airflow_perf_exporter_build_info{version="1",pythonversion="3"} 1\n'
ACTUAL = 'airflow_baseline_actual{scope="stage",name="bronze",metric="rate_mbps",direction="min"}'


def baseline(*arguments: str) -> Result:
    return CliRunner(env={"PATH": os.environ["PATH"]}).invoke(main, ["baseline", *arguments])


def judged(result: Result) -> dict[tuple[str, str], tuple[str, float | None]]:
    """Return status and headroom by name and metric; only of what is known."""
    found = json.loads(result.stdout)["baselines"]
    assert len(found) == 15
    return {
        (each["name"], each["metric"]): (each["status"], each["headroom_ratio"])
        for each in found
        if each["status"] != "unknown"
    }


def scrape(silver_mib: float, rate_mbps: float = 79) -> str:
    """Make a scrape of an exporter that samples the database, tasks and containers."""
    lines = [
        BUILD,
        f"{ACTUAL} {rate_mbps}",
        f'task_memory_usage_bytes{{dag_id="d",task_id="t"}} {silver_mib * MIB}',
        'task_running_instances{dag_id="d",task_id="t"} 1',
        'data_task_info{dag_id="d",task_id="t",pipeline="p",stage="silver"} 1',
        f'container_memory_working_set_bytes{{container="worker"}} {1024 * MIB}',
        f'container_cpu_usage_seconds_total{{container="worker"}} {BUSY * time.monotonic()}',
        f"{ACTUAL.replace('actual', 'target')} 100",
        f"{ACTUAL.replace('actual', 'tolerance_ratio')} 0.2",
    ]
    for name, metric, target in (
        ("silver", "memory_mib", 4096), ("worker", "memory_mib", 2048), ("worker", "cpu_cores", 1),
    ):  # fmt: skip
        scope = "component" if name == "worker" else "stage"
        labels = f'scope="{scope}",name="{name}",metric="{metric}",direction="max"'
        lines += [
            f"airflow_baseline_target{{{labels}}} {target}",
            f"airflow_baseline_tolerance_ratio{{{labels}}} 0.2",
        ]
    return "\n".join(lines) + "\n"


def exporter(silver_mib: float) -> Behaviour:
    def behave(sock: socket.socket, closing: Event) -> None:
        answers(200, scrape(silver_mib).encode(), TEXT)(sock, closing)

    return behave


def test_a_scrape_of_a_live_exporter_is_judged() -> None:
    with Stub(exporter(1024)) as live:
        result = baseline("--url", f"{live.url}/metrics", "--format", "json")
    assert judged(result) == {
        ("bronze", "rate_mbps"): ("breach", pytest.approx(-0.0125)),
        ("silver", "memory_mib"): ("ok", pytest.approx(0.7917, abs=1e-4)),
        ("worker", "memory_mib"): ("ok", pytest.approx(0.5833, abs=1e-4)),
    }
    assert result.exit_code == 1


@pytest.mark.parametrize(
    ("text", "arguments", "status"),
    [
        (f"{BUILD}{ACTUAL} 80\n", (), 0),
        (f"{BUILD}{ACTUAL} 80\n", ("--strict",), 3),
        (f"{BUILD}{ACTUAL} 79\n", ("--strict",), 1),
        (BUILD, (), 0),
    ],
)
def test_the_exit_status_tells_kept_missed_and_unknown(text, arguments, status) -> None:
    with Stub(answers(200, text.encode(), TEXT)) as live:
        result = baseline("--url", f"{live.url}/metrics", *arguments)
    assert result.exit_code == status
    assert result.stdout.splitlines()[-1].startswith("15 baselines: ")


@pytest.mark.parametrize(
    ("behaviour", "sentence"),
    [
        (answers(404), "answered 404"),
        (answers(200, b"<html>hello</html>"), "did not answer with an exporter's metrics"),
        (answers(200, b"up 1\n"), "did not answer with an exporter's metrics"),
        (answers(200, (BUILD + ACTUAL + " what\n").encode()), "did not answer with metrics"),
        (answers(200, (BUILD + ACTUAL[:-1] + " 1\n").encode()), "did not answer with metrics"),
        (says(b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n", b"x" * 2**20),
         "did not answer in HTTP, or not to the end"),
        (hangs, "did not answer everything within 1 s"),
    ],
)  # fmt: skip
def test_what_is_no_exporter_is_an_error_and_never_a_pass(behaviour, sentence) -> None:
    with Stub(behaviour) as live:
        result = baseline("--url", f"{live.url}/metrics", "--timeout", "1")
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.startswith(f"airflow-perf-exporter: {live.url}")
    assert sentence in result.stderr


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        (b"{}", "did not answer as Prometheus does"),
        (b"[" * 100_000, "did not answer as Prometheus does"),
        (b'{"data": {"resultType": "scalar", "result": [1, "2"]}}', "as Prometheus does"),
        (b'{"data": {"resultType": "vector", "result": [{"metric": [], "value": [1, "2"]}]}}',
         "did not answer as Prometheus does"),
        (b" " * (2**20 + 70_000), "answered with too much"),
    ],
)  # fmt: skip
def test_what_is_no_prometheus_is_an_error_and_never_a_pass(body, sentence) -> None:
    with Stub(answers(200, body)) as server:
        result = baseline("--prometheus", server.url)
    assert (result.exit_code, result.stdout) == (2, "")
    assert sentence in result.stderr


def test_a_server_that_trickles_is_left_at_the_deadline() -> None:
    with Stub(says(b"HTTP/1.1 200 OK\r\n", *[b"X: y\r\n"] * 100, every_seconds=0.2)) as server:
        result = baseline("--prometheus", server.url, "--timeout", "1")
    assert result.exit_code == 2
    assert "did not answer everything within 1 s" in result.stderr


def test_the_deadline_is_for_all_answers_together() -> None:
    body = b'{"data": {"resultType": "vector", "result": []}}'
    head = f"HTTP/1.1 200 OK\r\nContent-Length: {len(body)}\r\n\r\n".encode()
    with Stub(says(head, body, every_seconds=0.2)) as server:
        result = baseline("--prometheus", server.url, "--timeout", "1")
        assert 1 <= len(server.seen) < 15
    assert result.exit_code == 2
    assert "did not answer everything within 1 s" in result.stderr


def test_a_token_and_a_ca_are_used_and_not_told(tmp_path) -> None:
    ca, context = certificates(tmp_path)
    token = tmp_path / "token"
    token.write_text("s3cret\n")
    with Stub(answers(401), tls=context) as server:
        arguments = ("--prometheus", f"{server.url}/prefix/", "--token-file", str(token))
        result = baseline(*arguments, "--ca-file", str(ca))
        assert server.seen[0].headers["Authorization"] == "Bearer s3cret"
        assert server.seen[0].line.startswith("GET /prefix/api/v1/query?query=")
        distrusted = baseline(*arguments)
    assert result.exit_code == distrusted.exit_code == 2
    assert "answered 401" in result.stderr
    assert "certificate" in distrusted.stderr
    assert "s3cret" not in result.output + distrusted.output


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ((), "give one of --url, --prometheus and --actuals"),
        (("--url", "http://a", "--prometheus", "http://b"), "give one of --url"),
        (("--url", "ftp://a"), "--url: not a URL such as https://host:port/path"),
        (("--url", "http://a", "--airflow", "x"), "--airflow: chooses what --prometheus"),
        (("--actuals", "/nonexistent"), "--actuals /nonexistent: no such file"),
        (("--actuals", "/x", "--baselines.file", "/nonexistent"), "--baselines.file /nonexistent"),
        (("--url", "http://a", "--timeout", "0"), "Invalid value for '--timeout'"),
    ],
)
def test_wrong_usage_is_a_sentence_and_exit_status_2(arguments, sentence) -> None:
    result = baseline(*arguments)
    assert (result.exit_code, result.stdout) == (2, "")
    assert sentence in result.stderr


def test_a_real_exporter_knows_nothing_until_a_try_told_and_then_its_rates(tmp_path) -> None:
    world = World(tmp_path / "airflow.db")
    environment = {"AIRFLOW_PERF_EXPORTER_AIRFLOW_DSN": world.dsn}
    arguments = (
        "--collector.airflow.interval", "200ms", "--series.hold", "0s", "--rows.grace", "0s",
        "--no-collector.tasks", "--no-collector.containers",
    )  # fmt: skip
    with ExporterProcess(tmp_path, *arguments, environment=environment) as daemon:
        world.begin()
        daemon.wait_ready()
        daemon.wait_for('airflow_task_instance_state{state="running"} 2')
        asked = ("--url", f"{daemon.url}/metrics", "--format", "json", "--strict")
        before = baseline(*asked)
        # 36 MB and 1,200 rows in 12 seconds.
        world.finish()
        daemon.wait_for(f"{ACTUAL} 3")
        after = baseline(*asked)
    world.close()
    assert (judged(before), before.exit_code) == ({}, 3)
    assert (judged(after), after.exit_code) == (
        {
            ("bronze", "rate_mbps"): ("breach", 3 / 80 - 1),
            ("bronze", "rows_per_second"): ("breach", 100 / 8000 - 1),
        },
        1,
    )


@pytest.fixture(scope="module")
def server(tmp_path_factory) -> Iterator[Prometheus]:
    """Start a Prometheus with our rules that scrapes an exporter twice, as two replicas."""
    require(prometheus_binary(), NO_PROMETHEUS)
    directory = tmp_path_factory.mktemp("prometheus")
    rules = directory / "rules.yml"
    bundled = (ROOT / "grafana/rules/baselines.yml").read_text()
    rules.write_text(bundled.replace("interval: 1m", "interval: 1s"))
    with Stub(exporter(40960)) as one, Stub(exporter(40960)) as two:
        targets = [f"127.0.0.1:{each.port}" for each in (one, two)]
        with Prometheus(directory, targets, "production", [rules]) as started:
            started.wait_for("baseline:headroom:ratio", 4)
            yield started


def test_a_prometheus_is_judged_as_its_recording_rule_does(server) -> None:
    result = baseline("--prometheus", server.url, "--format", "json")
    assert result.exit_code == 1
    found = judged(result)
    assert {key: status for key, (status, _) in found.items()} == {
        ("bronze", "rate_mbps"): "breach",
        ("silver", "memory_mib"): "breach",
        ("worker", "memory_mib"): "ok",
        ("worker", "cpu_cores"): "breach",
    }
    recorded = server.query("baseline:headroom:ratio")
    assert {labels["airflow"] for labels, _ in recorded} == {"production"}
    by_rule = {(labels["name"], labels["metric"]): value for labels, value in recorded}
    # CPU is another one at each look.
    assert by_rule.pop(("worker", "cpu_cores")) < 0
    assert found.pop(("worker", "cpu_cores"))[1] < 0
    assert {key: headroom for key, (_, headroom) in found.items()} == pytest.approx(by_rule)
    assert found["bronze", "rate_mbps"][1] == pytest.approx(-0.0125)
    assert found["silver", "memory_mib"][1] == pytest.approx(-7.3333, abs=1e-4)


def test_another_installation_knows_nothing(server) -> None:
    chosen = baseline("--prometheus", server.url, "--airflow", "production", "--format", "json")
    other = baseline("--prometheus", server.url, "--airflow", "test", "--format", "json")
    assert (len(judged(chosen)), chosen.exit_code) == (4, 1)
    assert (other.exit_code, other.stdout) == (2, "")
    assert f"--airflow test: {server.url} knows no such installation" in other.stderr
    assert other.stderr.rstrip().endswith("; there are production")


def test_an_installation_that_is_there_and_has_no_data_is_unknown() -> None:
    def behave(sock: socket.socket, closing: Event) -> None:
        is_asked = "build_info" in several.seen[-1].line
        result = [{"metric": {"airflow": "idle"}, "value": [0, "1"]}] if is_asked else []
        body = json.dumps({"data": {"resultType": "vector", "result": result}}).encode()
        answers(200, body)(sock, closing)

    with Stub(behave) as several:
        idle = baseline("--prometheus", several.url, "--airflow", "idle", "--format", "json")
        typo = baseline("--prometheus", several.url, "--airflow", "idel")
    assert (judged(idle), idle.exit_code) == ({}, 0)
    assert typo.exit_code == 2


def test_a_query_that_is_refused_is_named() -> None:
    with Stub(answers(400)) as server:
        result = baseline("--prometheus", server.url)
    assert result.exit_code == 2
    assert "stage bronze rate_mbps: " in result.stderr
    assert "refuses its query: max by (airflow)" in result.stderr


@pytest.mark.parametrize("path", ["", "/"])
def test_a_url_without_a_path_means_metrics(path) -> None:
    with Stub(exporter(1024)) as live:
        result = baseline("--url", f"{live.url}{path}", "--format", "json")
        assert live.seen[0].line.startswith("GET /metrics ")
    assert ("bronze", "rate_mbps") in judged(result)


def test_of_several_installations_one_must_be_chosen(tmp_path: Path) -> None:
    result = [
        {"metric": {"airflow": name}, "value": [0, "79"]} for name in ("production", "staging")
    ]
    body = json.dumps({"data": {"resultType": "vector", "result": result}}).encode()
    with Stub(answers(200, body)) as several:
        refused = baseline("--prometheus", several.url)
        asked = baseline("--prometheus", several.url, "--airflow", 'a"b')
        last = several.seen[-1].line
    assert refused.exit_code == asked.exit_code == 2
    assert "choose one by --airflow: production, staging" in refused.stderr
    assert "airflow%3D%22a%5C%22b%22" in last
