"""The image, built by a real engine and run as tightly as can be."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from time import monotonic, sleep
from typing import Any

import pytest
import sqlalchemy as sa
from docker.models.containers import Container

from exporter.demo import schema
from tests.integration.collectors.airflow.world import World
from tests.integration.deploy.base_image import BASE, import_base
from tests.support.docker_engine import DockerEngine
from tests.support.exporter import ROOT
from tests.support.ports import free_port
from tests.support.require import require

IMAGE = "airflow-perf-exporter:test"
MIB = 1 << 20
MOST_ADDED_BYTES = 55_000_000
SIDECAR = ("serve", "--no-collector.airflow", "--docker.host", "none")
LEDGER = "/var/lib/airflow-perf-exporter"
DATABASE = (
    "serve", "--no-collector.tasks", "--no-collector.containers", "--airflow.dsn-file=/dsn",
    f"--state.path={LEDGER}",
)  # fmt: skip
WELL = 'airflow_perf_exporter_collector_success{collector="airflow"} 1'
SCRAPE = (
    "import urllib.request as web;"
    "print(web.urlopen('http://127.0.0.1:{port}/metrics', timeout=5).read().decode())"
)


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
def run(docker: DockerEngine, image: str) -> Callable[..., Container]:
    """Return what starts the image with nothing that it can do without."""

    def start(*arguments: str, memory: int, **options: Any) -> Container:
        return docker.client.containers.run(
            image,
            list(arguments),
            detach=True,
            read_only=True,
            cap_drop=["ALL"],
            security_opt=["no-new-privileges"],
            mem_limit=memory,
            pids_limit=64,
            # Not the image's interval: a test would wait half a minute for the first look.
            healthcheck={"interval": 1_000_000_000},
            **options,
        )

    return start


@pytest.fixture
def sidecar(run: Callable[..., Container]) -> Container:
    return run(*SIDECAR, memory=64 * MIB, network_mode="none")


def scraped(container: Container, port: int = 10112) -> str:
    code, output = container.exec_run(["python", "-I", "-c", SCRAPE.format(port=port)])
    return str(output.decode()) if code == 0 else ""


def wait_until_healthy(container: Container) -> None:
    def healthy() -> bool:
        container.reload()
        return bool(container.attrs["State"]["Health"]["Status"] == "healthy")

    wait_until(healthy, 30)


def test_it_serves_healthily_as_nobody_on_a_read_only_root_in_64_mib(sidecar: Container) -> None:
    wait_until_healthy(sidecar)
    assert "airflow_perf_exporter_collector_success" in scraped(sidecar)
    assert sidecar.attrs["Config"]["User"] == "65532:65532"
    assert not sidecar.attrs["State"]["OOMKilled"]


def test_in_128_mib_it_samples_a_database_and_keeps_a_ledger_on_a_new_volume(
    run: Callable[..., Container], database: str, tmp_path: Path
) -> None:
    engine = sa.create_engine(database.replace(":", "+psycopg:", 1), poolclass=sa.NullPool)
    World(engine, schema.create(engine, "3.3"), "3.3").fill()
    address = tmp_path / "dsn"
    address.write_text(database)
    address.chmod(0o444)
    port = free_port()
    container = run(
        *DATABASE,
        f"--web.listen-address=127.0.0.1:{port}",
        memory=128 * MIB,
        network_mode="host",
        volumes=[f"{address}:/dsn:ro", LEDGER],
    )
    wait_until(lambda: WELL in scraped(container, port), 30)
    assert 'airflow_task_instance_state{state="running"}' in scraped(container, port)
    assert "/var/lib/airflow-perf-exporter" in container.logs().decode()
    assert container.exec_run(["sh", "-c", f"test -s {LEDGER}/ledger.sqlite"]).exit_code == 0


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
