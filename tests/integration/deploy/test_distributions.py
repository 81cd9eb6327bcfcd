"""Wheel and sdist, built once and used in an environment of nothing else."""

from __future__ import annotations

import subprocess
import sys
import tarfile
import zipfile
from dataclasses import dataclass
from pathlib import Path

import pytest
import sqlalchemy as sa

from exporter import __version__
from exporter.demo import schema
from tests.support.exporter import ROOT, ExporterProcess

NAME = f"airflow_perf_exporter-{__version__}"
WHEEL = f"{NAME}-py3-none-any.whl"


@dataclass(frozen=True)
class Built:
    """What was built of the sources, and of the sdist."""

    sdist: Path
    wheel: Path
    wheel_of_sdist: Path


def run(*command: str | Path, cwd: Path = Path("/")) -> str:
    done = subprocess.run(command, cwd=cwd, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Built:
    directory = tmp_path_factory.mktemp("dist")
    build = (sys.executable, "-m", "hatchling", "build", "-d")
    run(*build, directory, cwd=ROOT)
    with tarfile.open(directory / f"{NAME}.tar.gz") as archive:
        archive.extractall(directory, filter="data")
    run(*build, directory / "again", "-t", "wheel", cwd=directory / NAME)
    return Built(directory / f"{NAME}.tar.gz", directory / WHEEL, directory / "again" / WHEEL)


@pytest.fixture(scope="session")
def python(built: Built, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the Python of an environment with the wheel and what the lock says, by hash."""
    environment = tmp_path_factory.mktemp("environment")
    uv = Path(sys.executable).with_name("uv")
    install = (uv, "pip", "install", "--quiet", "--python", environment)
    run(uv, "venv", "--quiet", "--clear", "--python", sys.executable, environment)
    run(*install, "--require-hashes", "-r", ROOT / "deploy" / "requirements.txt")
    run(*install, "--no-deps", built.wheel)
    return environment / "bin" / "python"


def test_the_sdist_makes_the_same_wheel_to_the_byte(built: Built) -> None:
    assert built.wheel_of_sdist.read_bytes() == built.wheel.read_bytes()


def test_the_sdist_has_what_the_tests_and_the_install_need(built: Built) -> None:
    with tarfile.open(built.sdist) as archive:
        names = {each.removeprefix(f"{NAME}/") for each in archive.getnames()}
    assert {"deploy/requirements.txt", "tests/requirements.txt", "Dockerfile", "Makefile"} <= names
    assert not [each for each in names if "/secrets/" in each or "/.venv" in each]


def test_the_wheel_holds_the_package_and_nothing_beside_it(built: Built) -> None:
    with zipfile.ZipFile(built.wheel) as archive:
        tops = {each.partition("/")[0] for each in archive.namelist()}
    assert tops == {"exporter", f"{NAME}.dist-info"}


def test_the_command_tells_its_version(python: Path) -> None:
    told = run(python.with_name("airflow-perf-exporter"), "--version")
    assert __version__ in told


def test_check_passes_on_a_database_of_airflow(python: Path, tmp_path: Path) -> None:
    database = tmp_path / "airflow.db"
    engine = sa.create_engine(f"sqlite:///{database}")
    schema.create(engine, "3.3")
    engine.dispose()
    (tmp_path / "dsn").write_text(f"sqlite:///{database}")
    collectors = ("--no-collector.tasks", "--no-collector.containers")
    run(
        python.with_name("airflow-perf-exporter"),
        *("check", "--web.listen-address=127.0.0.1:0", f"--airflow.dsn-file={tmp_path}/dsn"),
        *collectors,
    )


def test_the_demo_serves_and_the_bundle_prints(python: Path, tmp_path: Path) -> None:
    assert "groups:" in run(python, "-I", "-m", "exporter", "bundle", "rules")
    with ExporterProcess(
        tmp_path,
        "--no-collector.tasks",
        "--no-collector.containers",
        command="demo",
        python=str(python),
        environment={"PYTHONPATH": ""},
    ) as demo:
        demo.wait_ready(60)
        demo.wait_for('airflow_perf_exporter_collector_success{collector="airflow"} 1', 60)
        assert demo.terminate() == 0
