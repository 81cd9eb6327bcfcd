from __future__ import annotations

from exporter import catalogue
from exporter.bundle import promql


def test_families_get_their_other_names_and_nothing_else_does():
    names = catalogue.renamed("airflow_container")
    text = 'max without (container) (container_processes{container="container_processes_x"})'
    assert promql.renamed(text, names) == text.replace(
        "(container_processes{", "(airflow_container_processes{"
    )


def test_a_selector_without_matchers_is_the_name():
    assert promql.selector(catalogue.DAG_PAUSED) == "airflow_dag_paused"
    assert promql.selector("up", 'job=~"a.*"', airflow="b") == 'up{job=~"a.*", airflow="b"}'
