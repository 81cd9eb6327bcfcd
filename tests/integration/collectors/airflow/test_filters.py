"""Filters and teams: which DAGs are told, while totals stay whole."""

from __future__ import annotations

import re

import pytest

from exporter import catalogue
from exporter.filters import DagFilter
from tests.integration.collectors.airflow.known import (
    counted,
    expected,
    gauges,
    increments,
    let_all_end,
)
from tests.integration.collectors.airflow.subject import Make
from tests.integration.collectors.airflow.world import World


def test_filters_leave_totals_alone(newest: World, database: str, subject: Make) -> None:
    subjects = [
        subject(database, dags=DagFilter(include=re.compile("nothing"))),
        subject(database, dags=DagFilter(exclude=re.compile("hourly|paused"))),
    ]
    everything = expected(newest)
    by_dag = {family for family in everything if family.labels[:1] == ("dag_id",)}
    totals = {family.name: values for family, values in everything.items() if family not in by_dag}
    first = [gauges(each.sample()) for each in subjects]
    for found in first:
        assert {**found, catalogue.COLLECTOR_FEATURE.name: {}} == {
            **totals, catalogue.COLLECTOR_FEATURE.name: {},
        }  # fmt: skip
    let_all_end(newest)
    waits = [each for each in counted(newest) if each[1][0] != "hourly"]
    for each in subjects:
        assert increments(each.sample()) == [
            (name, labels, pytest.approx(value, abs=1e-3)) for name, labels, value in waits
        ]


def test_a_filter_leaves_the_dags_that_match(newest: World, database: str, subject: Make) -> None:
    collector = subject(database, dags=DagFilter(exclude=re.compile("pause.")))
    found = gauges(collector.sample())
    assert found[catalogue.DAG_PAUSED.name] == {("hourly",): 0}
    assert found[catalogue.DAG_LAST_FINISH.name].keys() == {("hourly",)}
    assert found[catalogue.DAGS.name] == {("active",): 1, ("paused",): 1}


@pytest.mark.parametrize(
    ("pattern", "team"), [(r"team_(\w+)", "ops"), (r"team_\w+", "team_ops"), ("nobody", None)]
)
def test_a_team_is_found_in_owners_and_tags(
    newest: World, database: str, pattern: str, team: str | None, subject: Make
) -> None:
    collector = subject(database, team=re.compile(pattern))
    info = gauges(collector.sample())[catalogue.DAG_INFO.name]
    assert ("paused", "team_ops", None, team) in info
