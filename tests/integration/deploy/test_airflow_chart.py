"""Values for charts of Airflow: the keys that each has, and one sidecar everywhere."""

from __future__ import annotations

import subprocess
from copy import deepcopy
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import fastjsonschema
import kubernetes_validate
import pytest
import yaml

from tests.integration.deploy.custom_resources import Schema, closed
from tests.integration.deploy.manifests import (
    DEPLOY,
    KUBERNETES,
    Document,
    documents,
    found,
    pod,
    read,
)
from tests.integration.deploy.tools import tool
from tests.integration.deploy.validity import RESTRICTED, VERSIONS, unknown_flags, validate
from tests.integration.deploy.workload import workload

VALUES = DEPLOY / "airflow-chart-values"
LISTS: Schema = {"type": "array", "minItems": 1, "items": {"type": "object"}}
CELERY = closed({"extraContainers": LISTS, "extraVolumes": LISTS})
ONE_TASK = closed({"extraInitContainers": LISTS, "extraVolumes": LISTS})
SETTINGS: Schema = {"type": "string"}
KEYS = {
    "airflow-1.21": closed({"workers": closed({"celery": CELERY, "kubernetes": ONE_TASK}),
                            "airflowLocalSettings": SETTINGS}),
    "airflow-1.20-celery": closed({"workers": CELERY}),
    "airflow-1.20-kubernetes": closed({"workers": ONE_TASK, "airflowLocalSettings": SETTINGS}),
    "astronomer-celery": closed({"airflow": closed({"workers": CELERY})}),
    "astronomer-kubernetes": closed({"airflow": closed({"workers": ONE_TASK})}),
}  # fmt: skip
"""The keys that the charts have: of Astronomer's those of the official one, a level deeper."""
OF_CELERY = [
    ("airflow-1.21", ("workers", "celery")),
    ("airflow-1.20-celery", ("workers",)),
    ("astronomer-celery", ("airflow", "workers")),
]
OF_ONE_TASK = [
    ("airflow-1.21", ("workers", "kubernetes")),
    ("airflow-1.20-kubernetes", ("workers",)),
    ("astronomer-kubernetes", ("airflow", "workers")),
]


def values(name: str, keys: tuple[str, ...] = ()) -> Any:
    (one,) = read(VALUES / f"{name}.yaml")
    for key in keys:
        one = one[key]
    return one


@pytest.fixture(scope="module")
def template() -> Document:
    (one,) = read(VALUES / "pod-template.yaml")
    return one


@pytest.fixture(scope="module")
def patch() -> Document:
    (one,) = read(KUBERNETES / "sidecar" / "worker-patch.yaml")
    return pod(one)


def test_every_file_has_the_keys_of_its_chart_and_no_others() -> None:
    assert {path.stem for path in VALUES.glob("*.yaml")} == KEYS.keys() | {"pod-template"}
    for name, keys in KEYS.items():
        fastjsonschema.validate(keys, values(name))
    with pytest.raises(fastjsonschema.JsonSchemaException):
        fastjsonschema.validate(KEYS["airflow-1.20-celery"], values("airflow-1.21"))


@pytest.mark.parametrize(("name", "keys"), OF_CELERY)
def test_celery_workers_get_the_sidecar_of_the_patch(
    patch: Document, name: str, keys: tuple[str, ...]
) -> None:
    worker = values(name, keys)
    assert worker["extraContainers"] == patch["containers"]
    assert worker["extraVolumes"] == patch["volumes"]


@pytest.mark.parametrize(("name", "keys"), OF_ONE_TASK)
def test_pods_of_one_task_get_the_sidecar_of_the_template(
    template: Document, name: str, keys: tuple[str, ...]
) -> None:
    worker = values(name, keys)
    assert worker["extraInitContainers"] == template["spec"]["initContainers"]
    assert worker["extraVolumes"] == template["spec"]["volumes"]


@pytest.mark.parametrize("version", VERSIONS)
def test_a_pod_of_one_task_is_valid_and_its_sidecar_hands_over_and_ends_with_it(
    template: Document, patch: Document, with_intake: list[Document], version: str
) -> None:
    validate(template, version)
    spec = template["spec"]
    assert spec["shareProcessNamespace"]
    assert spec["restartPolicy"] == "Never"
    (sidecar,), (task,) = spec["initContainers"], spec["containers"]
    assert sidecar["restartPolicy"] == "Always"
    # A probe that fails would end the task's sidecar; nobody waits for one in a pod that short.
    of_celery = {k: v for k, v in patch["containers"][0].items() if k != "livenessProbe"}
    service = found(with_intake, "Service")
    (port,) = (each["port"] for each in service["spec"]["ports"] if each["name"] == "intake")
    url = f"--forward.url=http://{service['metadata']['name']}:{port}/"
    more = {"restartPolicy": "Always", "args": [*of_celery["args"], url]}
    assert sidecar == of_celery | more
    assert not unknown_flags(sidecar["args"])
    assert task["name"] == "base"


def test_a_kubernetes_without_native_sidecars_would_refuse_it(template: Document) -> None:
    with pytest.raises(kubernetes_validate.ValidationError, match="restartPolicy"):
        validate(template, "1.27")


def test_the_sidecar_keeps_to_the_restricted_standard_as_the_workers_user(
    template: Document,
) -> None:
    context = template["spec"]["initContainers"][0]["securityContext"]
    own = {
        "runAsNonRoot": True,
        "runAsUser": template["spec"]["securityContext"]["runAsUser"],
        "runAsGroup": template["spec"]["securityContext"]["runAsGroup"],
        "seccompProfile": {"type": "RuntimeDefault"},
    }
    assert context == RESTRICTED | own
    assert all("hostPath" not in each for each in template["spec"]["volumes"])


@pytest.mark.parametrize("name", [name for name, keys in KEYS.items() if "Settings" in str(keys)])
def test_airflows_hook_shares_processes_where_the_sidecar_is_and_nowhere_else(name: str) -> None:
    code = values(name)["airflowLocalSettings"]
    assert "{{" not in code  # the chart would take it for a template
    hook: dict[str, Any] = {}
    exec(compile(code, name, "exec"), hook)

    def shared(*init_containers: str) -> bool | None:
        named = [SimpleNamespace(name=each) for each in init_containers] or None
        spec = SimpleNamespace(init_containers=named, share_process_namespace=None)
        hook["pod_mutation_hook"](SimpleNamespace(spec=spec))
        return spec.share_process_namespace

    assert shared("git-sync", "airflow-perf-exporter") is True
    assert shared("git-sync") is None
    assert shared() is None


def rendered(*made: Document, directory: Path) -> list[Document]:
    """Return what Helm makes of a chart that has this, by way of the post-renderer."""
    chart, temporary = directory / "chart", directory / "tmp"
    for each in (chart / "templates", temporary):
        each.mkdir(parents=True)
    (chart / "Chart.yaml").write_text("{apiVersion: v2, name: airflow, version: 1.0.0}")
    (chart / "templates" / "all.yaml").write_text(yaml.safe_dump_all(made))
    post_renderer = VALUES / "share-processes" / "post-render"
    done = subprocess.run(
        [tool("helm"), "template", "airflow", chart, "--post-renderer", post_renderer],
        env={"PATH": f"{Path(tool('kubectl')).parent}:/usr/bin:/bin", "TMPDIR": str(temporary)},
        check=True,
        capture_output=True,
        text=True,
    )
    assert not list(temporary.iterdir())
    return documents(done.stdout)


@pytest.mark.parametrize("kind", ["StatefulSet", "Deployment"])
def test_the_post_renderer_shares_processes_of_workers_alone(kind: str, tmp_path: Path) -> None:
    worker, scheduler = workload(kind, "worker"), workload("Deployment", "scheduler")
    worker["spec"]["template"]["spec"]["containers"] += values("airflow-1.20-celery")["workers"][
        "extraContainers"
    ]
    worker["spec"]["template"]["spec"]["volumes"] = values("airflow-1.20-celery")["workers"][
        "extraVolumes"
    ]
    made = rendered(worker, scheduler, directory=tmp_path)
    assert found(made, "Deployment", "airflow-scheduler") == scheduler
    sharing = deepcopy(worker)
    sharing["spec"]["template"]["spec"]["shareProcessNamespace"] = True
    assert found(made, kind, "airflow-worker") == sharing
    for version in VERSIONS:
        validate(sharing, version)
