"""Every public metric, declared once: name, kind, help, labels, buckets, collector, stability.

The reference page, the golden scrape and the dashboards' checks derive from these modules; to
everyone else they are one namespace.
"""

from __future__ import annotations

from typing import Final

from exporter.catalogue import airflow, own
from exporter.catalogue.airflow import *  # noqa: F403
from exporter.catalogue.family import *  # noqa: F403
from exporter.catalogue.family import Family
from exporter.catalogue.own import *  # noqa: F403

FAMILIES: Final[tuple[Family, ...]] = tuple(
    value
    for module in (airflow, own)
    for value in vars(module).values()
    if isinstance(value, Family)
)
BY_NAME: Final = {family.name: family for family in FAMILIES}
