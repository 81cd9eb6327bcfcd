"""The runbook: a section for every alert, written from the alert itself."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from string import Template
from typing import Final

from exporter.bundle import alerts, thresholds
from exporter.bundle.alert import Alert

_MADE: Final = "<!-- Written by `make docs` from the code: edit the code. -->\n"
_HEAD: Final = """\
An alert's `runbook_url` leads to its section here, its `dashboard_url` to the dashboard that shows
it. `critical` wants somebody now, `warning` today, `info` when there is time.

The alerts are in [grafana/rules](../grafana/rules), for `rule_files` of Prometheus. They take what
several exporters of one installation tell once, keep labels of your own, and need the target label
`airflow` to tell installations apart. To have them otherwise:

```console
$ airflow-perf-exporter bundle rules --set memory_ratio=0.7 --set queued_tasks=500 --write rules
$ airflow-perf-exporter bundle rules --containers.metric-prefix airflow_container --write rules
$ airflow-perf-exporter bundle rules --runbook-base https://wiki.example.com/airflow \\
    --dashboard-base https://grafana.example.com --write rules
$ airflow-perf-exporter bundle rules --form crd --label release=prometheus | kubectl apply -f -
```

The last is a PrometheusRule, for the Prometheus operator. Thresholds are at the end of the page.
"""


def pages() -> dict[str, str]:
    """Return the text of the page by its file name."""
    return {"runbook.md": "\n".join(_parts())}


def _parts() -> Iterator[str]:
    yield "# Runbook\n"
    yield _MADE
    yield _HEAD
    limits = {each.name: f"{each.default:.15g}" for each in thresholds.declared()}
    for group in alerts.GROUPS:
        for rule in group.rules:
            if isinstance(rule, Alert):
                yield _section(rule, limits)
    yield "## Thresholds\n"
    yield _table()


def _section(alert: Alert, limits: Mapping[str, str]) -> str:
    runbook = alert.runbook
    expression = Template(alert.expression).substitute(limits)
    return "\n".join(
        [
            f"## {alert.name}\n",
            f"{alert.summary} Severity `{alert.severity.value}`, after {alert.lasts}.\n",
            f"```promql\n{expression}\n```\n",
            f"- **Meaning:** {runbook.meaning}",
            f"- **Impact:** {runbook.impact}",
            f"- **Look at:** {runbook.look_at}\n",
            f"  ```promql\n  {runbook.query}\n  ```\n",
            f"- **Do:** {runbook.action}\n",
        ]
    )


def _table() -> str:
    rows = ["| name | default | unit | meaning |", "| --- | --- | --- | --- |"]
    rows += [
        f"| `{each.name}` | {each.default:.15g} | {each.unit} | {each.meaning} |"
        for each in thresholds.declared()
    ]
    return "\n".join(rows) + "\n"
