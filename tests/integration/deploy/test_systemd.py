"""The units: systemd takes them, finds them tight, and they say what the exporter understands."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from exporter import config
from tests.support.require import require

UNITS = Path(__file__).parents[3] / "deploy" / "systemd"
ROLES = ("db", "host")
MOST_EXPOSED = {"db": 2.0, "host": 2.0}
"""On systemd's scale, where 10 is unprotected."""


def unit(role: str) -> str:
    return (UNITS / f"airflow-perf-exporter-{role}.service").read_text(encoding="utf-8")


def variables(role: str) -> dict[str, str]:
    return dict(re.findall(r"^Environment=(\w+)=(.*)$", unit(role), flags=re.M))


def analyse(text: str, role: str, directory: Path, *verb: str) -> subprocess.CompletedProcess[str]:
    program = shutil.which("systemd-analyze")
    require(program, "there is no systemd-analyze: install Debian's package systemd")
    assert program is not None
    path = directory / f"airflow-perf-exporter-{role}.service"
    # Verifying looks for the program, which is installed nowhere here.
    path.write_text(text.replace("/opt/airflow-perf-exporter/bin/python", sys.executable))
    return subprocess.run([program, *verb, path], check=False, capture_output=True, text=True)


@pytest.mark.parametrize("role", ROLES)
def test_systemd_finds_nothing_wrong(role: str, tmp_path: Path) -> None:
    found = analyse(unit(role), role, tmp_path, "verify")
    assert (found.returncode, found.stdout, found.stderr) == (0, "", "")


def test_a_directive_that_does_not_exist_would_be_found(tmp_path: Path) -> None:
    broken = unit("db").replace("ProtectHome=", "ProtectHouse=")
    assert "'ProtectHouse'" in analyse(broken, "db", tmp_path, "verify").stderr


@pytest.mark.parametrize("role", ROLES)
def test_the_exposure_that_systemd_tells_is_low(role: str, tmp_path: Path) -> None:
    def exposure(text: str) -> float:
        told = analyse(text, role, tmp_path, "security", "--offline=true", "--no-pager").stdout
        found = re.search(r"exposure level for \S+: ([\d.]+)", told)
        assert found is not None, told
        return float(found[1])

    assert exposure(unit(role)) <= MOST_EXPOSED[role]
    open_wide = re.sub(
        r"^(System|Restrict|Protect|Private|Capability).*\n", "", unit(role), flags=re.M
    )
    assert exposure(open_wide) > MOST_EXPOSED[role]


@pytest.mark.parametrize("role", ROLES)
def test_the_variables_are_settings_and_choose_the_collectors_of_the_role(role: str) -> None:
    known = {option.variable for option in config.options().values()}
    assert variables(role).keys() <= known
    settings = config.loaded({}, variables(role))
    chosen = {name for name in ("airflow", "tasks", "containers") if getattr(settings, name)}
    assert chosen == ({"airflow"} if role == "db" else {"tasks", "containers"})


def test_both_units_can_be_on_one_host_and_no_other_host_reaches_them() -> None:
    addresses = [
        variables(role)["AIRFLOW_PERF_EXPORTER_WEB_LISTEN_ADDRESS"].split(":") for role in ROLES
    ]
    assert {host for host, _ in addresses} == {"127.0.0.1"}
    assert len({port for _, port in addresses}) == len(ROLES)


@pytest.mark.parametrize("role", ROLES)
def test_what_a_user_sets_wins_over_the_unit(role: str) -> None:
    # systemd.exec(5): what EnvironmentFile= sets overrides Environment=.
    assert f"EnvironmentFile=-/etc/default/airflow-perf-exporter-{role}" in unit(role)


def test_the_address_of_the_database_reaches_the_exporter_as_a_credential_alone() -> None:
    assert "LoadCredential=dsn:/etc/airflow-perf-exporter/dsn" in unit("db")
    assert "AIRFLOW_DSN_FILE=%d/dsn" in unit("db")
    assert "LoadCredential" not in unit("host")
