"""The Helm chart and the manifests of kustomize: what they make is the same."""

from __future__ import annotations

import json

import pytest

from tests.integration.deploy.chart import OPERATOR, RELEASE, rendered
from tests.integration.deploy.manifests import KUBERNETES, Document, found, pod
from tests.integration.deploy.tools import kustomized


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
    assert pod(found(made, kind)) == pod(found(built, kind))
    if kind == "DaemonSet":
        assert found(made, "Role")["rules"] == found(built, "Role")["rules"]
        assert found(made, "RoleBinding")["subjects"] == found(built, "RoleBinding")["subjects"]
    else:
        claims = "volumeClaimTemplates"
        assert found(made, kind)["spec"][claims] == found(built, kind)["spec"][claims]


def test_its_intake_is_that_of_kustomize(with_intake: list[Document]) -> None:
    made = rendered({"db": {"intake": True}})
    assert pod(found(made, "StatefulSet")) == pod(found(with_intake, "StatefulSet"))
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
