"""The Helm chart: what it makes is valid, of one version, and small enough for a release."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest
import yaml

from exporter import __version__
from exporter.bundle.dashboards import all_dashboards
from tests.integration.deploy.chart import CHART, EVERYTHING, OPERATOR, RELEASE, helm, rendered
from tests.integration.deploy.manifests import DEPLOY, Document, documents, found, read
from tests.integration.deploy.tools import output, tool
from tests.integration.deploy.validity import VERSIONS, validate
from tests.support.exporter import ExporterProcess

LARGEST_RELEASE_BYTES = 1 << 19
"""Helm keeps a release, chart and manifests, in a secret, which holds twice as much at most."""


@pytest.mark.parametrize("values", [{}, EVERYTHING], ids=["thin", "everything"])
def test_helm_finds_nothing_wrong(values: Document) -> None:
    assert "1 chart(s) linted, 0 chart(s) failed" in helm("lint", "--strict", CHART, values=values)


def test_helm_would_find_a_template_that_is_wrong(tmp_path: Path) -> None:
    copy = shutil.copytree(CHART, tmp_path / "chart")
    wrong = copy / "templates" / "db.yaml"
    wrong.write_text(wrong.read_text().replace(".storage.size", ".storage.size | nosuch"))
    with pytest.raises(AssertionError, match="nosuch"):
        helm("lint", "--strict", copy)


@pytest.mark.parametrize(
    ("values", "version"), [({}, VERSIONS[1]), *((EVERYTHING, each) for each in VERSIONS)]
)
def test_what_it_makes_is_valid(values: Document, version: str) -> None:
    made = rendered(values, "--kube-version", version, "--api-versions", OPERATOR)
    assert made
    for each in made:
        validate(each, version)


def test_the_thin_default_is_the_role_db_with_rules_and_dashboards() -> None:
    made = rendered()
    kinds = {each["kind"] for each in made}
    assert kinds == {"StatefulSet", "Service", "NetworkPolicy", "ConfigMap", "Pod"}
    maps = {each["metadata"]["name"] for each in made if each["kind"] == "ConfigMap"}
    assert maps == {each.uid for each in all_dashboards()} | {f"{RELEASE}-rules"}
    assert found(made, "Pod")["metadata"]["annotations"]["helm.sh/hook"] == "test"


def test_without_the_operator_the_rules_are_a_file_for_prometheus() -> None:
    (text,) = found(rendered(), "ConfigMap", f"{RELEASE}-rules")["data"].values()
    (resource,) = read(CHART / "bundled" / "rules" / "airflow-perf-exporter.yaml")
    assert yaml.safe_load(text) == resource["spec"]


def test_two_releases_share_neither_names_nor_pods() -> None:
    command = ("template", "other", CHART, "--namespace", "airflow")
    values = {"node": {"enabled": True}, "dashboards": {"enabled": False}}
    one, other = rendered(values), documents(helm(*command, values=values))
    names = [{(each["kind"], each["metadata"]["name"]) for each in made} for made in (one, other)]
    assert not names[0] & names[1]
    for kind in ("StatefulSet", "DaemonSet"):
        labels = found(other, kind)["spec"]["template"]["metadata"]["labels"]
        selected = found(one, kind)["spec"]["selector"]["matchLabels"]
        assert not selected.items() <= labels.items()


def test_the_longest_name_of_a_release_leaves_room_for_a_hash() -> None:
    made = documents(helm("template", "a" * 53, CHART))
    # Kubernetes labels pods of a StatefulSet with its name, a dash and a hash of ten characters.
    assert len(found(made, "StatefulSet")["metadata"]["name"]) + 1 + 10 <= 63


def test_it_is_packed_whole_and_small_enough_for_a_release(tmp_path: Path) -> None:
    output(tool("helm"), "package", CHART, "--destination", tmp_path)
    (archive,) = tmp_path.iterdir()
    assert archive.name == f"airflow-perf-exporter-{__version__}.tgz"
    assert archive.stat().st_size < LARGEST_RELEASE_BYTES
    with tarfile.open(archive) as tar:
        names = {Path(name).relative_to(RELEASE).as_posix() for name in tar.getnames()}
    assert "bundled/rules/airflow-perf-exporter.yaml" in names
    assert "bundled/kustomization.yaml" not in names


def test_versions_of_chart_image_and_exporter_are_one() -> None:
    (chart,) = read(CHART / "Chart.yaml")
    assert chart["version"] == chart["appVersion"] == __version__
    for path in DEPLOY.rglob("*.yaml"):
        if "templates" not in path.parts:
            text = path.read_text()
            images = text.count("image: airflow-perf-exporter:")
            assert images == text.count(f"image: airflow-perf-exporter:{__version__}\n"), path


def test_its_test_tells_whether_a_collector_samples(tmp_path: Path) -> None:
    made = rendered()
    (container,) = found(made, "Pod")["spec"]["containers"]
    script, url, *_ = container["args"]
    assert url == f"http://{found(made, 'Service')['metadata']['name']}:10112/metrics"
    command = [sys.executable, *container["command"][1:], script]
    arguments = ("--no-collector.airflow", "--no-collector.tasks", "--docker.host", "none")
    with ExporterProcess(tmp_path, *arguments) as exporter:
        exporter.wait_ready()
        asked = f"{exporter.url}/metrics"
        codes = [
            subprocess.run(
                [*command, asked, each, "1"], check=False, capture_output=True
            ).returncode
            for each in ("containers", "airflow")
        ]
    assert codes == [0, 1]
