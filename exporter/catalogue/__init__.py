"""Every public metric, declared once: name, kind, help, labels, buckets, collector, stability.

The reference page, the golden scrape and the dashboards' checks derive from these modules; to
everyone else they are one namespace.
"""

from __future__ import annotations

from typing import Final

from exporter.catalogue import airflow, baselines, containers, own, rows, tasks
from exporter.catalogue.airflow import *  # noqa: F403
from exporter.catalogue.baselines import *  # noqa: F403
from exporter.catalogue.containers import *  # noqa: F403
from exporter.catalogue.containers import CONTAINER_PREFIX
from exporter.catalogue.family import *  # noqa: F403
from exporter.catalogue.family import Family
from exporter.catalogue.own import *  # noqa: F403
from exporter.catalogue.rows import *  # noqa: F403
from exporter.catalogue.tasks import *  # noqa: F403

FAMILIES: Final[tuple[Family, ...]] = tuple(
    value
    for module in (airflow, tasks, containers, rows, baselines, own)
    for value in vars(module).values()
    if isinstance(value, Family)
)


def renamed(prefix: str) -> dict[str, str]:
    """Return under which names the `container_*` families are exposed with another first word."""
    names = (family.name for family in FAMILIES if family.name.startswith(f"{CONTAINER_PREFIX}_"))
    return {name: prefix + name.removeprefix(CONTAINER_PREFIX) for name in names}


BY_NAME: Final = {family.name: family for family in FAMILIES}
