"""The manifests: valid for old and new Kubernetes, tight, and never two exporters of a database."""

from __future__ import annotations

import json
from copy import deepcopy
from pathlib import Path

import fastjsonschema
import kubernetes_validate
import pytest
import yaml

from exporter import catalogue
from exporter.bundle.dashboards import all_dashboards
from exporter.bundle.delivery import CONFIG_MAP_BYTES
from tests.integration.deploy.custom_resources import KEDA
from tests.integration.deploy.manifests import DEPLOY, KUBERNETES, Document, found, pod, read
from tests.integration.deploy.tools import kustomized, relative
from tests.integration.deploy.validity import RESTRICTED, VERSIONS, unknown_flags, validate
from tests.integration.deploy.workload import IMAGE, workload
from tests.support.promtool import NO_PROMTOOL, check_rules, promtool_binary
from tests.support.require import require

BUILT = ("base", "node", "overlays/node-tasks", "overlays/prometheus-operator")
AUTOSCALING = DEPLOY / "autoscaling"
SCALED = sorted(AUTOSCALING.glob("keda-*.yaml"))
OPERATED = KUBERNETES / "overlays" / "prometheus-operator"
BUNDLED = DEPLOY / "helm" / "airflow-perf-exporter" / "bundled"
NAME, WITH_INTAKE = "app.kubernetes.io/name", "with-intake"


@pytest.fixture(scope="module")
def built(with_intake: list[Document]) -> dict[str, list[Document]]:
    """Return what kustomize builds of each directory, and of a base with the intake."""
    return {name: kustomized(KUBERNETES / name) for name in BUILT} | {WITH_INTAKE: with_intake}


@pytest.mark.parametrize("version", VERSIONS)
def test_what_kustomize_builds_is_valid(built: dict[str, list[Document]], version: str) -> None:
    for each in built.values():
        assert each
        for document in each:
            validate(document, version)


@pytest.mark.parametrize("version", VERSIONS)
def test_what_scales_the_workers_is_valid(version: str) -> None:
    assert SCALED
    for path in (AUTOSCALING / "hpa.yaml", *SCALED):
        objects = read(path)
        assert objects
        for each in objects:
            validate(each, version)


@pytest.mark.parametrize("kind", ["Service", "StatefulSet", "NetworkPolicy"])
def test_a_field_of_kubernetes_that_does_not_exist_would_be_found(
    built: dict[str, list[Document]], kind: str
) -> None:
    wrong = deepcopy(found(built["base"], kind))
    wrong["spec"]["prots"] = []
    with pytest.raises(kubernetes_validate.ValidationError):
        validate(wrong, VERSIONS[0])


@pytest.mark.parametrize(
    ("kind", "field"),
    [("ServiceMonitor", "endpoints"), ("PodMonitor", "podMetricsEndpoints"),
     ("PrometheusRule", "groups"), ("ScaledObject", "triggers")],
)  # fmt: skip
def test_a_field_of_an_operator_that_does_not_exist_would_be_found(
    built: dict[str, list[Document]], kind: str, field: str
) -> None:
    known = [*built["overlays/prometheus-operator"], *read(SCALED[0])]
    wrong = deepcopy(next(each for each in known if each["kind"] == kind))
    wrong["spec"][field][0]["honourLabels"] = True
    with pytest.raises(fastjsonschema.JsonSchemaException):
        validate(wrong, VERSIONS[0])


def test_kustomize_refuses_a_patch_that_no_longer_fits(tmp_path: Path) -> None:
    overlay = (KUBERNETES / "overlays" / "node-tasks" / "kustomization.yaml").read_text()
    moved = overlay.replace("../../node", relative(KUBERNETES / "node", tmp_path))
    (tmp_path / "kustomization.yaml").write_text(moved.replace("args/2", "args/3"))
    with pytest.raises(AssertionError, match="testing value"):
        kustomized(tmp_path)


def test_keda_never_takes_a_missing_value_for_none() -> None:
    for path in SCALED:
        (document,) = read(path)
        assert document["spec"]["fallback"]["replicas"] > 0
        for trigger in document["spec"]["triggers"]:
            told = trigger["metadata"]
            assert told.keys() == KEDA[trigger["type"]]
            assert told.get("ignoreNullValues", "false") == "false"
            assert catalogue.WORKERS_DESIRED.name in (told.get("query") or told["valueLocation"])


def test_one_exporter_samples_a_database_and_has_no_token(built: dict[str, list[Document]]) -> None:
    exporter = found(built["base"], "StatefulSet")
    assert exporter["spec"]["replicas"] == 1
    assert pod(exporter)["automountServiceAccountToken"] is False
    assert {each["kind"] for each in built["base"]} == {"StatefulSet", "Service", "NetworkPolicy"}


def test_every_exporter_gives_up_what_it_can(built: dict[str, list[Document]]) -> None:
    pods = [
        pod(document)
        for each in built.values()
        for document in each
        if document["kind"] in ("StatefulSet", "DaemonSet")
    ]
    assert len(pods) == len(built)
    for each in pods:
        (container,) = each["containers"]
        assert container["securityContext"] == RESTRICTED
        assert each["securityContext"]["runAsNonRoot"]
        assert each["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        assert not each["enableServiceLinks"]
        assert not unknown_flags(container["args"])


def test_a_node_shows_its_cgroups_and_no_process(built: dict[str, list[Document]]) -> None:
    node = pod(found(built["node"], "DaemonSet"))
    assert "hostPID" not in node
    (mount,) = node["containers"][0]["volumeMounts"]
    assert mount["readOnly"]
    assert [each["hostPath"]["path"] for each in node["volumes"]] == ["/sys/fs/cgroup"]
    assert found(built["node"], "Role")["rules"] == [
        {"apiGroups": [""], "resources": ["pods"], "verbs": ["list"]}
    ]


def test_who_sees_tasks_on_a_node_is_the_workers_user_and_group(
    built: dict[str, list[Document]],
) -> None:
    node = pod(found(built["overlays/node-tasks"], "DaemonSet"))
    assert node["hostPID"]
    context = node["securityContext"]
    assert (context["runAsUser"], context["runAsGroup"]) == (50000, 0)
    args = node["containers"][0]["args"]
    assert "--tasks.user=50000" in args
    assert "--no-collector.tasks" not in args


def test_the_intake_is_open_to_workers_alone(built: dict[str, list[Document]]) -> None:
    policy = found(built[WITH_INTAKE], "NetworkPolicy")["spec"]
    (rule,) = (each for each in policy["ingress"] if each["ports"] == [{"port": "intake"}])
    assert rule["from"] == [
        {"podSelector": {"matchLabels": {"tier": "airflow", "component": "worker"}}}
    ]
    ports = {each["port"] for each in found(built[WITH_INTAKE], "Service")["spec"]["ports"]}
    assert ports == {10112, 10113}


@pytest.mark.parametrize(
    ("name", "kind", "monitor", "component"),
    [("base", "StatefulSet", "ServiceMonitor", "db"), ("node", "DaemonSet", "PodMonitor", "node")],
)
def test_what_selects_an_exporter_selects_it_alone(
    built: dict[str, list[Document]], name: str, kind: str, monitor: str, component: str
) -> None:
    exporter = found(built[name], kind)
    labels = exporter["spec"]["template"]["metadata"]["labels"]
    assert labels == {NAME: "airflow-perf-exporter", "app.kubernetes.io/component": component}
    assert exporter["spec"]["selector"] == {"matchLabels": labels}
    assert found(built[name], "NetworkPolicy")["spec"]["podSelector"] == {"matchLabels": labels}
    operated = built["overlays/prometheus-operator"]
    own = found(operated, monitor, exporter["metadata"]["name"])
    assert own["spec"]["selector"] == {"matchLabels": labels}
    if kind == "StatefulSet":
        service = found(built[name], "Service")
        assert service["spec"]["selector"] == service["metadata"]["labels"] == labels


def test_every_scrape_keeps_our_labels_and_names_pod_and_installation(
    built: dict[str, list[Document]],
) -> None:
    monitors = [
        each
        for each in built["overlays/prometheus-operator"]
        if each["kind"] in ("ServiceMonitor", "PodMonitor")
    ]
    assert len(monitors) == 3
    for each in monitors:
        (endpoint,) = each["spec"].get("endpoints") or each["spec"]["podMetricsEndpoints"]
        labels = {one["targetLabel"]: one.get("sourceLabels") for one in endpoint["relabelings"]}
        assert endpoint["honorLabels"]
        assert labels["instance"] == ["__meta_kubernetes_pod_name"]
        assert "airflow" in labels


def test_every_dashboard_and_rule_is_delivered(
    built: dict[str, list[Document]], tmp_path: Path
) -> None:
    operated = built["overlays/prometheus-operator"]
    maps = [each for each in operated if each["kind"] == "ConfigMap"]
    uids = {each.uid for each in all_dashboards()}
    assert {each["metadata"]["name"] for each in maps} == uids
    for each in maps:
        assert each["metadata"]["labels"] == {"grafana_dashboard": "1"}
    assert "airflow_container_cpu" in str(maps)
    assert max(len(json.dumps(each)) for each in operated) < CONFIG_MAP_BYTES
    require(promtool_binary(), NO_PROMTOOL)
    path = tmp_path / "rules.yml"
    path.write_text(yaml.safe_dump(found(operated, "PrometheusRule")["spec"]))
    assert check_rules(path) == []


@pytest.mark.parametrize("version", VERSIONS)
def test_a_worker_with_the_sidecar_is_valid_and_gives_it_no_right(
    version: str, tmp_path: Path
) -> None:
    worker = patched(tmp_path)
    validate(worker, version)
    assert pod(worker)["shareProcessNamespace"]
    sidecar, own = sorted(pod(worker)["containers"], key=lambda each: str(each["name"]))
    assert own["image"] == IMAGE
    context = sidecar["securityContext"]
    assert {name: context[name] for name in RESTRICTED} == RESTRICTED
    assert (context["runAsUser"], context["runAsGroup"]) == (50000, 0)
    assert "dsn" not in str(sidecar)
    assert not unknown_flags(sidecar["args"])


def patched(directory: Path) -> Document:
    """Return a worker like the official chart's after the patch, by a real kustomize."""
    patch = (KUBERNETES / "sidecar" / "worker-patch.yaml").read_text()
    (directory / "patch.yaml").write_text(patch)
    worker = workload("StatefulSet", "worker")
    (directory / "worker.yaml").write_text(yaml.safe_dump(worker))
    files = {"resources": ["worker.yaml"], "patches": [{"path": "patch.yaml"}]}
    (directory / "kustomization.yaml").write_text(yaml.safe_dump(files))
    (one,) = kustomized(directory)
    return one
