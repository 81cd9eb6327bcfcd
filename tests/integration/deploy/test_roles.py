"""Every role, run with the arguments of its manifest."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import pytest

from tests.integration.deploy.manifests import DEPLOY, KUBERNETES, Document, found, read
from tests.integration.identity.stub import Stub, answers
from tests.integration.roles.pod import Pod as TaskPod
from tests.support.exporter import ExporterProcess
from tests.support.node import Container, Node, Pod
from tests.support.ports import free_port

ACCEPTED = (
    'airflow_perf_exporter_ingest_requests_total{endpoint="/ingest/v1/tries",outcome="accepted"} 1'
)
ACCOUNT = "/var/run/secrets/kubernetes.io/serviceaccount"
WORKER = '{namespace="airflow",pod="airflow-worker-0",container="worker"}'


@pytest.fixture
def task_pod(tmp_path: Path) -> Iterator[TaskPod]:
    pod = TaskPod(tmp_path)
    yield pod
    pod.close()


def test_a_node_names_the_containers_of_its_namespace(tmp_path: Path) -> None:
    pods = [Pod("airflow", "airflow-worker-0", (Container("worker", 0.5, 1 << 30),))]
    node = Node(tmp_path / "node", pods)
    (tmp_path / "token").write_text("of-the-pod")
    (document,) = read(KUBERNETES / "node" / "daemonset.yaml")
    with Stub(answers(200, node.pod_list())) as server:
        here = {
            "$(POD_NAMESPACE)": "airflow",
            "$(NODE_NAME)": "node-1",
            "https://kubernetes.default.svc": server.url,
            "/host/sys/fs/cgroup": str(node.cgroupfs),
            f"--kubernetes.ca-file={ACCOUNT}/ca.crt": "",
            ACCOUNT: str(tmp_path),
        }
        arguments = replaced(args(document), here)
        arguments += ["--path.procfs", str(node.procfs), "--collector.containers.interval", "1s"]
        with ExporterProcess(tmp_path, *arguments) as exporter:
            exporter.wait_ready()
            exporter.wait_for(f"airflow_container_memory_usage_bytes{WORKER} 1073741824")
        asked = server.seen[0]
    assert "/api/v1/namespaces/airflow/pods?fieldSelector=spec.nodeName%3Dnode-1&" in asked.line
    assert asked.headers["Authorization"] == "Bearer of-the-pod"


def test_a_pod_of_one_task_hands_over_to_who_samples_the_database(
    with_intake: list[Document], task_pod: TaskPod, tmp_path: Path
) -> None:
    (template,) = read(DEPLOY / "airflow-chart-values" / "pod-template.yaml")
    (sidecar,) = template["spec"]["initContainers"]
    (tmp_path / "dsn").write_text(f"sqlite:///{tmp_path}/airflow.db")
    here = {
        "/etc/airflow-perf-exporter": str(tmp_path),
        "/var/lib/airflow-perf-exporter": str(tmp_path / "ledger"),
        "address=:10113": f"address=127.0.0.1:{(port := free_port())}",
        "http://airflow-perf-exporter:10113": f"http://127.0.0.1:{port}",
        "/etc/podinfo": str(task_pod.podinfo),
    }
    receiving = replaced(args(found(with_intake, "StatefulSet")), here)
    handing_over = [*replaced(sidecar["args"], here), "--path.procfs", str(task_pod.procfs)]
    with ExporterProcess(tmp_path, *receiving) as db:
        db.wait_ready()
        with ExporterProcess(tmp_path, *handing_over) as exporter:
            exporter.wait_ready()
            task_pod.run("burn", 3)  # for longer than two looks are apart
            db.wait_for(ACCEPTED, timeout=60)
            assert exporter.terminate() == 0


def args(workload: Document) -> list[str]:
    """Return the arguments of the one container of a workload."""
    (container,) = workload["spec"]["template"]["spec"]["containers"]
    given: list[str] = container["args"]
    return given


def replaced(args: Iterable[str], names: Mapping[str, str]) -> list[str]:
    """Return the arguments after `serve` with what stands for a name; what becomes empty goes."""
    text = "\n".join(args)
    for name, here in names.items():
        text = text.replace(name, here)
    return [each for each in text.split("\n") if each not in ("", "serve")]
