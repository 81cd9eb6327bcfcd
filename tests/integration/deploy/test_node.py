"""The role node, run with the arguments of its manifest."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from tests.integration.deploy.manifests import KUBERNETES, read
from tests.integration.identity.stub import Stub, answers
from tests.support.exporter import ExporterProcess
from tests.support.node import Container, Node, Pod

ACCOUNT = "/var/run/secrets/kubernetes.io/serviceaccount"
WORKER = '{namespace="airflow",pod="airflow-worker-0",container="worker"}'


def test_it_names_the_containers_of_its_namespace(tmp_path: Path) -> None:
    pods = [Pod("airflow", "airflow-worker-0", (Container("worker", 0.5, 1 << 30),))]
    node = Node(tmp_path / "node", pods)
    (tmp_path / "token").write_text("of-the-pod")
    (document,) = read(KUBERNETES / "node" / "daemonset.yaml")
    (container,) = document["spec"]["template"]["spec"]["containers"]
    with Stub(answers(200, node.pod_list())) as server:
        here = {
            "$(POD_NAMESPACE)": "airflow",
            "$(NODE_NAME)": "node-1",
            "https://kubernetes.default.svc": server.url,
            "/host/sys/fs/cgroup": str(node.cgroupfs),
            f"--kubernetes.ca-file={ACCOUNT}/ca.crt": "",
            ACCOUNT: str(tmp_path),
        }
        arguments = replaced(container["args"], here)
        arguments += ["--path.procfs", str(node.procfs), "--collector.containers.interval", "1s"]
        with ExporterProcess(tmp_path, *arguments) as exporter:
            exporter.wait_ready()
            exporter.wait_for(f"airflow_container_memory_usage_bytes{WORKER} 1073741824")
        asked = server.seen[0]
    assert "/api/v1/namespaces/airflow/pods?fieldSelector=spec.nodeName%3Dnode-1&" in asked.line
    assert asked.headers["Authorization"] == "Bearer of-the-pod"


def replaced(args: Iterable[str], names: Mapping[str, str]) -> list[str]:
    """Return the arguments after `serve` with what stands for a name; what becomes empty goes."""
    text = "\n".join(args)
    for name, here in names.items():
        text = text.replace(name, here)
    return [each for each in text.split("\n") if each not in ("", "serve")]
