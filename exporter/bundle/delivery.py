"""How dashboards are delivered: as they are imported, or in what Kubernetes takes."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from enum import Enum
from typing import Any, Final

from exporter.bundle.dashboards.dashboard import FOLDER, Dashboard
from exporter.bundle.yaml_text import Block, as_yaml
from exporter.errors import ConfigError

CONFIG_MAP_BYTES: Final = 262_144
"""`kubectl apply` keeps the whole object in an annotation, and annotations end here."""
PROVIDED_AT: Final = "/var/lib/grafana/dashboards/airflow"
"""Where the provider looks for the dashboards in Grafana's container."""
_INPUT: Final = "${DS_PROMETHEUS}"


class Form(Enum):
    """A form of delivery."""

    JSON = "json"
    """Files for Grafana's import page and its API."""
    PROVISIONING = "provisioning"
    """The same with a provider, for Grafana's provisioning folder."""
    CONFIG_MAP = "configmap"
    """For the sidecar of Grafana's chart."""
    CUSTOM_RESOURCE = "crd"
    """For the Grafana operator."""
    GRAFANA_COM = "grafana.com"
    """Files that ask for the data source when they are imported, as grafana.com wants them."""


def pages(
    dashboards: Iterable[Dashboard],
    form: Form,
    names: Mapping[str, str],
    limits: Mapping[str, float],
) -> dict[str, str]:
    """Return the text of each file by its name; raise ConfigError when one is too large.

    `names` are other names of families: what `catalogue.renamed` returns. `limits` are the values
    of the thresholds that colours go by: what `thresholds.chosen` returns.
    """
    models = [dashboard.model(names, limits) for dashboard in dashboards]
    if form in (Form.CONFIG_MAP, Form.CUSTOM_RESOURCE):
        resource = _config_map if form is Form.CONFIG_MAP else _custom_resource
        return {f"{model['uid']}.yaml": _small(as_yaml(resource(model)), model) for model in models}
    if form is Form.GRAFANA_COM:
        models = [_asking(model) for model in models]
    files = {f"{model['uid']}.json": _json(model) for model in models}
    return {"provider.yaml": as_yaml(_provider()), **files} if form is Form.PROVISIONING else files


def _json(model: Mapping[str, Any]) -> str:
    return json.dumps(model, indent=2, ensure_ascii=False) + "\n"


def _provider() -> dict[str, Any]:
    provider = {
        "name": "airflow-perf-exporter",
        "folder": FOLDER,
        "type": "file",
        "disableDeletion": False,
        "options": {"path": PROVIDED_AT},
    }
    return {"apiVersion": 1, "providers": [provider]}


def _config_map(model: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {
            "name": model["uid"],
            "labels": {"grafana_dashboard": "1"},
            "annotations": {"grafana_folder": FOLDER},
        },
        "data": {f"{model['uid']}.json": Block(_json(model))},
    }


def _custom_resource(model: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "apiVersion": "grafana.integreatly.org/v1beta1",
        "kind": "GrafanaDashboard",
        "metadata": {"name": model["uid"]},
        "spec": {
            "instanceSelector": {"matchLabels": {"dashboards": "grafana"}},
            "folder": FOLDER,
            "json": Block(_json(model)),
        },
    }


def _asking(model: Mapping[str, Any]) -> dict[str, Any]:
    """Take the data source from an answer given at the import, not from a variable."""
    variables = [each for each in model["templating"]["list"] if each["type"] != "datasource"]
    asked = {
        "name": "DS_PROMETHEUS",
        "label": "Prometheus",
        "description": "",
        "type": "datasource",
        "pluginId": "prometheus",
        "pluginName": "Prometheus",
    }
    types = sorted({each["type"] for each in _all_panels(model)} - {"row"})
    required = [
        {"type": "grafana", "id": "grafana", "name": "Grafana", "version": "10.0.0"},
        {"type": "datasource", "id": "prometheus", "name": "Prometheus", "version": "1.0.0"},
        *({"type": "panel", "id": each, "name": each, "version": ""} for each in types),
    ]
    text = _json({**model, "templating": {"list": variables}})
    text = text.replace("${datasource:queryparam}&", "").replace("${datasource}", _INPUT)
    return {"__inputs": [asked], "__requires": required, **json.loads(text)}


def _all_panels(model: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [panel for outer in model["panels"] for panel in (outer, *outer.get("panels", ()))]


def _small(text: str, model: Mapping[str, Any]) -> str:
    if len(text.encode()) >= CONFIG_MAP_BYTES:
        message = (
            f"The dashboard {model['uid']} does not fit: Kubernetes applies objects of less than "
            f"{CONFIG_MAP_BYTES} bytes."
        )
        raise ConfigError(message)
    return text
