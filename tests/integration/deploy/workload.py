"""A workload like those of Airflow's official chart: what our patches are tried on."""

from __future__ import annotations

from tests.integration.deploy.manifests import Document

IMAGE = "apache/airflow:3.3.2"
LABELS = {"tier": "airflow", "component": "worker", "release": "airflow"}


def workload(kind: str, component: str) -> Document:
    """Return a component's workload, of one container."""
    labels = LABELS | {"component": component}
    container = {"name": component, "image": IMAGE}
    spec: Document = {
        "selector": {"matchLabels": labels},
        "template": {"metadata": {"labels": labels}, "spec": {"containers": [container]}},
    }
    if kind == "StatefulSet":
        spec["serviceName"] = f"airflow-{component}"
    metadata = {"name": f"airflow-{component}", "labels": labels}
    return {"apiVersion": "apps/v1", "kind": kind, "metadata": metadata, "spec": spec}
