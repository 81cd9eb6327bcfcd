"""The dashboards: by the rules of linters, and each rule sees what it is there for."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from exporter import catalogue
from exporter.bundle import delivery, pages
from exporter.bundle.dashboards import all_dashboards
from exporter.bundle.delivery import Form
from exporter.bundle.thresholds import chosen
from tests.unit.bundle import lint
from tests.unit.bundle.lint import ROOT, RULES, Model

FOLDER = ROOT / "grafana/dashboards"
COMMITTED = sorted(FOLDER.glob("*.json"))


def read(path: Path) -> Model:
    model: Model = json.loads(path.read_text(encoding="utf-8"))
    return model


def test_the_committed_dashboards_are_what_the_code_says():
    written = delivery.pages(all_dashboards(), Form.JSON, {}, chosen())
    assert pages.outdated(written, FOLDER) == []
    assert pages.strays(written, FOLDER) == []


def test_a_dashboard_that_is_no_more_is_a_stray(tmp_path):
    written = delivery.pages(all_dashboards(), Form.JSON, {}, chosen())
    pages.written(written, tmp_path)
    assert pages.strays(written, tmp_path) == []
    (tmp_path / "gone.json").touch()
    (tmp_path / "README.md").touch()
    assert pages.strays(written, tmp_path) == [tmp_path / "gone.json"]


@pytest.mark.parametrize("path", COMMITTED, ids=lambda path: path.stem)
@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_no_rule_is_broken(path, rule):
    assert list(rule(read(path))) == []


def test_uids_and_titles_are_there_once():
    for name in ("uid", "title"):
        assert len({read(path)[name] for path in COMMITTED}) == len(COMMITTED) == 5


def first(model: Model, kind: str) -> Model:
    return next(panel for panel in lint.panels(model) if panel["type"] == kind)


def _expression(change: Callable[[str], str]) -> Callable[[Model], None]:
    def broken(model: Model) -> None:
        target = first(model, "timeseries")["targets"][0]
        target["expr"] = change(target["expr"])

    return broken


def _set(kind: str, *keys: str, value: Any) -> Callable[[Model], None]:
    def broken(model: Model) -> None:
        place = first(model, kind)
        for key in keys[:-1]:
            place = place[key]
        place[keys[-1]] = value

    return broken


def _variable(name: str, **values: Any) -> Callable[[Model], None]:
    return lambda model: lint.variables(model)[name].update(values)


BREAKAGES = {
    "it can be edited": lambda model: model.update(editable=True),
    "the variable datasource": _variable("datasource", label="Source"),
    "the variable job": _variable("job", allValue=".*"),
    "the variable instance": _variable("instance", multi=False),
    "the variable team asks": _variable("team", query="label_values(airflow_dag_info, teem)"),
    "is not asked again": _variable("team", refresh=1),
    "no title or no description": _set("stat", "description", value=""),
    "asks nothing": _set("stat", "targets", value=[]),
    "no unit of Grafana's": _set("stat", "fieldConfig", "defaults", "unit", value="seconds"),
    "asks another data source": _set("table", "datasource", value={"uid": "prometheus"}),
    "hangs over": _set("bargauge", "gridPos", "w", value=25),
    "overlaps": _set("bargauge", "gridPos", "y", value=1),
    "Now is there twice": lambda model: [
        panel.update(title="Now") for panel in lint.panels(model)[:2]
    ],
    "a number is there twice": _set("bargauge", "id", value=1),
    "is a graph": _set("stat", "type", value="graph"),
    "is not narrowed by ['instance']": _expression(
        lambda each: each.replace('instance=~"$instance"', 'pod=~"$instance"')
    ),
    "is no rate": _expression(lambda _: 'airflow_task_finished_total{airflow=~"$airflow"}'),
    "which is no counter": _expression(lambda _: "increase(airflow_dags[1h])"),
    "rate over 5m": _expression(lambda _: "rate(airflow_task_finished_total[5m])"),
    "there is no airflow_task_duration": _expression(lambda _: "airflow_task_duration"),
    "has no label status": _expression(lambda _: 'airflow_dags{status="paused"}'),
    "is no label of what is asked": _expression(
        lambda _: "sum by (airflow, status) (airflow_dags)"
    ),
    "is no pattern": _expression(lambda _: 'airflow_dags{state=~"paused"}'),
    "mixes installations": _expression(lambda _: "sum by (state) (airflow_dags)"),
    "written in more than one way": _expression(
        lambda _: 'rate(airflow_task_duration_seconds_bucket{le="1"}[$__rate_interval])'
    ),
    "of every target there is": _expression(lambda _: 'process_open_fds{job=~"$job"}'),
    "of every team": _expression(lambda _: 'airflow_dag_active_runs{dag_id=~"$dag_id"}'),
    "there is no variable dag": _expression(lambda _: 'airflow_dag_paused{dag_id=~"$dag"}'),
    "leads nowhere": _set(
        "bargauge", "fieldConfig", "defaults", "links", value=[{"url": "/d/elsewhere?x"}]
    ),
    "has no variable task": _set(
        "bargauge", "fieldConfig", "defaults", "links",
        value=[{"url": "/d/airflow-exporter-dag?var-task=${__field.labels.task_id}"}],
    ),
}  # fmt: skip


@pytest.mark.parametrize("complaint", BREAKAGES)
def test_a_broken_panel_is_told(complaint):
    model = read(FOLDER / "airflow-exporter-dag.json")
    before = copy.deepcopy(model)
    BREAKAGES[complaint](model)
    assert model != before
    assert any(complaint in each for rule in RULES for each in rule(model))


def test_a_variable_that_nothing_asks_for_is_told():
    model = read(FOLDER / "airflow-exporter-dag.json")
    model["templating"]["list"].append({"type": "custom", "name": "nothing"})
    assert list(lint.variables_are_used(model)) == ["nothing asks for the variable nothing"]


def test_families_are_asked_for_under_the_names_that_they_have():
    names = catalogue.renamed("airflow_container")
    written = delivery.pages(all_dashboards(), Form.JSON, names, chosen())
    text = "".join(written.values())
    assert "airflow_container_memory_working_set_bytes{" in text
    assert '"container_' not in text
    assert " container_" not in text
    assert "(container_" not in text
    assert "airflow_task_container_info{" in text
