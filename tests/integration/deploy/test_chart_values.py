"""The values of the Helm chart: what is set arrives, and what makes no sense is refused."""

from __future__ import annotations

import json

import pytest

from tests.integration.deploy.chart import CHART, EVERYTHING, OPERATOR, rendered
from tests.integration.deploy.manifests import Document, found, pod, read
from tests.integration.deploy.validity import RESTRICTED, unknown_flags


def test_everything_that_can_be_set_arrives() -> None:
    made = rendered(EVERYTHING, "--api-versions", OPERATOR)
    for kind, user in (("StatefulSet", 65532), ("DaemonSet", 50000)):
        (container,) = pod(found(made, kind))["containers"]
        assert container["image"] == "airflow-perf-exporter:1.2.3"
        assert container["imagePullPolicy"] == "Always"
        assert container["args"][-1] == "--log.level=debug"
        assert container["securityContext"] == RESTRICTED
        assert not unknown_flags(container["args"])
        assert pod(found(made, kind))["imagePullSecrets"] == [{"name": "4"}]
        assert pod(found(made, kind))["tolerations"] == [{"operator": "Exists"}]
        assert pod(found(made, kind))["nodeSelector"].keys() == {"workers"}
        assert pod(found(made, kind))["securityContext"]["runAsUser"] == user
    for each in made:
        if each["kind"] in ("ServiceMonitor", "PodMonitor", "PrometheusRule"):
            assert each["metadata"]["labels"]["release"] == "prometheus"
            assert "production" not in str(each)
        if each["kind"] == "ConfigMap" and "dashboard" in str(each["metadata"]["labels"]):
            assert each["metadata"]["namespace"] == "5"
        if each["kind"] == "NetworkPolicy":
            assert "keda" in str(each["spec"]["ingress"])


def test_an_image_may_be_named_by_digest() -> None:
    digest = f"sha256:{'0' * 64}"
    image = {"repository": "registry:5000/team/exporter", "tag": digest}
    (container,) = pod(found(rendered({"image": image}), "StatefulSet"))["containers"]
    assert container["image"] == f"registry:5000/team/exporter@{digest}"


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
    made = pod(found(rendered({"db": {"secretFiles": "intake", "flags": flags}}), "StatefulSet"))
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
