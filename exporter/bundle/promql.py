"""PromQL that rules and dashboards share: selectors, and what several exporters tell taken once."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from exporter import catalogue
from exporter.catalogue import Family

REPLICA: Final = "instance, pod, container, endpoint, service, node"
"""Labels by which several exporters of one installation differ."""
CONTAINER_REPLICA: Final = "instance, endpoint, service, job"
"""The same where `pod` and `container` say what is measured, and a `node` keeps hosts apart."""
_WORD: Final = re.compile(r"[A-Za-z_:][\w:]*")


def selector(family: Family | str, *matchers: str, **labels: str) -> str:
    """Return the selector of a family or a sample name, with these matchers and values of labels.

    Values are ours: nothing is escaped.
    """
    name = family if isinstance(family, str) else family.name
    every = [*matchers, *(f'{label}="{value}"' for label, value in labels.items())]
    return f"{name}{{{', '.join(every)}}}" if every else name


def once(expression: str) -> str:
    """Take what several exporters tell of one installation once."""
    return f"max without ({REPLICA}) ({expression})"


def once_each(expression: str) -> str:
    """Take what several exporters tell of one container once."""
    return f"max without ({CONTAINER_REPLICA}) ({expression})"


def grown(series: str, window: str) -> str:
    """Return how much a counter of an installation grew in the window."""
    return once(f"increase({series}[{window}])")


def unpaused(expression: str) -> str:
    """Leave out the DAGs that are paused."""
    return f"{expression}\nunless on (airflow, dag_id) {once(catalogue.DAG_PAUSED.name)} == 1"


def renamed(expression: str, names: Mapping[str, str]) -> str:
    """Return the expression with other names of families: what `catalogue.renamed` returns."""
    return _WORD.sub(lambda word: names.get(word[0], word[0]), expression)
