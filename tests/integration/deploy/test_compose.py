"""The Compose file: what docker-compose makes of it, and that it and its neighbours agree."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner

from exporter.cli import main
from exporter.dsn import parsed
from tests.integration.deploy.compose import NO_COMPOSE, compose, copied
from tests.support.exporter import ROOT
from tests.support.require import require

COMPOSE = ROOT / "deploy" / "compose"
DSNS = {
    "demo_owner": ("postgres", "airflow"),
    "demo_reader": ("postgres", "airflow_reader"),
    "airflow_owner": ("airflow-postgres", "airflow"),
    "airflow_reader": ("airflow-postgres", "airflow_reader"),
}
"""Which server and which role each address is of."""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    require(shutil.which("docker-compose"), NO_COMPOSE)
    return copied(tmp_path)


def described() -> Any:
    return yaml.safe_load((COMPOSE / "docker-compose.yml").read_text())


def test_docker_compose_takes_it_and_shows_no_password(file: Path) -> None:
    done = compose(file, "--profile=airflow", "config")
    assert (done.returncode, done.stderr) == (0, "")
    assert yaml.safe_load(done.stdout)["services"].keys() == described()["services"].keys()
    for secret in (file.parent / "secrets").glob("*_password"):
        assert secret.read_text() not in done.stdout


@pytest.mark.parametrize("wrong", ["name: demo\n", "configs: {rules: {content: '1'}}\n"])
def test_what_only_compose_2_takes_would_be_found(file: Path, wrong: str) -> None:
    file.write_text(wrong + file.read_text())
    assert compose(file, "config").returncode != 0


def test_the_example_of_an_environment_holds_each_variable_with_its_default() -> None:
    used = re.findall(r"\$\{(\w+):-([^}]+)\}", (COMPOSE / "docker-compose.yml").read_text())
    lines = (COMPOSE / ".env.example").read_text().splitlines()
    assert set(used) == {tuple(each.split("=", 1)) for each in lines if not each.startswith("#")}


def test_passwords_are_made_once_and_only_for_their_maker_to_reach(file: Path) -> None:
    secrets = file.parent / "secrets"
    assert secrets.stat().st_mode & 0o777 == 0o700
    assert {each.name for each in secrets.iterdir()} == {
        Path(each["file"]).name for each in described()["secrets"].values()
    }
    for name, (host, role) in DSNS.items():
        dsn = parsed((secrets / f"{name}_dsn").read_text(), name)
        kind = name.rpartition("_")[2]
        assert (dsn.hosts, dsn.username) == (f"{host}:5432", role)
        assert dsn.password == (secrets / f"{kind}_password").read_text()
    before = {each.name: each.read_text() for each in secrets.iterdir()}
    subprocess.run(["sh", file.with_name("secrets.sh")], check=True)
    assert {each.name: each.read_text() for each in secrets.iterdir()} == before
    assert len(set(before.values())) == len(before)


def test_grafana_finds_the_dashboards_and_the_prometheus_of_the_file(tmp_path: Path) -> None:
    provider = (COMPOSE / "grafana" / "dashboards.yaml").read_text()
    arguments = ["bundle", "dashboards", "--form", "provisioning", "--write", str(tmp_path)]
    assert CliRunner().invoke(main, arguments).exit_code == 0
    assert (tmp_path / "provider.yaml").read_text() == provider
    mounts = (each.split(":") for each in described()["services"]["grafana"]["volumes"])
    here = {inside: host for host, inside, *_ in mounts}
    path = yaml.safe_load(provider)["providers"][0]["options"]["path"]
    assert (COMPOSE / here[path]).resolve() == ROOT / "grafana" / "dashboards"
    source = yaml.safe_load((COMPOSE / "grafana" / "datasource.yaml").read_text())
    assert source["datasources"][0]["url"] == "http://prometheus:9090"
