"""The Helm chart, rendered by Helm."""

from __future__ import annotations

from pathlib import Path

import yaml

from tests.integration.deploy.manifests import DEPLOY, Document, documents
from tests.integration.deploy.tools import output, tool

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
"""Values that set whatever can be set."""


def helm(*arguments: str | Path, values: Document | None = None) -> str:
    """Return what Helm prints; fail with what it complains of."""
    return output(tool("helm"), *arguments, "--values", "-", text=yaml.safe_dump(values or {}))


def rendered(values: Document | None = None, *arguments: str) -> list[Document]:
    """Return what Helm makes of the chart with these values."""
    command = ("template", RELEASE, CHART, "--namespace", "airflow", *arguments)
    return documents(helm(*command, values=values))
