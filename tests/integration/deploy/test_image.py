"""The image, built by a real engine and run as tightly as can be."""

from __future__ import annotations

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
from tests.support.docker_engine import DockerEngine
from tests.support.exporter import ROOT
from tests.support.require import require

IMAGE = "airflow-perf-exporter:test"
MIB = 1 << 20
MOST_ADDED_BYTES = 60_000_000
SIDECAR = ("serve", "--no-collector.airflow", "--docker.host", "none")
SCRAPE = (
    "import urllib.request as web;"
    "print(web.urlopen('http://127.0.0.1:10112/metrics', timeout=5).read().decode())"
)


def wait_until(condition: Callable[[], bool], seconds: float) -> None:
    end = monotonic() + seconds
    while not condition():
        assert monotonic() < end, "it takes too long"
        sleep(0.1)


@pytest.fixture(scope="module")
def image(module_docker: DockerEngine, tmp_path_factory: pytest.TempPathFactory) -> str:
    import_base(module_docker, tmp_path_factory.mktemp("base"))
    module_docker.client.images.build(
        path=str(ROOT), tag=IMAGE, buildargs={"BASE": BASE}, network_mode="host", rm=True
    )
    return IMAGE


@pytest.fixture
def sidecar(docker: DockerEngine, image: str) -> Iterator[Container]:
    container = docker.client.containers.run(
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
    yield container
    container.remove(force=True)


def test_it_serves_healthily_as_nobody_on_a_read_only_root_in_64_mib(sidecar: Container) -> None:
    def healthy() -> bool:
        sidecar.reload()
        return bool(sidecar.attrs["State"]["Health"]["Status"] == "healthy")

    wait_until(healthy, 30)
    code, output = sidecar.exec_run(["python", "-I", "-c", SCRAPE])
    assert code == 0
    assert "airflow_perf_exporter_collector_success" in output.decode()
    assert sidecar.attrs["Config"]["User"] == "65532:65532"
    assert not sidecar.attrs["State"]["OOMKilled"]


def test_it_ends_well_as_process_1(sidecar: Container) -> None:
    wait_until(lambda: b"exporter.started" in sidecar.logs(), 30)
    sidecar.stop(timeout=10)
    sidecar.reload()
    # 137 is the kill after ten seconds that a process 1 without a handler is ended by.
    assert sidecar.attrs["State"]["ExitCode"] == 0


def test_it_adds_little_to_its_base_and_leaves_pip_behind(docker: DockerEngine, image: str) -> None:
    sizes = [docker.client.images.get(each).attrs["Size"] for each in (image, BASE)]
    assert sizes[0] - sizes[1] <= MOST_ADDED_BYTES
    arguments = ["-I", "-c", "import importlib.util as u, exporter; print(exporter.__cached__)"]
    options: dict[str, Any] = {"entrypoint": ["python"], "network_mode": "none", "remove": True}
    compiled = docker.client.containers.run(image, arguments, **options).decode().strip()
    listing = ["-I", "-c", f"import os; print(os.path.exists({compiled!r}))"]
    assert docker.client.containers.run(image, listing, **options).decode().strip() == "True"


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
