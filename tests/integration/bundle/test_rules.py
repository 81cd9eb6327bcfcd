"""The rules, by promtool: the shipped ones, and those for a baselines file of one's own."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from exporter.bundle import alerts, pages, rules
from exporter.bundle.alert import Alert
from exporter.config import Settings
from exporter.insight.baselines.file import baselines
from tests.support.promtool import NO_PROMTOOL, check_rules, promtool_binary, rule_failures
from tests.support.require import require

ROOT = Path(__file__).parents[3]
BUNDLED = ROOT / "grafana/rules"
TESTS = ROOT / "tests/rules"
OF_ALERTS = ("platform", "dags", "tasks", "workers", "data", "exporter")
ALERTS = [each.name for group in alerts.GROUPS for each in group.rules if isinstance(each, Alert)]


@pytest.fixture
def promtool():
    require(promtool_binary(), NO_PROMTOOL)


@pytest.fixture
def own(tmp_path):
    """Write the rules for a baselines file that uses everything, and their tests beside them."""
    found = baselines(TESTS / "own-baselines.yml")
    pages.written(rules.pages(found, rules.Terms("airflow_container")), tmp_path)
    shutil.copy(TESTS / "own.yml", tmp_path)
    return tmp_path


def test_the_bundled_rules_are_what_the_code_says():
    written = rules.pages(baselines(None), rules.Terms())
    assert pages.outdated(written, BUNDLED) == []


def test_the_bundled_rules_are_good_and_judge_the_guides_cases_rightly(promtool):
    assert check_rules(BUNDLED / "baselines.yml") == []
    assert rule_failures(TESTS / "baselines.yml") == []


@pytest.mark.parametrize("subject", OF_ALERTS)
def test_every_alert_fires_when_it_should_and_never_else(promtool, subject):
    assert rule_failures(TESTS / f"{subject}.yml") == []


def test_all_bundled_rules_are_good_in_every_form_of_them(promtool, tmp_path):
    assert check_rules(BUNDLED / "airflow.yml") == []
    settings = Settings(metric_prefix="airflow_container")
    pages.written(rules.asked(settings, form=rules.Form.FILE, one_file=True), tmp_path)
    (one,) = tmp_path.iterdir()
    assert check_rules(one) == []


def test_where_nothing_is_scraped_only_that_is_told(promtool, tmp_path):
    silent = [name for name in ALERTS if name != "AirflowExporterAbsent"]
    test = {
        "interval": "1m",
        "input_series": [],
        "alert_rule_test": [
            {"eval_time": "1h", "alertname": name, "exp_alerts": []} for name in silent
        ],
        "promql_expr_test": [
            {
                "expr": "count by (alertname, severity) (ALERTS)",
                "eval_time": "1h",
                "exp_samples": [
                    {
                        "labels": '{alertname="AirflowExporterAbsent", severity="critical"}',
                        "value": 1,
                    }
                ],
            }
        ],
    }
    path = tmp_path / "nothing.yml"
    files = [str(BUNDLED / name) for name in ("baselines.yml", "airflow.yml")]
    path.write_text(json.dumps({"rule_files": files, "tests": [test]}))
    assert rule_failures(path) == []


def test_rules_for_a_file_of_ones_own_are_good_and_do_what_it_says(promtool, own):
    assert check_rules(own / "baselines.yml") == []
    assert rule_failures(own / "own.yml") == []


@pytest.mark.parametrize(
    ("good", "bad"),
    [
        ("and on (airflow, dag_id, task_id)", "or"),
        (" > 0))[", "))["),
        ("max by (airflow)", "max"),
        ('dag_id="", ', ""),
        ("(1 - max by", "(1 + max by"),
        ("quantile_over_time(0.95, c", "max_over_time(c"),
    ],
)
def test_a_change_of_the_rules_fails_their_tests(promtool, tmp_path, good, bad):
    text = (BUNDLED / "baselines.yml").read_text()
    assert good in text
    bundled, tests = tmp_path / "grafana/rules", tmp_path / "tests/rules"
    for directory in (bundled, tests):
        directory.mkdir(parents=True)
    (bundled / "baselines.yml").write_text(text.replace(good, bad))
    shutil.copy(TESTS / "baselines.yml", tests)
    assert rule_failures(tests / "baselines.yml") != []


@pytest.mark.parametrize(
    ("subject", "good", "bad"),
    [
        ("platform", ") > 100", ") > 99"),
        ("platform", "max without (hostname, ", "max without ("),
        ("platform", ") (airflow_triggers_un", ", airflow) (airflow_triggers_un"),
        ("dags", "unless on (airflow, dag_id)", "unless on (dag_id)"),
        ("dags", " >= 5", " >= 4"),
        ("tasks", ":mean7d > ", ":mean7d < "),
        ("tasks", " offset 2h >= 5", " offset 2h >= 4"),
        ("workers", "max without (instance, endpoint", "sum without (endpoint"),
        ("workers", '{container!~"|POD"}', ""),
        ("data", "and on (airflow, name)", "and on (name)"),
        ("data", "increase1h[1d]) > 0", "increase1h[1d]) >= 0"),
        ("exporter", "build_info[1d]", "build_info[5m]"),
        ("exporter", "success_timestamp_seconds > 0)", "success_timestamp_seconds)"),
    ],
)  # fmt: skip
def test_a_change_of_an_alert_fails_its_test(promtool, tmp_path, subject, good, bad):
    text = (BUNDLED / "airflow.yml").read_text()
    assert good in text
    bundled, tests = tmp_path / "grafana/rules", tmp_path / "tests/rules"
    for directory in (bundled, tests):
        directory.mkdir(parents=True)
    shutil.copy(BUNDLED / "baselines.yml", bundled)
    (bundled / "airflow.yml").write_text(text.replace(good, bad))
    shutil.copy(TESTS / f"{subject}.yml", tests)
    assert rule_failures(tests / f"{subject}.yml") != []
