"""Beside a worker: same user id, no capability, read-only root, no socket, no database.

The exporter runs in a container of its own that shares the process ids of its neighbour.
"""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path
from time import monotonic, sleep

import pytest

from tests.integration.roles.kernel_figures import cpu_seconds, memory_bytes, samples_of, value
from tests.integration.roles.pod import Pod
from tests.support.exporter import ROOT, ExporterProcess

UID = 50000
PORT = 10112
PATIENCE_SECONDS = 30
BUSY = "i=0; while [ $i -lt 200000 ]; do i=$((i+1)); done; exec sleep 600"
SCRAPE = (
    "import urllib.request as r;"
    f"print(r.urlopen('http://127.0.0.1:{PORT}/metrics', timeout=5).read().decode())"
)
_PYTHON = Path(sys.base_prefix)
_BOUND = {
    str(path): {"bind": str(path), "mode": "ro"}
    for path in (Path("/usr"), Path("/lib"), Path("/lib64"), _PYTHON, Path(sys.prefix), ROOT)
    if path.exists()
}
# What must never be loaded beside a worker: each would cost it megabytes.
HEAVY = ("psycopg", "sqlalchemy", "docker", "greenlet", "msgspec")


class Sidecar:
    """The daemon beside a container, asked from within."""

    def __init__(
        self, docker, name, neighbour, *arguments, uid=UID, volumes=None, environment=None
    ):
        self._docker = docker
        self.id = docker.run(
            name,
            [sys.executable, "-m", "exporter", "serve", "--no-collector.airflow",
             "--collector.containers.interval", "1s", "--series.hold", "0s", *arguments],
            pid_mode=f"container:{neighbour}",
            user=f"{uid}:0",
            cap_drop=["ALL"],
            security_opt=["no-new-privileges"],
            read_only=True,
            volumes={**_BOUND, **(volumes or {})},
            working_dir="/",
            environment={"PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1",
                         **(environment or {})},
        )  # fmt: skip

    def scrape(self):
        code, output = self._docker.client.containers.get(self.id).exec_run(
            [sys.executable, "-I", "-c", SCRAPE]
        )
        return output.decode() if code == 0 else ""

    def until(self, condition):
        """Wait for a scrape that satisfies the condition, and return its samples."""
        deadline = monotonic() + PATIENCE_SECONDS
        while True:
            text = self.scrape()
            found = samples_of(text)
            if condition(found):
                return found
            if monotonic() > deadline:
                log = self._docker.client.containers.get(self.id).logs().decode()
                raise TimeoutError(f"{text}\n{log}")
            sleep(0.3)

    def pid(self):
        """Return the daemon's process id as this host sees it."""
        return self._docker.client.api.inspect_container(self.id)["State"]["Pid"]


def test_it_reads_its_neighbours_exact_figures_without_any_privilege(docker):
    worker = docker.run("worker", ["sh", "-c", BUSY], user=f"{UID}:0")
    before = -1.0
    while (now := cpu_seconds(worker)) != before:
        before = now
        sleep(1.0)
    sidecar = Sidecar(docker, "sidecar", worker)
    short = worker[:12]
    samples = sidecar.until(
        lambda found: value(found, "container_cpu_usage_seconds_total", container=short)
    )
    cpu = value(samples, "container_cpu_usage_seconds_total", container=short)
    assert cpu == pytest.approx(cpu_seconds(worker), rel=0.02)
    usage = value(samples, "container_memory_usage_bytes", container=short)
    assert usage == memory_bytes(worker)
    assert value(samples, "airflow_perf_exporter_collector_success", collector="containers") == 1.0
    maps = Path(f"/proc/{sidecar.pid()}/maps").read_text()
    status = Path(f"/proc/{sidecar.pid()}/status").read_text()
    assert re.search(r"^CapEff:\s+0+$", status, re.MULTILINE)
    assert not [name for name in HEAVY if f"/{name}" in maps]


def test_it_loads_no_library_of_a_database_nor_docker(tmp_path):
    pod = Pod(tmp_path)
    arguments = (
        "--no-collector.airflow", "--path.procfs", str(pod.procfs), "--docker.host", "none",
        "--kubernetes.pod-info", str(pod.podinfo), "--forward.url", f"http://127.0.0.1:{PORT}/",
    )  # fmt: skip
    told = {"PYTHONPROFILEIMPORTTIME": "1"}
    pod.show(os.getpid())
    with ExporterProcess(tmp_path, *arguments, environment=told) as exporter:
        exporter.wait_ready()
        exporter.scrape()
        assert exporter.terminate() == 0
        lines = exporter.log().splitlines()
    names = [line.rpartition("|")[2].strip() for line in lines if line.startswith("import time:")]
    assert "exporter.forward.forwarder" in names
    # structlog asks for greenlet and goes without it.
    assert not {name.partition(".")[0] for name in names} & {*HEAVY} - {"greenlet"}


def test_another_user_id_may_read_nothing_and_says_so(docker):
    worker = docker.run("worker", ["sleep", "600"], user=f"{UID}:0")
    sidecar = Sidecar(docker, "sidecar", worker, uid=UID + 1)
    samples = sidecar.until(
        lambda found: value(
            found, "airflow_perf_exporter_collector_errors_total", collector="containers",
            reason="unavailable",
        )
    )  # fmt: skip
    assert value(samples, "container_cpu_usage_seconds_total", container=worker[:12]) is None
    log = docker.client.containers.get(sidecar.id).logs().decode()
    assert "run with the user id of their processes" in log


def test_the_downward_api_tells_whose_the_pod_is(docker, tmp_path):
    worker = docker.run("worker", ["sleep", "600"], user=f"{UID}:0")
    (tmp_path / "annotations").write_text('dag_id="sales"\ntask_id="load.orders"\n')
    for path in (tmp_path, *tmp_path.parents[:2]):
        path.chmod(0o755)
    sidecar = Sidecar(
        docker, "sidecar", worker, "--kubernetes.pod-info", "/etc/podinfo",
        volumes={str(tmp_path): {"bind": "/etc/podinfo", "mode": "ro"}},
        environment={"POD_NAME": "sales-load-1", "POD_NAMESPACE": "airflow"},
    )  # fmt: skip
    labels = {
        "namespace": "airflow", "pod": "sales-load-1", "container": worker[:12],
        "dag_id": "sales", "task_id": "load.orders",
    }  # fmt: skip
    sidecar.until(lambda found: value(found, "container_memory_working_set_bytes", **labels))
