"""Every query of every panel, asked of a real Prometheus that scraped the real demo."""

from __future__ import annotations

import re
from dataclasses import dataclass
from math import isnan

import pytest

from exporter.bundle.dashboards import all_dashboards
from exporter.bundle.dashboards.dashboard import Dashboard
from exporter.bundle.dashboards.panel import Panel
from exporter.bundle.dashboards.query import Query
from exporter.bundle.dashboards.variables import Variable
from tests.integration.bundle.alike import assert_alike

pytestmark = pytest.mark.timeout(300)
WINDOWS = {"window": "15m", "__rate_interval": "5m"}
ONE, OTHER = "127.+", "other-.+"
"""Patterns of the instances as they were, and of their doubles."""
OF_EXPORTERS = {"job", "instance"}


@dataclass(frozen=True)
class Asked:
    """A query of a panel of a dashboard."""

    dashboard: Dashboard
    panel: Panel
    query: Query

    def __str__(self) -> str:
        """Return its name in reports."""
        number = self.panel.queries.index(self.query)
        return f"{self.dashboard.uid}: {self.panel.title} {number}"

    def expression(self, airflow: str, instance: str) -> str:
        """Return the query with everything chosen in the other variables."""
        offered = self.dashboard.variables
        values = {each.name: each.everything for each in offered if isinstance(each, Variable)}
        values |= {**WINDOWS, "airflow": airflow, "instance": instance}
        return re.sub(r"\$(\w+)", lambda found: values[found[1]], self.query.expr)


ASKED = [
    Asked(dashboard, panel, query)
    for dashboard in all_dashboards()
    for panel in dashboard.panels
    for query in panel.queries
]
RANKED = re.compile(r"^(topk|bottomk)\b")
OF_THE_PLATFORM = [
    each for each in ASKED
    if not each.panel.guide
    and "airflow" in each.query.labels
    and not OF_EXPORTERS & set(each.query.labels)
    and not each.dashboard.uid.endswith("health")
]  # fmt: skip
"""Those that must not depend on how many exporters there are."""
WHOLE = [each for each in OF_THE_PLATFORM if not RANKED.match(each.query.expr)]

OF_TEAMS = [
    each for each in ASKED
    if "$team" in each.query.expr and not re.search(r"\btask_\w+\{", each.query.expr)
]  # fmt: skip
"""Without what processes on the host tell: these may be tasks of DAGs that no database knows."""
OF_TARGETS = [
    each for each in ASKED if re.search(r"\b(up|scrape_\w+|process_\w+)\{", each.query.expr)
]


@pytest.mark.parametrize("asked", ASKED, ids=str)
def test_a_panel_has_what_it_says_it_has(prometheus, at, asked):
    result = prometheus.query(asked.expression("north", ONE), at)
    assert result
    # One of the guide's queries returns what is no number while nothing happens.
    values = [value for _, value in result if not (asked.panel.guide and isnan(value))]
    assert values
    expected = asked.query.expect
    assert all(expected.low <= value <= expected.high for value in values), values
    labels = set().union(*(each for each, _ in result)) - {"__name__"}
    # The guide's queries keep whatever labels there are.
    assert labels >= set(asked.query.labels)
    assert asked.panel.guide or labels == set(asked.query.labels)


@pytest.mark.parametrize("asked", OF_THE_PLATFORM, ids=str)
def test_a_second_exporter_of_everything_changes_nothing(prometheus, at, asked):
    one, both = (
        prometheus.query(asked.expression("north", instance), at)
        for instance in (ONE, f"{ONE}|{OTHER}")
    )
    assert one
    assert_alike(one, both, ranked=RANKED.match(asked.query.expr))


@pytest.mark.parametrize("asked", WHOLE, ids=str)
def test_a_second_installation_stands_beside_the_first(prometheus, at, asked):
    north = prometheus.query(asked.expression("north", ONE), at)
    south = [({**labels, "airflow": "south"}, value) for labels, value in north]
    assert_alike(north + south, prometheus.query(asked.expression(".*", ONE), at))


@pytest.mark.parametrize("asked", OF_TARGETS, ids=str)
def test_targets_that_are_no_exporters_are_not_shown_as_exporters(prometheus, at, asked):
    assert prometheus.query('up{instance=~"stranger.+"}', at)
    assert prometheus.query(asked.expression("north", "stranger.+"), at) == []


def test_the_guides_queue_counts_exporters_and_installations_the_meant_one_neither(prometheus, at):
    written, meant = (
        next(each for each in ASKED if each.panel.title == f"Queue, {way}")
        for way in ("as written", "as meant")
    )
    wrong = prometheus.query(written.expression("north", ONE), at)
    right = prometheus.query(meant.expression("north", f"{ONE}|{OTHER}"), at)
    # Two exporters of the north, and one of the south.
    assert wrong[0][1] == 3 * right[0][1]
    assert wrong[0][0] == {}


def test_the_guides_pod_queries_find_pods_and_the_meant_ones_count_sidecars(prometheus, at):
    written, meant = (
        next(each for each in ASKED if each.panel.title == f"Worker CPU, {way}")
        for way in ("as written", "as meant")
    )
    wrong = by_pod(prometheus.query(written.expression("north", ONE), at))
    right = by_pod(prometheus.query(meant.expression("north", ONE), at))
    assert set(wrong) == {"airflow-worker-0", "airflow-worker-1"}
    assert set(wrong) < set(right)
    # A worker with a sidecar at rest: half of its CPU is averaged away.
    assert wrong["airflow-worker-0"] == pytest.approx(right["airflow-worker-0"] / 2)
    assert wrong["airflow-worker-1"] == pytest.approx(right["airflow-worker-1"])


def by_pod(result) -> dict[str, float]:
    return {labels["pod"]: value for labels, value in result}


@pytest.mark.parametrize("asked", OF_TEAMS, ids=str)
def test_a_team_without_dags_sees_none(prometheus, at, asked):
    nobodys = asked.expression("north", ONE).replace('team!~".*"', 'team!~"nobody"')
    assert prometheus.query(nobodys, at) == []


def test_another_team_is_left_out_and_all_teams_leave_nothing_out(prometheus, at):
    asked = next(each for each in ASKED if each.panel.title == "Time spent in tasks, by DAG")
    everything = asked.expression("north", ONE)
    chosen = everything.replace('team!~".*"', 'team!~"ml"')
    dags = {labels["dag_id"] for labels, _ in prometheus.query(everything, at)}
    assert {labels["dag_id"] for labels, _ in prometheus.query(chosen, at)} == {"customer_features"}
    assert len(dags) > 1
