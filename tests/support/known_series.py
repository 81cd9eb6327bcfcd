"""The names and labels that queries may use: the catalogue's, recorded ones, Prometheus' own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from exporter import catalogue
from exporter.catalogue import Kind
from tests.support.promql_names import groupings, selectors

RULES = Path(__file__).parents[2] / "grafana/rules"
OF_TARGETS = {"airflow", "job", "instance", "pod", "container", "endpoint", "service", "node"}
OF_PROMETHEUS = {"up", "scrape_duration_seconds", "scrape_samples_scraped", "ALERTS"}


def bundled_rules() -> list[dict[str, Any]]:
    """Return every rule of the bundled files."""
    return [
        rule
        for path in sorted(RULES.glob("*.yml"))
        for group in yaml.safe_load(path.read_text())["groups"]
        for rule in group["rules"]
    ]


def selector(rule: dict[str, Any]) -> str:
    """Return the selector of what a recording rule records."""
    matchers = ", ".join(f'{name}="{value}"' for name, value in rule.get("labels", {}).items())
    return f"{rule['record']}{{{matchers}}}"


def exposed() -> dict[str, set[str]]:
    """Return the labels of every sample name that is scraped."""
    names = {name: set(OF_TARGETS) for name in OF_PROMETHEUS}
    names["ALERTS"] |= {"alertname", "alertstate", "severity"}
    for family in catalogue.FAMILIES:
        labels = OF_TARGETS | set(family.labels)
        if family.kind is Kind.HISTOGRAM:
            names[f"{family.name}_bucket"] = labels | {"le"}
            names[f"{family.name}_sum"] = names[f"{family.name}_count"] = labels
        else:
            names[family.name] = labels
    return names


def known() -> dict[str, set[str]]:
    """Return the labels that series of every name may have, recorded ones too."""
    names = exposed()
    recorded: dict[str, set[str]] = {}
    for rule in bundled_rules():
        if "record" in rule:
            of_names = recorded.setdefault(rule["record"], set())
            of_names |= set(rule.get("labels", ())) | _left(rule["expr"], names | recorded)
    return names | recorded


def _left(expression: str, names: dict[str, set[str]]) -> set[str]:
    """Return the labels that the result may have: all but those that are summed over."""
    found = {label for each in selectors(expression) for label in names[each.name]}
    for word, labels in groupings(expression):
        if word == "without":
            found -= set(labels)
    if "histogram_quantile" in expression:
        found.discard("le")
    return found
