"""The manifests: valid for old and new Kubernetes, tight, and never two exporters of a database."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import fastjsonschema
import pytest
import yaml

from exporter import catalogue, config
from tests.support.exporter import ROOT
from tests.support.require import require

KUBERNETES, AUTOSCALING = ROOT / "deploy" / "kubernetes", ROOT / "deploy" / "autoscaling"
VERSIONS = ("1.28", "1.37")
PLAIN = [*sorted((KUBERNETES / "base").glob("[!k]*.yaml")), AUTOSCALING / "hpa.yaml"]
SCALED = sorted(AUTOSCALING.glob("keda-*.yaml"))
MONITOR = KUBERNETES / "overlays" / "prometheus-operator" / "servicemonitor.yaml"
KEDA = {"prometheus": {"serverAddress", "query", "threshold", "ignoreNullValues"},
        "metrics-api": {"format", "url", "valueLocation", "targetValue"}}  # fmt: skip


def closed(required: dict[str, Any], **optional: Any) -> dict[str, Any]:
    """Return the schema of an object with these properties and no others."""
    return {
        "type": "object",
        "required": list(required),
        "properties": {**required, **optional},
        "additionalProperties": False,
    }


TEXT, COUNT = {"type": "string"}, {"type": "integer", "minimum": 0}
SCALED_OBJECT = closed(
    {
        "scaleTargetRef": closed({"name": TEXT}, kind=TEXT, apiVersion=TEXT),
        "triggers": {
            "type": "array",
            "minItems": 1,
            "items": closed(
                {"type": {"enum": list(KEDA)},
                 "metadata": {"type": "object", "additionalProperties": TEXT}},
                metricType={"enum": ["AverageValue", "Value", "Utilization"]},
            ),
        },
    },
    minReplicaCount=COUNT,
    maxReplicaCount=COUNT,
    cooldownPeriod=COUNT,
    pollingInterval=COUNT,
    fallback=closed({"failureThreshold": COUNT, "replicas": COUNT}),
)  # fmt: skip
SERVICE_MONITOR = closed(
    {
        "selector": closed({"matchLabels": {"type": "object", "additionalProperties": TEXT}}),
        "endpoints": {
            "type": "array",
            "items": closed(
                {"port": TEXT},
                interval=TEXT,
                honorLabels={"type": "boolean"},
                relabelings={
                    "type": "array",
                    "items": closed(
                        {"targetLabel": TEXT},
                        sourceLabels={"type": "array", "items": TEXT},
                        replacement=TEXT,
                    ),
                },
            ),
        },
    }
)


def document(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))
    return found


def validated(path: Path, version: str) -> subprocess.CompletedProcess[str]:
    program = Path(sys.executable).parent / "kubernetes-validate"
    require(program.exists(), "there is no kubernetes-validate: make venv")
    command = [program, "--strict", "--no-warn", "-k", version, path]
    return subprocess.run(command, check=False, capture_output=True, text=True)


def built(directory: Path) -> list[dict[str, Any]]:
    kubectl = shutil.which("kubectl")
    if kubectl is None:  # no package of Debian; the files themselves are validated without it
        pytest.skip("there is no kubectl")
    text = subprocess.run(
        [kubectl, "kustomize", directory], check=True, capture_output=True, text=True
    ).stdout
    return list(yaml.safe_load_all(text))


@pytest.mark.parametrize("version", VERSIONS)
def test_every_plain_manifest_is_valid(version: str) -> None:
    for path in PLAIN:
        found = validated(path, version)
        assert found.returncode == 0, found.stdout + found.stderr


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("name", ["base", "overlays/prometheus-operator"])
def test_what_kustomize_builds_is_valid(name: str, version: str, tmp_path: Path) -> None:
    for number, each in enumerate(built(KUBERNETES / name)):
        path = tmp_path / f"{number}.yaml"
        path.write_text(yaml.safe_dump(each), encoding="utf-8")
        if each["kind"] != "ServiceMonitor":
            assert validated(path, version).returncode == 0, path.read_text()


def test_a_field_that_does_not_exist_would_be_found(tmp_path: Path) -> None:
    wrong = document(KUBERNETES / "base" / "service.yaml")
    wrong["spec"]["prots"] = wrong["spec"].pop("ports")
    path = tmp_path / "service.yaml"
    path.write_text(yaml.safe_dump(wrong), encoding="utf-8")
    assert validated(path, VERSIONS[0]).returncode != 0


def test_custom_resources_have_the_fields_that_their_operators_know() -> None:
    monitor, scaled = map(fastjsonschema.compile, (SERVICE_MONITOR, SCALED_OBJECT))
    monitor(document(MONITOR)["spec"])
    for path in SCALED:
        scaled(document(path)["spec"])
    with pytest.raises(fastjsonschema.JsonSchemaException):
        scaled({**document(SCALED[0])["spec"], "maxReplicas": 3})


def test_keda_never_takes_a_missing_value_for_none() -> None:
    for path in SCALED:
        spec = document(path)["spec"]
        assert spec["fallback"]["replicas"] > 0
        for trigger in spec["triggers"]:
            told = trigger["metadata"]
            assert told.keys() == KEDA[trigger["type"]]
            assert told.get("ignoreNullValues", "false") == "false"
            assert catalogue.WORKERS_DESIRED.name in (told.get("query") or told["valueLocation"])


def test_one_exporter_samples_a_database_and_may_do_nothing_else() -> None:
    spec = document(KUBERNETES / "base" / "statefulset.yaml")["spec"]
    pod = spec["template"]["spec"]
    (container,) = pod["containers"]
    assert spec["replicas"] == 1
    assert not pod["automountServiceAccountToken"]
    assert not pod["enableServiceLinks"]
    assert pod["securityContext"]["runAsNonRoot"]
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    flags = {argument.partition("=")[0].replace("--no-", "--") for argument in container["args"]}
    assert flags - {"serve"} <= {option.flag for option in config.options().values()}


def test_what_selects_the_exporter_selects_it_alone() -> None:
    base = KUBERNETES / "base"
    labels = document(base / "statefulset.yaml")["spec"]["template"]["metadata"]["labels"]
    assert len(labels) == 2
    assert document(base / "statefulset.yaml")["spec"]["selector"] == {"matchLabels": labels}
    assert document(base / "networkpolicy.yaml")["spec"]["podSelector"] == {"matchLabels": labels}
    assert document(base / "service.yaml")["spec"]["selector"] == labels
    assert document(MONITOR)["spec"]["selector"] == {"matchLabels": labels}
    assert document(base / "service.yaml")["metadata"]["labels"] == labels


@pytest.mark.parametrize("version", VERSIONS)
def test_a_worker_with_the_sidecar_is_valid_and_gives_it_no_right(
    version: str, tmp_path: Path
) -> None:
    worker = document(KUBERNETES / "sidecar" / "worker-patch.yaml")
    pod = worker["spec"]["template"]["spec"]
    (sidecar,) = pod["containers"]
    assert pod["shareProcessNamespace"]
    assert sidecar["securityContext"]["runAsUser"] == 50000
    assert sidecar["securityContext"]["capabilities"] == {"drop": ["ALL"]}
    assert "dsn" not in str(sidecar)
    # What the worker's own manifest has, and a patch lacks.
    labels = {"component": "worker"}
    worker["spec"] |= {"selector": {"matchLabels": labels}, "serviceName": "airflow-worker"}
    worker["spec"]["template"]["metadata"] = {"labels": labels}
    path = tmp_path / "worker.yaml"
    path.write_text(yaml.safe_dump(worker), encoding="utf-8")
    found = validated(path, version)
    assert found.returncode == 0, found.stdout + found.stderr
