"""The forms of delivery: each holds the same dashboards, in what its receiver takes."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
import yaml
from click.testing import CliRunner

from exporter.bundle import delivery
from exporter.bundle.dashboards import all_dashboards
from exporter.bundle.delivery import CONFIG_MAP_BYTES, Form
from exporter.bundle.thresholds import chosen
from exporter.cli import main
from exporter.errors import ConfigError

UIDS = [f"airflow-exporter-{name}" for name in ("overview", "dag", "workers", "data", "health")]


@pytest.fixture(scope="module")
def models():
    return {each.uid: each.model({}, chosen()) for each in all_dashboards()}


def delivered(form):
    return delivery.pages(all_dashboards(), form, {}, chosen())


def run(*arguments):
    return CliRunner().invoke(main, ["bundle", "dashboards", *arguments])


def test_files_for_the_import_are_named_by_uid(models):
    files = delivered(Form.JSON)
    assert list(files) == [f"{uid}.json" for uid in UIDS]
    assert {uid: json.loads(files[f"{uid}.json"]) for uid in UIDS} == models


def test_the_provider_looks_where_the_files_belong():
    files = delivered(Form.PROVISIONING)
    provider = yaml.safe_load(files.pop("provider.yaml"))
    assert provider["apiVersion"] == 1
    assert provider["providers"][0]["folder"] == "Airflow"
    assert provider["providers"][0]["options"] == {"path": delivery.PROVIDED_AT}
    assert files == delivered(Form.JSON)


def test_config_maps_are_found_by_the_sidecar_and_small_enough_to_apply(models):
    files = delivered(Form.CONFIG_MAP)
    for uid, model in models.items():
        text = files[f"{uid}.yaml"]
        assert len(text.encode()) < CONFIG_MAP_BYTES
        found = yaml.safe_load(text)
        assert (found["kind"], found["metadata"]["name"]) == ("ConfigMap", uid)
        assert found["metadata"]["labels"] == {"grafana_dashboard": "1"}
        assert found["metadata"]["annotations"] == {"grafana_folder": "Airflow"}
        assert json.loads(found["data"][f"{uid}.json"]) == model
        assert "  {\n" in text  # readable, not one quoted line


def test_a_dashboard_that_kubectl_would_not_apply_is_refused():
    large = replace(all_dashboards()[0], description="x" * CONFIG_MAP_BYTES)
    with pytest.raises(ConfigError, match=r"^The dashboard airflow-exporter-overview does not fit"):
        delivery.pages([large], Form.CONFIG_MAP, {}, chosen())
    assert delivery.pages([large], Form.JSON, {}, chosen())


def test_custom_resources_are_the_operators(models):
    for uid, text in zip(models, delivered(Form.CUSTOM_RESOURCE).values(), strict=True):
        found = yaml.safe_load(text)
        kind = (found["apiVersion"], found["kind"])
        assert kind == ("grafana.integreatly.org/v1beta1", "GrafanaDashboard")
        assert found["spec"]["folder"] == "Airflow"
        assert json.loads(found["spec"]["json"]) == models[uid]


def test_grafana_com_is_told_what_to_ask_for(models):
    for text in delivered(Form.GRAFANA_COM).values():
        found = json.loads(text)
        assert [each["name"] for each in found["__inputs"]] == ["DS_PROMETHEUS"]
        required = {each["id"] for each in found["__requires"]}
        assert required >= {"grafana", "prometheus", "timeseries"}
        assert "${DS_PROMETHEUS}" in text
        assert "${datasource" not in text
        names = [each["name"] for each in found["templating"]["list"]]
        before = models[found["uid"]]["templating"]["list"]
        assert names == [each["name"] for each in before if each["name"] != "datasource"]


@pytest.mark.parametrize("form", [each.value for each in Form])
def test_every_form_is_written_by_the_command_and_found_up_to_date(tmp_path, form):
    folder = str(tmp_path / "new")
    assert run("--form", form, "--write", folder).exit_code == 0
    assert run("--form", form, "--check", folder).exit_code == 0
    assert {each.name for each in (tmp_path / "new").iterdir()} == set(delivered(Form(form)))


def test_a_file_that_is_not_up_to_date_or_of_no_use_any_more_is_told(tmp_path):
    run("--write", str(tmp_path))
    (tmp_path / "airflow-exporter-dag.json").write_text("{}")
    (tmp_path / "gone.json").touch()
    result = run("--check", str(tmp_path))
    assert result.exit_code == 1
    for name in ("airflow-exporter-dag.json", "gone.json"):
        assert f"{tmp_path / name} is not up to date" in result.output


def test_a_file_of_other_bytes_is_not_up_to_date_and_one_that_fails_is_told(tmp_path):
    run("--write", str(tmp_path))
    path = tmp_path / "airflow-exporter-dag.json"
    path.write_bytes(b"\xff")
    result = run("--check", str(tmp_path))
    assert (result.exit_code, f"{path} is not up to date" in result.output) == (1, True)
    path.unlink()
    path.symlink_to("/proc/self/mem")  # fails for whoever reads it
    result = run("--check", str(tmp_path))
    assert result.exit_code == 2
    assert f"--check {tmp_path}: Input/output error" in result.output


def test_the_command_takes_the_names_of_the_families():
    result = run("--containers.metric-prefix", "airflow_container")
    assert "airflow_container_cpu_usage_seconds_total{" in result.output
    refused = run("--containers.metric-prefix", "9")
    assert refused.exit_code == 2
    assert "--containers.metric-prefix" in refused.output


def test_the_command_takes_other_thresholds():
    result = run("--set", "queued_tasks=70")
    queued = next(
        panel for panel in json.loads(result.output.partition("\n{\n")[0])["panels"]
        if panel["title"] == "Queued"
    )  # fmt: skip
    steps = queued["fieldConfig"]["defaults"]["thresholds"]["steps"]
    assert [each["value"] for each in steps] == [None, 35, 70]
    refused = run("--set", "queued_task=70")
    assert refused.exit_code == 2
    assert "--set queued_task: no such threshold" in refused.output


def test_a_place_that_cannot_be_written_to_is_named_in_one_line(tmp_path):
    taken = tmp_path / "taken"
    taken.touch()
    done = run("--write", str(taken))
    assert done.exit_code == 2
    assert done.stderr == f"airflow-perf-exporter: --write {taken}: File exists\n"


def test_writing_and_checking_at_once_is_refused(tmp_path):
    done = run("--write", str(tmp_path), "--check", str(tmp_path))
    assert done.exit_code == 2
    assert "--check and --write: give one of them" in done.stderr
    assert not list(tmp_path.iterdir())
