"""The rules as the bundle writes them, read as YAML: what they name, and what they promise."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

import pytest
import yaml

from exporter import catalogue
from exporter.bundle import alerts, recording, rules, runbook, thresholds
from exporter.bundle.alert import Alert, Severity
from exporter.bundle.dashboards import all_dashboards
from exporter.bundle.dashboards.query import FIRING
from exporter.config import Settings
from exporter.errors import ConfigError
from exporter.insight.baselines.file import baselines
from tests.support.known_series import bundled_rules, known
from tests.support.promql_names import groupings, ranged, selectors

ROOT = Path(__file__).parents[3]
RULES = bundled_rules()
KNOWN = known()
ALERTS = [rule for rule in RULES if "alert" in rule]
DECLARED = [each for group in alerts.GROUPS for each in group.rules if isinstance(each, Alert)]
BUILD_INFO = catalogue.BUILD_INFO.name
COUNTING = {"rate", "increase"}
COMPARISON = re.compile(r"(==|>=?|<=?) ")
CASES = {"fires", "below", "idle", "absent", "nan"}
SERIES_OF = re.compile(r'airflow="(\w+)"(?:, instance="(\w+)")?')


def of(rule):
    return rule.get("alert") or f"{rule['record']} {rule.get('labels', '')}"


@pytest.mark.parametrize("rule", RULES, ids=of)
def test_every_metric_and_every_label_of_a_rule_exists(rule):
    assert unknown(rule["expr"]) == set()


@pytest.mark.parametrize("alert", DECLARED, ids=lambda each: each.name)
def test_every_metric_and_every_label_of_the_runbooks_queries_exists(alert):
    assert unknown(alert.runbook.query) == set()


def unknown(expression: str) -> set[str]:
    labels, missing = set(), set()
    for each in selectors(expression):
        if each.name not in KNOWN:
            missing.add(each.name)
            continue
        labels |= KNOWN[each.name]
        missing |= {found.label for found in each.matchers} - KNOWN[each.name]
    made = set(re.findall(r'label_replace\(.*"(\w+)", "\$1"', expression))
    joined = {label for word, some in groupings(expression) if word != "without" for label in some}
    return missing | (joined - labels - made)


@pytest.mark.parametrize(
    ("expression", "missing"),
    [
        ("airflow_dag_pausd == 1", {"airflow_dag_pausd"}),
        ('airflow_dag_paused{dag="d"} == 1', {"dag"}),
        ("up and on (airflow, dag_id) airflow_triggers", {"dag_id"}),
    ],
)
def test_what_does_not_exist_is_found(expression, missing):
    assert unknown(expression) == missing


@pytest.mark.parametrize("rule", ALERTS, ids=of)
def test_an_alert_compares_and_waits_and_says_who_should_act(rule):
    assert COMPARISON.search(rule["expr"]) or "absent(" in rule["expr"]
    assert re.fullmatch(r"\d+m", rule["for"])
    assert list(rule["labels"]) == ["severity"]
    assert rule["labels"]["severity"] in {each.value for each in Severity}
    assert set(rule["annotations"]) == {"summary", "description", "runbook_url", "dashboard_url"}
    # A summary is the same for all, so that they are told together.
    assert re.fullmatch(r"[A-Z][^{}]*\.", rule["annotations"]["summary"])
    assert "{{ $labels.airflow }}" in rule["annotations"]["description"]


@pytest.mark.parametrize("rule", ALERTS, ids=of)
def test_what_an_alert_tells_of_is_a_label_of_what_it_asks(rule):
    labels = {label for each in selectors(rule["expr"]) for label in KNOWN[each.name]}
    told = set(re.findall(r"\$labels\.(\w+)", "".join(rule["annotations"].values())))
    assert told <= labels


@pytest.mark.parametrize("rule", RULES, ids=of)
def test_installations_never_mix(rule):
    for word, labels in groupings(rule["expr"]):
        if word in ("by", "on"):
            assert "airflow" in labels or rule["expr"].endswith(f"on () absent({BUILD_INFO})")
        else:
            assert "airflow" not in labels


@pytest.mark.parametrize("rule", RULES, ids=of)
def test_labels_of_ones_own_stay_and_bounds_of_buckets_are_not_written(rule):
    if not rule.get("record", "").startswith("baseline:"):
        assert "by" not in {word for word, _ in groupings(rule["expr"])}
    assert not re.search(r"\ble\s*(=~?|!=|!~)", rule["expr"])


@pytest.mark.parametrize("rule", RULES, ids=of)
def test_counters_are_looked_at_for_at_least_four_scrapes_a_minute_apart(rule):
    for each in ranged(rule["expr"]):
        if each.function in COUNTING:
            number, unit = re.fullmatch(r"(\d+)([mhd])", each.window).groups()
            assert int(number) * {"m": 1, "h": 60, "d": 1440}[unit] >= 5


def test_every_threshold_is_gone_by_and_every_one_gone_by_is_declared():
    used = {
        name
        for group in (*alerts.GROUPS, *recording.GROUPS)
        for each in group.rules
        for name in re.findall(r"\$([a-z]\w*)", each.expression)
    }
    assert used == {each.name for each in thresholds.declared()}


def test_every_alert_has_its_section_in_the_runbook_and_every_section_its_alert():
    text = (ROOT / "docs/runbook.md").read_text()
    headings = {each.lower() for each in re.findall(r"^## (\w+)$", text, re.MULTILINE)}
    urls = [each["annotations"]["runbook_url"].split("#") for each in ALERTS]
    assert {page for page, _ in urls} == {"docs/runbook.md"}
    assert sorted(anchor for _, anchor in urls) == sorted(headings - {"thresholds"})


@pytest.mark.parametrize("rule", ALERTS, ids=of)
def test_an_alerts_dashboard_is_there_and_has_the_variables_it_is_handed(rule):
    uid, query = re.fullmatch(r"/d/([\w-]+)\?(.+)", rule["annotations"]["dashboard_url"]).groups()
    dashboard = {each.uid: each for each in all_dashboards()}[uid]
    handed = set(re.findall(r"var-(\w+)=", query))
    assert "airflow" in handed
    assert handed <= {each.name for each in dashboard.variables}


@pytest.mark.parametrize("rule", ALERTS, ids=of)
def test_an_alerts_dashboard_shows_something_of_what_the_alert_asks(rule):
    uid = re.match(r"/d/([\w-]+)", rule["annotations"]["dashboard_url"])[1]
    dashboard = {each.uid: each for each in all_dashboards()}[uid]
    shown = {
        name
        for panel in dashboard.panels
        for query in panel.queries
        for name in sampled(query.expr)
    }
    # Paused DAGs are only left out.
    assert (sampled(rule["expr"]) - {catalogue.DAG_PAUSED.name}) & shown


def sampled(expression: str) -> set[str]:
    """Return the families that are asked for, those that recording rules ask for among them."""
    names: set[str] = set()
    for name in {each.name for each in selectors(expression)}:
        recorded = [rule["expr"] for rule in RULES if rule.get("record") == name]
        names |= set().union(*map(sampled, recorded))
        names.add(re.sub(r"_(bucket|sum|count)$", "", name))
    return names


def test_what_counts_firing_alerts_counts_the_bundled_ones_alone():
    pattern = re.search(r'alertname=~"([^"]+)"', FIRING)[1]
    assert all(re.fullmatch(pattern, each.name) for each in DECLARED)
    assert not re.fullmatch(pattern, "DatabaseDown")


def test_the_runbook_is_what_the_code_says():
    page = runbook.pages()["runbook.md"]
    assert (ROOT / "docs/runbook.md").read_text() == page
    for each in DECLARED:
        for text in (each.runbook.meaning, each.runbook.impact, each.runbook.action):
            assert text.endswith((".", "`."))
            assert text in page


@cache
def cases() -> dict[str, list[dict]]:
    """Return the unit tests by the alert that they are of."""
    found: dict[str, list[dict]] = {}
    for path in sorted((ROOT / "tests/rules").glob("*.yml")):
        for test in yaml.safe_load(path.read_text()).get("tests", ()):
            for name in {each["alertname"] for each in test.get("alert_rule_test", ())}:
                found.setdefault(name, []).append(test)
    return found


def test_the_alerts_with_unit_tests_are_the_alerts_that_there_are():
    assert set(cases()) == {each["alert"] for each in ALERTS}


@pytest.mark.parametrize("name", [each["alert"] for each in ALERTS])
def test_an_alert_is_tested_firing_below_idle_absent_and_not_a_number(name):
    (test,) = cases()[name]
    told = {SERIES_OF.search(each["series"]).groups() for each in test["input_series"]}
    assert {airflow for airflow, _ in told} >= CASES
    assert {("fires", "1"), ("fires", "2")} <= told
    assert "nan" in {
        SERIES_OF.search(each["series"])[1]
        for each in test["input_series"]
        if each["values"].startswith("NaN")
    }
    before, after = test["alert_rule_test"]
    assert before["exp_alerts"] == []
    assert {each["exp_labels"]["airflow"] for each in after["exp_alerts"]} == {"fires"}


def test_numbers_addresses_and_names_are_what_was_asked_for():
    settings = Settings(metric_prefix="airflow_container")
    pages = rules.asked(
        settings, form=rules.Form.FILE, assignments=["memory_ratio=0.7"],
        runbook_base="https://wiki/runbook", dashboard_base="https://grafana",
    )  # fmt: skip
    groups = yaml.safe_load(pages["airflow.yml"])["groups"]
    found = {each["alert"]: each for group in groups for each in group["rules"] if "alert" in each}
    alert = found["AirflowContainerMemoryPressure"]
    assert alert["expr"].endswith("> 0.7")
    assert "(airflow_container_memory_working_set_bytes{container!~" in alert["expr"]
    url = "https://wiki/runbook#airflowcontainermemorypressure"
    assert alert["annotations"]["runbook_url"] == url
    assert alert["annotations"]["dashboard_url"].startswith(
        "https://grafana/d/airflow-exporter-workers?var-airflow={{ $labels.airflow | urlquery }}&"
    )
    assert not re.search(r"[( ]container_", pages["airflow.yml"])


def test_a_prometheus_rule_and_one_file_hold_what_the_files_hold():
    files = rules.pages(baselines(None), rules.Terms())
    groups = [group for text in files.values() for group in yaml.safe_load(text)["groups"]]
    (one,) = rules.asked(Settings(), form=rules.Form.FILE, one_file=True).values()
    asked = rules.asked(Settings(), form=rules.Form.CUSTOM_RESOURCE, labels=["release=prom"])
    (resource,) = map(yaml.safe_load, asked.values())
    assert yaml.safe_load(one)["groups"] == groups
    assert resource["spec"]["groups"] == groups
    assert resource["kind"] == "PrometheusRule"
    assert resource["metadata"]["labels"]["release"] == "prom"


@pytest.mark.parametrize("label", ["release", "=prom", "a b=c", "release=a b", "-a=b", "a=b/c"])
def test_what_is_no_label_is_refused(label):
    with pytest.raises(ConfigError, match=r"--label .*: must be name=value"):
        rules.asked(Settings(), form=rules.Form.CUSTOM_RESOURCE, labels=[label])


def test_a_label_that_a_file_would_not_have_is_refused():
    with pytest.raises(ConfigError, match=r"--label: .* for --form crd"):
        rules.asked(Settings(), form=rules.Form.FILE, labels=["release=prom"])


def test_grafanas_address_may_end_with_a_slash():
    with_slash, without = (
        rules.asked(Settings(), form=rules.Form.FILE, dashboard_base=f"https://grafana{end}")
        for end in ("/", "")
    )
    assert with_slash == without


def test_a_match_of_the_user_may_hold_a_dollar_sign(tmp_path):
    file = tmp_path / "baselines.yml"
    terms = "{max: 1, tolerance: 0, aggregation: max, window: 1h}"
    file.write_text(f"components: {{x: {{match: {{pod: 'a$b'}}, memory_mib: {terms}}}}}")
    files = rules.pages(baselines(file), rules.Terms())
    assert 'pod=~"a$b"' in files["baselines.yml"]
