"""The Helm chart: what it makes is valid, the same as kustomize makes, and no value is a guess."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest
import yaml

from exporter import __version__
from exporter.bundle.dashboards import all_dashboards
from tests.integration.deploy.manifests import (
    DEPLOY,
    KUBERNETES,
    RESTRICTED,
    VERSIONS,
    Document,
    documents,
    found,
    kustomized,
    output,
    read,
    tool,
    unknown_flags,
    validate,
)
from tests.support.exporter import ExporterProcess

CHART = DEPLOY / "helm" / "airflow-perf-exporter"
RELEASE = "airflow-perf-exporter"
OPERATOR = "monitoring.coreos.com/v1/PrometheusRule"
# Names that YAML would take for numbers are names all the same.
EVERYTHING = {
    "airflow": "staging",
    "image": {"tag": "1.2.3", "pullPolicy": "Always", "pullSecrets": ["4"]},
    "db": {
        "intake": True,
        "flags": ["--log.level=debug"],
        "files": {"rows.yml": "pipelines: []\n"},
        "secretFiles": "7",
        "dsn": {"secret": "1", "key": "2"},
        "storage": {"className": "3"},
        "nodeSelector": {"workers": "no"},
        "tolerations": [{"operator": "Exists"}],
    },
    "node": {
        "enabled": True,
        "tasks": {"enabled": True},
        "flags": ["--log.level=debug"],
        "nodeSelector": {"workers": "yes"},
        "tolerations": [{"operator": "Exists"}],
    },
    "monitors": {"enabled": True, "labels": {"release": "prometheus"}},
    "rules": {"labels": {"release": "prometheus"}},
    "dashboards": {"namespace": "5"},
    "networkPolicy": {"from": ["6", "keda"]},
}
LARGEST_RELEASE_BYTES = 1 << 19
"""Helm keeps a release, chart and manifests, in a secret, which holds twice as much at most."""


def helm(*arguments: str | Path, values: Document | None = None) -> str:
    return output(tool("helm"), *arguments, "--values", "-", text=yaml.safe_dump(values or {}))


def rendered(values: Document | None = None, *arguments: str) -> list[Document]:
    command = ("template", RELEASE, CHART, "--namespace", "airflow", *arguments)
    return documents(helm(*command, values=values))


def pod(documents: list[Document], kind: str) -> Document:
    spec: Document = found(documents, kind)["spec"]["template"]["spec"]
    return spec


@pytest.mark.parametrize("values", [{}, EVERYTHING], ids=["thin", "everything"])
def test_helm_finds_nothing_wrong(values: Document) -> None:
    assert "1 chart(s) linted, 0 chart(s) failed" in helm("lint", "--strict", CHART, values=values)


def test_helm_would_find_a_template_that_is_wrong(tmp_path: Path) -> None:
    copy = shutil.copytree(CHART, tmp_path / "chart")
    wrong = copy / "templates" / "db.yaml"
    wrong.write_text(wrong.read_text().replace(".storage.size", ".storage.size | nosuch"))
    with pytest.raises(AssertionError, match="nosuch"):
        helm("lint", "--strict", copy)


@pytest.mark.parametrize(
    ("values", "version"), [({}, VERSIONS[1]), *((EVERYTHING, each) for each in VERSIONS)]
)
def test_what_it_makes_is_valid(values: Document, version: str) -> None:
    made = rendered(values, "--kube-version", version, "--api-versions", OPERATOR)
    assert made
    for each in made:
        validate(each, version)


def test_the_thin_default_is_the_role_db_with_rules_and_dashboards() -> None:
    made = rendered()
    kinds = {each["kind"] for each in made}
    assert kinds == {"StatefulSet", "Service", "NetworkPolicy", "ConfigMap", "Pod"}
    maps = {each["metadata"]["name"] for each in made if each["kind"] == "ConfigMap"}
    assert maps == {each.uid for each in all_dashboards()} | {f"{RELEASE}-rules"}
    assert found(made, "Pod")["metadata"]["annotations"]["helm.sh/hook"] == "test"


@pytest.mark.parametrize(
    ("values", "directory", "kind"),
    [
        ({}, "base", "StatefulSet"),
        ({"node": {"enabled": True}}, "node", "DaemonSet"),
        ({"node": {"enabled": True, "tasks": {"enabled": True}}}, "overlays/node-tasks",
         "DaemonSet"),
    ],
)  # fmt: skip
def test_its_pods_are_those_of_kustomize(values: Document, directory: str, kind: str) -> None:
    made, built = rendered(values), kustomized(KUBERNETES / directory)
    assert pod(made, kind) == pod(built, kind)
    if kind == "DaemonSet":
        assert found(made, "Role")["rules"] == found(built, "Role")["rules"]
        assert found(made, "RoleBinding")["subjects"] == found(built, "RoleBinding")["subjects"]
    else:
        claims = "volumeClaimTemplates"
        assert found(made, kind)["spec"][claims] == found(built, kind)["spec"][claims]


def test_its_intake_is_that_of_kustomize(with_intake: list[Document]) -> None:
    made = rendered({"db": {"intake": True}})
    assert pod(made, "StatefulSet") == pod(with_intake, "StatefulSet")
    ports = [found(each, "Service")["spec"]["ports"] for each in (made, with_intake)]
    assert ports[0] == ports[1]


def test_its_network_policies_are_those_of_kustomize_but_for_the_test(
    with_intake: list[Document],
) -> None:
    made = rendered({"db": {"intake": True}, "node": {"enabled": True}})
    built = [*with_intake, *kustomized(KUBERNETES / "node")]
    for name in (RELEASE, f"{RELEASE}-node"):
        ours, theirs = (found(each, "NetworkPolicy", name)["spec"] for each in (made, built))
        senders = ours["ingress"][0]["from"]
        if name == RELEASE:
            labels = senders.pop()["podSelector"]["matchLabels"]
            assert labels["app.kubernetes.io/component"] == "test"
            assert labels.items() <= found(made, "Pod")["metadata"]["labels"].items()
        assert ours["ingress"] == theirs["ingress"]
        assert ours["egress"] == theirs["egress"]


def test_its_monitors_rules_and_dashboards_are_those_of_kustomize() -> None:
    values = {"monitors": {"enabled": True}, "node": {"enabled": True}}
    made = rendered(values, "--api-versions", OPERATOR)
    for each in kustomized(KUBERNETES / "overlays" / "prometheus-operator"):
        kind, name = each["kind"], each["metadata"]["name"]
        if kind == "ConfigMap":
            own = found(made, kind, name)
            assert {key: json.loads(text) for key, text in own["data"].items()} == {
                key: json.loads(text) for key, text in each["data"].items()
            }
            assert each["metadata"]["labels"].items() <= own["metadata"]["labels"].items()
            assert each["metadata"]["annotations"] == own["metadata"]["annotations"]
        if kind == "PrometheusRule":
            assert found(made, kind)["spec"] == each["spec"]
        if kind in ("ServiceMonitor", "PodMonitor"):
            ours, theirs = found(made, kind, name)["spec"], each["spec"]
            selected = [spec.pop("selector")["matchLabels"] for spec in (ours, theirs)]
            assert selected[1].items() <= selected[0].items()
            assert ours == theirs


def test_without_the_operator_the_rules_are_a_file_for_prometheus() -> None:
    (text,) = found(rendered(), "ConfigMap", f"{RELEASE}-rules")["data"].values()
    (resource,) = read(CHART / "bundled" / "rules" / "airflow-perf-exporter.yaml")
    assert yaml.safe_load(text) == resource["spec"]


def test_two_releases_share_neither_names_nor_pods() -> None:
    command = ("template", "other", CHART, "--namespace", "airflow")
    values = {"node": {"enabled": True}, "dashboards": {"enabled": False}}
    one, other = rendered(values), documents(helm(*command, values=values))
    names = [{(each["kind"], each["metadata"]["name"]) for each in made} for made in (one, other)]
    assert not names[0] & names[1]
    for kind in ("StatefulSet", "DaemonSet"):
        labels = found(other, kind)["spec"]["template"]["metadata"]["labels"]
        selected = found(one, kind)["spec"]["selector"]["matchLabels"]
        assert not selected.items() <= labels.items()


def test_the_longest_name_of_a_release_leaves_room_for_a_hash() -> None:
    made = documents(helm("template", "a" * 53, CHART))
    # Kubernetes labels pods of a StatefulSet with its name, a dash and a hash of ten characters.
    assert len(found(made, "StatefulSet")["metadata"]["name"]) + 1 + 10 <= 63


def test_an_image_may_be_named_by_digest() -> None:
    digest = f"sha256:{'0' * 64}"
    image = {"repository": "registry:5000/team/exporter", "tag": digest}
    (container,) = pod(rendered({"image": image}), "StatefulSet")["containers"]
    assert container["image"] == f"registry:5000/team/exporter@{digest}"


def test_everything_that_can_be_set_arrives() -> None:
    made = rendered(EVERYTHING, "--api-versions", OPERATOR)
    for kind, user in (("StatefulSet", 65532), ("DaemonSet", 50000)):
        (container,) = pod(made, kind)["containers"]
        assert container["image"] == "airflow-perf-exporter:1.2.3"
        assert container["imagePullPolicy"] == "Always"
        assert container["args"][-1] == "--log.level=debug"
        assert container["securityContext"] == RESTRICTED
        assert not unknown_flags(container["args"])
        assert pod(made, kind)["imagePullSecrets"] == [{"name": "4"}]
        assert pod(made, kind)["tolerations"] == [{"operator": "Exists"}]
        assert pod(made, kind)["nodeSelector"].keys() == {"workers"}
        assert pod(made, kind)["securityContext"]["runAsUser"] == user
    for each in made:
        if each["kind"] in ("ServiceMonitor", "PodMonitor", "PrometheusRule"):
            assert each["metadata"]["labels"]["release"] == "prometheus"
            assert "production" not in str(each)
        if each["kind"] == "ConfigMap" and "dashboard" in str(each["metadata"]["labels"]):
            assert each["metadata"]["namespace"] == "5"
        if each["kind"] == "NetworkPolicy":
            assert "keda" in str(each["spec"]["ingress"])


def test_a_changed_file_arrives_and_rolls_out() -> None:
    path = "/etc/airflow-perf-exporter-files"
    sums = []
    for text in ("pipelines: []\n", "stages: []\n"):
        files = {"files": {"rows.yml": text}, "flags": [f"--rows.file={path}/rows.yml"]}
        made = rendered({"db": files})
        template = found(made, "StatefulSet")["spec"]["template"]
        sums.append(template["metadata"]["annotations"]["checksum/files"])
        (container,) = template["spec"]["containers"]
        assert {"name": "files", "mountPath": path, "readOnly": True} in container["volumeMounts"]
        (volume,) = (each for each in template["spec"]["volumes"] if each["name"] == "files")
        assert found(made, "ConfigMap", volume["configMap"]["name"])["data"] == {"rows.yml": text}
    assert sums[0] != sums[1]


def test_files_that_are_secrets_come_from_a_secret() -> None:
    path = "/etc/airflow-perf-exporter-secrets"
    flags = [f"--web.intake-token-file={path}/token"]
    made = pod(rendered({"db": {"secretFiles": "intake", "flags": flags}}), "StatefulSet")
    (container,) = made["containers"]
    assert {"name": "secrets", "mountPath": path, "readOnly": True} in container["volumeMounts"]
    (volume,) = (each for each in made["volumes"] if each["name"] == "secrets")
    assert volume["secret"] == {"secretName": "intake", "defaultMode": 0o440}
    assert not unknown_flags(container["args"])


@pytest.mark.parametrize(
    ("values", "refused"),
    [
        ({"db": {"replicas": 2}}, "db.replicas"),
        ({"db": {"replica": 1}}, "replica"),
        ({"exporter": {}}, "exporter"),
        ({"db": {"flags": ["log.level=debug"]}}, "db.flags.0"),
        # Probes, monitors and the claim are made for what the chart sets itself.
        ({"db": {"flags": ["--state.path=/tmp"]}}, "db.flags.0"),
        ({"node": {"flags": ["--web.config.file=/etc/tls.yml"]}}, "node.flags.0"),
        ({"db": {"files": {"../rows.yml": ""}}}, "db.files"),
        ({"db": {"storage": {"size": 1}}}, "db.storage.size"),
        ({"node": {"tasks": {"user": 0}}}, "node.tasks.user"),
        ({"airflow": ""}, "airflow"),
        ({"networkPolicy": {"databasePorts": ["postgres"]}}, "networkPolicy.databasePorts.0"),
        ({"image": {"repository": "exporter:1"}}, "image.repository"),
        ({"image": {"tag": "sha256:0"}}, "image.tag"),
        ({"monitors": {"interval": "0s"}}, "monitors.interval"),
        # Kubernetes takes what is left empty here for everybody and everything.
        ({"networkPolicy": {"from": None}}, "from is required"),
        ({"networkPolicy": {"databasePorts": None}}, "databasePorts is required"),
        ({"monitors": {"workers": None}}, "workers is required"),
    ],
)
def test_a_value_that_makes_no_sense_is_refused_by_name(values: Document, refused: str) -> None:
    with pytest.raises(AssertionError, match=refused):
        rendered(values)


def test_a_chart_around_it_may_share_its_values() -> None:
    assert rendered({"global": {"anything": True}})


def test_every_value_has_a_schema_and_every_schema_a_value() -> None:
    def known(schema: Document, prefix: str = "") -> set[str]:
        inner = schema.get("properties", {})
        deeper = (known(each, f"{prefix}{name}.") for name, each in inner.items())
        return {f"{prefix}{name}" for name in inner}.union(*deeper)

    def given(values: Document, names: set[str], prefix: str = "") -> set[str]:
        keys = {f"{prefix}{name}" for name in values}
        for name, value in values.items():
            if isinstance(value, dict) and any(
                each.startswith(f"{prefix}{name}.") for each in names
            ):
                keys |= given(value, names, f"{prefix}{name}.")
        return keys

    names = known(json.loads((CHART / "values.schema.json").read_text())) - {"global"}
    (values,) = read(CHART / "values.yaml")
    assert given(values, names) == names


def test_no_value_can_be_taken_away() -> None:
    def lacking(schema: Document) -> set[str]:
        inner = schema.get("properties", {})
        return (inner.keys() - {*schema.get("required", ()), "global"}).union(
            *map(lacking, inner.values())
        )

    assert not lacking(json.loads((CHART / "values.schema.json").read_text()))


def test_it_is_packed_whole_and_small_enough_for_a_release(tmp_path: Path) -> None:
    output(tool("helm"), "package", CHART, "--destination", tmp_path)
    (archive,) = tmp_path.iterdir()
    assert archive.name == f"airflow-perf-exporter-{__version__}.tgz"
    assert archive.stat().st_size < LARGEST_RELEASE_BYTES
    with tarfile.open(archive) as tar:
        names = {Path(name).relative_to(RELEASE).as_posix() for name in tar.getnames()}
    assert "bundled/rules/airflow-perf-exporter.yaml" in names
    assert "bundled/kustomization.yaml" not in names


def test_versions_of_chart_image_and_exporter_are_one() -> None:
    (chart,) = read(CHART / "Chart.yaml")
    assert chart["version"] == chart["appVersion"] == __version__
    for path in DEPLOY.rglob("*.yaml"):
        if "templates" not in path.parts:
            text = path.read_text()
            images = text.count("image: airflow-perf-exporter:")
            assert images == text.count(f"image: airflow-perf-exporter:{__version__}\n"), path


def test_its_test_tells_whether_a_collector_samples(tmp_path: Path) -> None:
    made = rendered()
    (container,) = found(made, "Pod")["spec"]["containers"]
    script, url, *_ = container["args"]
    assert url == f"http://{found(made, 'Service')['metadata']['name']}:10112/metrics"
    command = [sys.executable, *container["command"][1:], script]
    arguments = ("--no-collector.airflow", "--no-collector.tasks", "--docker.host", "none")
    with ExporterProcess(tmp_path, *arguments) as exporter:
        exporter.wait_ready()
        asked = f"{exporter.url}/metrics"
        codes = [
            subprocess.run(
                [*command, asked, each, "1"], check=False, capture_output=True
            ).returncode
            for each in ("containers", "airflow")
        ]
    assert codes == [0, 1]
