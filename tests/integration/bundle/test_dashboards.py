"""Every query of every panel, asked of a real Prometheus that scraped the real demo."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from math import isclose
from pathlib import Path
from time import sleep, time

import pytest

from exporter.bundle.dashboards import all_dashboards
from exporter.bundle.dashboards.dashboard import Dashboard
from exporter.bundle.dashboards.panel import Panel
from exporter.bundle.dashboards.query import Query
from exporter.bundle.dashboards.variables import Variable
from tests.support.platform import alive, dumped, earlier, hurried, labelled, served, stretched
from tests.support.prometheus import NO_PROMETHEUS, Prometheus, prometheus_binary
from tests.support.require import require

pytestmark = pytest.mark.timeout(300)
RULES = Path(__file__).parents[3] / "grafana/rules"
SCRAPED_SECONDS = 60
STRETCHED = 15
"""So that it is a quarter of an hour, scraped every 15 s."""
COMPARED = re.compile(r"airflow_task_duration_seconds_(sum|count)|data_rows_processed_total")
"""What a panel sets beside its own past."""
DAY_SECONDS = 86_400
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


@pytest.fixture(scope="module")
def prometheus(tmp_path_factory) -> Iterator[Prometheus]:
    """Serve what was scraped: `north` by two exporters of each kind, `south` by one."""
    require(prometheus_binary(), NO_PROMETHEUS)
    live, past = (tmp_path_factory.mktemp(name) for name in ("live", "past"))
    with alive(live) as targets, Prometheus(live, targets, "north"):
        sleep(SCRAPED_SECONDS)
    north = stretched(dumped(live / "tsdb"), STRETCHED, until=time())
    for ago in (DAY_SECONDS, 7 * DAY_SECONDS):
        north += earlier(north[: len(north)], ago, COMPARED)
    samples = [*north, *labelled(north, instance="other-{}"), *labelled(north, airflow="south")]
    with served(samples, past, hurried(RULES, past)) as server:
        server.wait_for("count by (airflow) (baseline:headroom:ratio)", 2)
        yield server


@pytest.fixture(scope="module")
def at(prometheus) -> float:
    """Return one moment for all questions."""
    return time()


@pytest.mark.parametrize("asked", ASKED, ids=str)
def test_a_panel_has_what_it_says_it_has(prometheus, at, asked):
    result = prometheus.query(asked.expression("north", ONE), at)
    assert result
    values = [value for _, value in result]
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


def assert_alike(expected, found, *, ranked=False) -> None:
    """Compare series by series; in a ranking only values, for its last may be any of equals."""
    if ranked:
        pairs = zip(sorted(v for _, v in expected), sorted(v for _, v in found), strict=True)
        assert all(isclose(*pair, rel_tol=1e-9, abs_tol=1e-9) for pair in pairs)
        return
    by_labels = [{frozenset(k.items()): v for k, v in each} for each in (expected, found)]
    assert by_labels[0] == pytest.approx(by_labels[1], rel=1e-9, abs=1e-9)


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


def test_another_team_is_left_out_and_all_teams_leave_nothing_out(prometheus, at):
    asked = next(each for each in ASKED if each.panel.title == "Time spent in tasks, by DAG")
    everything = asked.expression("north", ONE)
    chosen = everything.replace('team!~".*"', 'team!~"ml"')
    dags = {labels["dag_id"] for labels, _ in prometheus.query(everything, at)}
    assert {labels["dag_id"] for labels, _ in prometheus.query(chosen, at)} == {"customer_features"}
    assert len(dags) > 1
