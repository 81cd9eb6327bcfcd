"""The rules files: every group, with thresholds, names and addresses filled in, as YAML."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from string import Template
from typing import Any, Final

from exporter import catalogue
from exporter.bundle import alerts, recording, thresholds
from exporter.bundle.alert import Alert, Group, Record
from exporter.bundle.baselines import group
from exporter.bundle.promql import renamed
from exporter.bundle.yaml_text import Block, as_yaml
from exporter.config import Settings
from exporter.errors import ConfigError
from exporter.insight.baselines.baseline import Baseline
from exporter.insight.baselines.file import baselines

RUNBOOK: Final = "docs/runbook.md"
"""Where the runbook is without an address of one's own: in the project's tree."""
_MADE: Final = "# Written by `airflow-perf-exporter bundle rules`.\n"
_NAME: Final = "airflow-perf-exporter"
_WORD: Final = r"[A-Za-z0-9](?:[\w.-]{0,61}[A-Za-z0-9])?"
_LABEL: Final = re.compile(rf"((?:[a-z0-9.-]+/)?{_WORD})=({_WORD}|)", re.ASCII)
"""https://kubernetes.io/docs/concepts/overview/working-with-objects/labels/ has the syntax."""
_GROUPS: Final = (*recording.GROUPS, *alerts.GROUPS)


class Form(Enum):
    """A form of delivery."""

    FILE = "file"
    """A file of groups, for `rule_files` of Prometheus."""
    CUSTOM_RESOURCE = "crd"
    """A PrometheusRule, for the Prometheus operator."""


@dataclass(frozen=True, slots=True)
class Terms:
    """What rules are written with: names of the `container_*` families, numbers and addresses."""

    metric_prefix: str = catalogue.CONTAINER_PREFIX
    limits: Mapping[str, float] = field(default_factory=thresholds.chosen)
    runbook_base: str = RUNBOOK
    dashboard_base: str = ""


def asked(
    settings: Settings,
    *,
    form: Form,
    assignments: Iterable[str] = (),
    labels: Iterable[str] = (),
    runbook_base: str = RUNBOOK,
    dashboard_base: str = "",
    one_file: bool = False,
) -> dict[str, str]:
    """Return what the command is asked for; raise ConfigError for what makes no sense."""
    limits = thresholds.chosen(assignments)
    terms = Terms(settings.metric_prefix, limits, runbook_base, dashboard_base.rstrip("/"))
    found = baselines(settings.baselines_file)
    if form is Form.CUSTOM_RESOURCE:
        return {f"{_NAME}.yaml": resource(found, terms, dict(map(_label, labels)))}
    if any(labels):
        message = "--label: a rules file has no labels of its own; they are for --form crd"
        raise ConfigError(message)
    return {f"{_NAME}.yml": whole(found, terms)} if one_file else pages(found, terms)


def pages(found: Iterable[Baseline], terms: Terms) -> dict[str, str]:
    """Return the text of each rules file by its name: baselines have one of their own."""
    files = {"baselines.yml": (group(found, terms.metric_prefix),), "airflow.yml": _GROUPS}
    return {name: _text(document(groups, terms)) for name, groups in files.items()}


def whole(found: Iterable[Baseline], terms: Terms) -> str:
    """Return the text of one file with everything."""
    return _text(document((group(found, terms.metric_prefix), *_GROUPS), terms))


def resource(found: Iterable[Baseline], terms: Terms, labels: Mapping[str, str]) -> str:
    """Return everything as a PrometheusRule with these labels."""
    labels = {"app.kubernetes.io/name": _NAME, **labels}
    return _text(
        {
            "apiVersion": "monitoring.coreos.com/v1",
            "kind": "PrometheusRule",
            "metadata": {"name": _NAME, "labels": labels},
            "spec": document((group(found, terms.metric_prefix), *_GROUPS), terms),
        }
    )


def _text(tree: Mapping[str, Any]) -> str:
    return _MADE + as_yaml(tree)


def _label(text: str) -> tuple[str, str]:
    found = _LABEL.fullmatch(text)
    if not found:
        message = f"--label {text}: must be name=value, as Kubernetes has labels"
        raise ConfigError(message)
    return found[1], found[2]


def document(groups: Iterable[Group], terms: Terms) -> dict[str, Any]:
    """Return the groups as Prometheus has them."""
    return {
        "groups": [
            {
                "name": each.name,
                "interval": each.interval,
                "rules": [_rule(rule, terms) for rule in each.rules],
            }
            for each in groups
        ]
    }


def _rule(rule: Alert | Record, terms: Terms) -> dict[str, Any]:
    # Fifteen digits: 0.95 stays 0.95.
    numbers = {name: f"{value:.15g}" for name, value in terms.limits.items()}
    text = Template(rule.expression).substitute(numbers)
    expression = Block(renamed(text, catalogue.renamed(terms.metric_prefix)))
    if isinstance(rule, Record):
        labels = {"labels": dict(rule.labels)} if rule.labels else {}
        return {"record": rule.name, "expr": expression, **labels}
    return {
        "alert": rule.name,
        "expr": expression,
        "for": rule.lasts,
        "labels": {"severity": rule.severity.value},
        "annotations": _annotations(rule, terms),
    }


def _annotations(alert: Alert, terms: Terms) -> dict[str, str]:
    variables = "&".join(
        f"var-{label}={{{{ $labels.{label} | urlquery }}}}" for label in alert.variables
    )
    return {
        "summary": alert.summary,
        "description": alert.description,
        "runbook_url": f"{terms.runbook_base}#{alert.name.lower()}",
        "dashboard_url": f"{terms.dashboard_base}/d/{alert.dashboard}?{variables}",
    }
