"""Every rule, asked of a real Prometheus that scraped the real demo."""

from __future__ import annotations

import pytest
import yaml

from exporter.bundle import rules, thresholds
from exporter.insight.baselines.file import baselines
from tests.integration.bundle.alike import assert_alike
from tests.integration.bundle.conftest import STRETCHED
from tests.support.known_series import bundled_rules, selector

pytestmark = pytest.mark.timeout(300)
RECORDS = [each for each in bundled_rules() if "record" in each]
ALERTS = [each["alert"] for each in bundled_rules() if "alert" in each]
OF_ONE_EXPORTER = {
    name for name in ALERTS if name.startswith("AirflowExporter") and name[15:] != "Duplicated"
}
TRUE_OF_THE_DEMO = {
    "AirflowDagImportErrors": "one file does not import",
    "AirflowContainerCPUThrottled": "the first worker is throttled in 3 of 10 periods",
    "AirflowExporterDuplicated": "the north has two exporters",
}
SOMETIMES_TRUE = {
    "AirflowTriggersUnassigned": "no triggerer takes the queue `lake`",
    "AirflowPoolExhausted": "the pool `checks` is small",
    "AirflowDagNoRecentSuccess": "two intervals are seconds, and a run fails now and then",
    "AirflowTaskFailureRatioHigh": "the API behind currency_rates is not well",
}
DEFAULTS = thresholds.chosen()
AGES = ("heartbeat_seconds", "dag_overdue_seconds", "sample_age_seconds")
STRETCHED_LIMITS = {**DEFAULTS, **{name: STRETCHED * DEFAULTS[name] for name in AGES}}
"""What is compared with the time, as long as the time that Prometheus saw."""
EASY = {
    **dict.fromkeys(DEFAULTS, -1e9),
    "baseline_headroom": 1e9,
    # What others are divided by.
    "series_cap": DEFAULTS["series_cap"],
    "histogram_cap": DEFAULTS["histogram_cap"],
}
STILL_SILENT = {
    "AirflowTasksStuckQueued": "tasks run",
    "AirflowPoolExhausted": "a pool is full now and then",
    "AirflowComponentDown": "all are alive",
    "AirflowTaskDurationRegression": "there is nothing of two hours ago",
    "DataPipelineStalled": "every stage writes",
    "AirflowExporterDown": "both answer",
    "AirflowExporterAbsent": "both answer",
    "AirflowExporterCollectorFailing": "none fails",
    "AirflowExporterStateNotPersistent": "the demo has its ledger",
    "AirflowExporterConfigReloadFailed": "nothing was reloaded",
}


def expressions(limits):
    """Return what each alert asks, with these thresholds."""
    text = rules.pages(baselines(None), rules.Terms(limits=limits))["airflow.yml"]
    every = [rule for group in yaml.safe_load(text)["groups"] for rule in group["rules"]]
    return {rule["alert"]: rule["expr"] for rule in every if "alert" in rule}


@pytest.fixture(scope="module")
def usual():
    """Return the alerts with their thresholds."""
    return expressions(STRETCHED_LIMITS)


@pytest.fixture(scope="module")
def easy():
    """Return the alerts with thresholds that anything is beyond."""
    return expressions(EASY)


def of(airflow, result):
    return [(labels, value) for labels, value in result if labels["airflow"] == airflow]


def as_north(result):
    return [({**labels, "airflow": "north"}, value) for labels, value in result]


@pytest.mark.parametrize("rule", RECORDS, ids=lambda each: f"{each['record']} {each.get('labels')}")
def test_a_recording_rule_has_a_result_in_which_neither_exporters_nor_installations_add_up(
    prometheus, at, rule
):
    result = prometheus.query(selector(rule), at)
    north, south = (of(airflow, result) for airflow in ("north", "south"))
    assert north
    # Of the one by two exporters, of the other by one.
    assert_alike(north, as_north(south))
    assert len(result) == 2 * len(north)


@pytest.mark.parametrize("name", ALERTS)
def test_an_alert_holds_only_where_it_is_true(prometheus, at, usual, name):
    result = prometheus.query(usual[name], at)
    if name in TRUE_OF_THE_DEMO:
        assert result
    elif name not in SOMETIMES_TRUE:
        assert result == []
    if name == "AirflowExporterDuplicated":
        assert [labels["airflow"] for labels, _ in result] == ["north"]
    else:
        assert_alike(of("north", result), as_north(of("south", result)))


@pytest.mark.parametrize("name", [name for name in ALERTS if name not in STILL_SILENT])
def test_with_a_threshold_beyond_which_all_is_an_alert_holds_once_for_each_installation(
    prometheus, at, easy, name
):
    result = prometheus.query(easy[name], at)
    north, south = (of(airflow, result) for airflow in ("north", "south"))
    assert north
    assert south
    if name in OF_ONE_EXPORTER:
        assert len(north) == 2 * len(south)
    elif name == "AirflowExporterDuplicated":
        assert [value for _, value in (*north, *south)] == [2, 1]
    else:
        assert_alike(north, as_north(south))
