"""The list of what `make airflow-test` compares: it needs no Airflow, so it is always checked."""

from __future__ import annotations

from exporter import catalogue
from tests.airflow import truth

# The scaling signal is computed from settings and has tests of its own.
_ELSEWHERE = ("airflow_workers_", "airflow_worker_")


def test_every_family_of_the_airflow_collector_is_compared_with_a_real_airflow() -> None:
    families = {family.name for family in catalogue.FAMILIES if family.collector == "airflow"}
    assert {name for name in families if not name.startswith(_ELSEWHERE)} == truth.FAMILIES
