"""The image, built by a real engine, run as tightly as can be, and by the Compose file."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from time import monotonic, sleep
from typing import Any

import pytest
from docker.models.containers import Container

from tests.integration.deploy.base_image import BASE, import_base
from tests.integration.deploy.compose import NO_COMPOSE, Stack, copied
from tests.integration.deploy.stand_ins import import_postgres, import_prometheus
from tests.support.docker_engine import DockerEngine
from tests.support.exporter import ROOT
from tests.support.prometheus import NO_PROMETHEUS, prometheus_binary
from tests.support.require import require

IMAGE = "airflow-perf-exporter:test"
MIB = 1 << 20
MOST_ADDED_BYTES = 55_000_000
SIDECAR = ("serve", "--no-collector.airflow", "--docker.host", "none")
LEDGER = "/var/lib/airflow-perf-exporter/ledger.sqlite"
SAMPLED = (
    'airflow_perf_exporter_collector_success{collector="airflow"} 1',
    'airflow_perf_exporter_collector_feature_available{collector="airflow",feature="xcom"} 1',
    'airflow_dag_info{dag_id="sales_ingest"',
    'airflow_task_instance_state{state="running"}',
)
FETCH = (
    "import sys, urllib.request as web;print(web.urlopen(sys.argv[1], timeout=5).read().decode())"
)
METRICS = "http://127.0.0.1:10112/metrics"


def wait_until(condition: Callable[[], bool], seconds: float) -> None:
    end = monotonic() + seconds
    while not condition():
        assert monotonic() < end, "it takes too long"
        sleep(0.1)


@pytest.fixture(scope="module")
def image(module_docker: DockerEngine, tmp_path_factory: pytest.TempPathFactory) -> str:
    import_base(module_docker, tmp_path_factory.mktemp("base"))
    module_docker.build(ROOT, IMAGE, {"BASE": BASE})
    return IMAGE


@pytest.fixture
def sidecar(docker: DockerEngine, image: str) -> Container:
    return docker.client.containers.run(
        image,
        list(SIDECAR),
        detach=True,
        network_mode="none",
        read_only=True,
        cap_drop=["ALL"],
        security_opt=["no-new-privileges"],
        mem_limit=64 * MIB,
        pids_limit=64,
        # Not the image's interval: a test would wait half a minute for the first look.
        healthcheck={"interval": 1_000_000_000},
    )


@pytest.fixture(scope="module")
def stack(
    module_docker: DockerEngine, image: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Stack]:
    require(shutil.which("docker-compose"), NO_COMPOSE)
    require(prometheus_binary(), NO_PROMETHEUS)
    directory = tmp_path_factory.mktemp("compose")
    engine = DockerEngine.start(directory, isolated=True)
    try:
        import_postgres(engine, directory)
        import_prometheus(engine, directory)
        engine.client.images.load(module_docker.client.images.get(image).save(named=True))
        yield Stack(engine, copied(directory), image)
    finally:
        engine.close()


def fetched(container: Container, url: str = METRICS) -> str:
    """Return what a container of the image gets from there, nothing where it gets none."""
    code, output = container.exec_run(["python", "-I", "-c", FETCH, url])
    return str(output.decode()) if code == 0 else ""


def wait_until_healthy(container: Container) -> None:
    def healthy() -> bool:
        container.reload()
        return bool(container.attrs["State"]["Health"]["Status"] == "healthy")

    wait_until(healthy, 30)


def test_it_serves_healthily_as_nobody_on_a_read_only_root_in_64_mib(sidecar: Container) -> None:
    wait_until_healthy(sidecar)
    assert "airflow_perf_exporter_collector_success" in fetched(sidecar)
    assert sidecar.attrs["Config"]["User"] == "65532:65532"
    assert not sidecar.attrs["State"]["OOMKilled"]


def test_it_ends_well_as_process_1(sidecar: Container) -> None:
    wait_until(lambda: b"exporter.started" in sidecar.logs(), 30)
    sidecar.stop(timeout=2)
    sidecar.reload()
    # 137 is the kill after two seconds that a process 1 without a handler is ended by.
    assert sidecar.attrs["State"]["ExitCode"] == 0


def test_it_adds_little_to_its_base_and_leaves_pip_behind(docker: DockerEngine, image: str) -> None:
    sizes = [docker.client.images.get(each).attrs["Size"] for each in (image, BASE)]
    assert sizes[0] - sizes[1] <= MOST_ADDED_BYTES
    arguments = ["-I", "-c", "import importlib.util as u, exporter; print(exporter.__cached__)"]
    options: dict[str, Any] = {"entrypoint": ["python"], "network_mode": "none", "remove": True}
    compiled = docker.client.containers.run(image, arguments, **options).decode().strip()
    listing = ["-I", "-c", f"import os; print(os.path.exists({compiled!r}))"]
    assert docker.client.containers.run(image, listing, **options).decode().strip() == "True"


def test_the_compose_file_has_the_demo_sampled_in_128_mib_by_a_role_that_only_reads(
    stack: Stack,
) -> None:
    exporter = stack.service("exporter")
    wait_until(lambda: all(each in fetched(exporter) for each in SAMPLED), 30)
    settings = exporter.attrs["HostConfig"]
    assert settings["ReadonlyRootfs"]
    assert settings["CapDrop"] == ["ALL"]
    assert settings["Memory"] == 128 * MIB
    assert not exporter.attrs["State"]["OOMKilled"]
    # The volume was root's before the image had a directory of the exporter's there.
    assert exporter.exec_run(["sh", "-c", f"test -s {LEDGER}"]).exit_code == 0


def test_the_compose_file_has_prometheus_scrape_both_exporters_and_load_the_rules(
    stack: Stack,
) -> None:
    exporter = stack.service("exporter")

    def asked(path: str) -> Any:
        return json.loads(fetched(exporter, f"http://prometheus:9090/api/v1/{path}"))["data"]

    query = "query?query=count(up{airflow=%22demo%22}==1)"
    wait_until(lambda: [each["value"][1] for each in asked(query)["result"]] == ["2"], 60)
    assert {Path(each["file"]).name for each in asked("rules")["groups"]} == {
        "airflow.yml",
        "baselines.yml",
    }
    running = "query?query=count(task_running_instances{instance=%22demo:10112%22})"
    wait_until(lambda: bool(asked(running)["result"]), 60)


def test_hadolint_finds_nothing_but_in_what_is_wrong(tmp_path: Path) -> None:
    program = shutil.which("hadolint", path=str(Path(sys.executable).parent))
    require(program, "there is no hadolint: make venv")
    assert program is not None

    def findings(path: Path) -> str:
        return subprocess.run([program, path], check=False, capture_output=True, text=True).stdout

    assert findings(ROOT / "Dockerfile") == ""
    wrong = tmp_path / "Dockerfile"
    wrong.write_text("FROM python\nRUN pip install exporter\nCMD python\n")
    assert "DL3006" in findings(wrong)
