"""Tests of the command line: what it offers, what it refuses, and how it ends."""

from __future__ import annotations

import json
import logging
import os
import re
import signal
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
import structlog
from click.testing import CliRunner, Result

from exporter import __version__, config
from exporter.cli import main
from exporter.flags import PROGRAM

COMMANDS = ("serve", "check", "demo")


@pytest.fixture(autouse=True)
def _as_before(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(sys, "excepthook", sys.excepthook)
    monkeypatch.setattr(threading, "excepthook", threading.excepthook)
    raises = logging.raiseExceptions
    handlers = list(logging.getLogger().handlers)
    yield
    logging.getLogger().handlers[:] = handlers
    logging.raiseExceptions = raises
    structlog.reset_defaults()


def run(*arguments: str, **environ: str) -> Result:
    return CliRunner(env={"AIRFLOW_HOME": "/nonexistent", **environ}).invoke(main, arguments)


def words(text: str) -> str:
    return re.sub(r"\s+", " ", text)


def squashed(text: str) -> str:
    """Return the text without the spaces: a narrow terminal breaks long names."""
    return re.sub(r"\s+", "", text)


@pytest.mark.parametrize("command", COMMANDS)
def test_help_lists_every_option_with_its_default_and_its_variable(command: str) -> None:
    result = run(command, "--help")
    assert result.exit_code == 0
    text = squashed(result.output)
    for name, option in config.options().items():
        assert option.flag in text
        assert f"[{option.variable}]" in text
        assert squashed(option.help) in text
        if shown := config.shown(config.default(name)):
            assert squashed(f"Default: {shown}. [{option.variable}]") in text
        if option.is_switch:
            assert f"--no-{option.flag.removeprefix('--')}" in text


def test_the_commands_are_listed_without_one() -> None:
    result = run("--help")
    assert result.exit_code == 0
    for command in COMMANDS:
        assert command in result.output
    assert run("-h").output == result.output


def test_the_version_is_told() -> None:
    assert run("--version").output == f"{PROGRAM}, version {__version__}\n"


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize(
    "arguments",
    [
        ["--log.level", "loud"],
        ["--config.file", "/nonexistent.yml"],
        ["--collector.airflow.interval", "soon"],
        ["--metrics.disable", "airflow_dag_info", "--metrics.disable", "nothing"],
    ],
)
def test_bad_settings_are_one_sentence_and_exit_status_2(
    command: str, arguments: list[str]
) -> None:
    result = run(command, *arguments)
    assert result.exit_code == 2
    assert re.fullmatch(rf"{PROGRAM}: {arguments[0]}[ :].+\n", result.output)


@pytest.mark.parametrize("arguments", [["serve"], ["check"]])
def test_without_a_database_it_is_said_what_to_set(arguments: list[str]) -> None:
    result = run(*arguments)
    assert result.exit_code == 2
    assert "no Airflow metadata database is configured: set --airflow.dsn-file" in result.output


@pytest.mark.parametrize(
    "arguments",
    [
        ["serve", "--no-such-flag"],
        ["serve", "an argument"],
        ["no-such-command"],
        ["serve", "--log.level"],
        ["serve", "--collector.airflow=yes"],
        ["top", "--interval", "nan"],
    ],
)
def test_wrong_usage_is_exit_status_2(arguments: list[str]) -> None:
    result = run(*arguments)
    assert result.exit_code == 2
    assert "Error: " in result.output


@pytest.mark.parametrize(
    "arguments",
    [
        ["baseline", "--actuals", "actuals.json"],
        ["bundle", "rules"],
        ["bundle", "grants", "--write", "."],
    ],
    ids=" ".join,
)
def test_a_full_disk_behind_the_standard_output_is_one_sentence(
    tmp_path: Path, arguments: list[str]
) -> None:
    (tmp_path / "actuals.json").write_text("{}")
    with Path("/dev/full").open("w") as full:
        ended = subprocess.run(
            [sys.executable, "-m", "exporter", *arguments], cwd=tmp_path,
            stdout=full, stderr=subprocess.PIPE, timeout=120, check=False,
            # Buffered, as users have it.
            env={**os.environ, "PYTHONUNBUFFERED": ""},
        )  # fmt: skip
    assert ended.returncode == 2
    sentence = f"{PROGRAM}: the standard output: No space left on device\n"
    assert ended.stderr.decode() == sentence


def test_ctrl_c_is_told_from_a_finding(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("exporter.baseline.sources.actuals", interrupted)
    result = run("baseline", "--actuals", "/nonexistent")
    assert (result.exit_code, result.output) == (128 + signal.SIGINT, "")


@pytest.mark.parametrize(
    "arguments",
    [
        ["serve", "{}"],
        ["{}"],
        ["serve", "--airflow.dsn={}"],
        ["serve", "--airflow.dsn-file", "{}"],
        ["check", "--airflow.dsn-file={}"],
        ["serve", "host=h user=u password=hunter22"],
        ["baseline", "--prometheus", "{}"],
    ],
)
def test_an_address_on_the_command_line_is_not_repeated(arguments: list[str]) -> None:
    result = run(*[each.format("postgresql://u:hunter22@h/d") for each in arguments])
    assert result.exit_code == 2
    assert "use --airflow.dsn-file" in words(result.output)
    assert "hunter22" not in result.output


def test_variables_and_flags_reach_the_settings(tmp_path: Path) -> None:
    result = run("serve", AIRFLOW_PERF_EXPORTER_LOG_LEVEL="loud")
    assert result.output.startswith(f"{PROGRAM}: AIRFLOW_PERF_EXPORTER_LOG_LEVEL: 'loud' is not")
    result = run("check", "--no-collector.airflow", "--web.listen-address", "127.0.0.1:0")
    assert result.exit_code == 0
    assert "listen address: 127.0.0.1:0" in result.output
    (tmp_path / "exporter.yml").write_text("log: {level: loud}")
    result = run("serve", "--config.file", str(tmp_path / "exporter.yml"))
    assert "exporter.yml: log.level: 'loud' is not one of" in result.output


@pytest.mark.parametrize("command", COMMANDS[:2])
def test_a_dsn_file_is_told_with_where_it_was_given(command: str, tmp_path: Path) -> None:
    (tmp_path / "exporter.yml").write_text("airflow: {dsn-file: /nonexistent}")
    variable = "AIRFLOW_PERF_EXPORTER_AIRFLOW_DSN_FILE"
    arguments = ("--config.file", str(tmp_path / "exporter.yml"))
    for origin, result in (
        ("--airflow.dsn-file", run(command, "--airflow.dsn-file", "/nonexistent")),
        (variable, run(command, **{variable: "/nonexistent"})),
        (f"{tmp_path}/exporter.yml: airflow.dsn-file", run(command, *arguments)),
    ):
        assert result.output.endswith(f"{PROGRAM}: {origin} /nonexistent: no such file\n")


@pytest.mark.parametrize("address", ["10112", "192.0.2.1:0"])
def test_a_wrong_listen_address_is_told_with_where_it_was_given(address: str) -> None:
    variable = "AIRFLOW_PERF_EXPORTER_WEB_LISTEN_ADDRESS"
    result = run("check", "--no-collector.airflow", **{variable: address})
    assert result.exit_code == 2
    assert f"FAIL listen address: {variable}: Cannot listen on " in result.output


def test_a_wrong_telemetry_path_is_told_with_where_it_was_given() -> None:
    variable = "AIRFLOW_PERF_EXPORTER_WEB_TELEMETRY_PATH"
    for command in COMMANDS:
        result = run(command, **{variable: "/healthz"})
        assert result.output == (
            f"{PROGRAM}: {variable}: '/healthz' is not a free path such as /metrics\n"
        )


def test_what_has_no_effect_is_logged_at_the_start_and_told_by_check(tmp_path: Path) -> None:
    # What keeps it from starting comes after what is being tested.
    with closing(sqlite3.connect(tmp_path / "ledger.sqlite")) as connection:
        connection.execute("PRAGMA user_version = 999")
    environ = {
        "AIRFLOW_PERF_EXPORTER_AIRFLOW_SCHEMA": "airflow",
        "AIRFLOW_PERF_EXPORTER_LOG_LEVL": "SECRET",
        "AIRFLOW_PERF_EXPORTER_AIRFLOW_DSN": f"sqlite:///{tmp_path}/airflow.db",
        "AIRFLOW_PERF_EXPORTER_KUBERNETES_NODE": "node-1",
    }
    arguments = ("--state.path", str(tmp_path), "--web.listen-address", "127.0.0.1:0")
    alone = "--kubernetes.node: has no effect without --kubernetes.pods-url"
    needless = "AIRFLOW_PERF_EXPORTER_AIRFLOW_SCHEMA: has no effect, SQLite knows no schemas"
    unknown = (
        "AIRFLOW_PERF_EXPORTER_LOG_LEVL: no such setting; "
        "did you mean AIRFLOW_PERF_EXPORTER_LOG_LEVEL?"
    )
    served = run("serve", *arguments, "--log.format", "json", **environ)
    logged = [json.loads(line) for line in served.output.splitlines() if line.startswith("{")]
    assert [(each["level"], each["event"], each["reason"]) for each in logged] == [
        ("warning", "config.without_effect", reason) for reason in (unknown, alone, needless)
    ]
    checked = run("check", *arguments, **environ)
    for reason in (unknown, alone, needless):
        assert f"warn configuration: {reason}\n" in checked.output
    assert "SECRET" not in served.output + checked.output


def test_check_fails_with_a_line_for_what_is_wrong(tmp_path: Path) -> None:
    (tmp_path / "dsn").write_text(f"sqlite:///{tmp_path}/airflow.db")
    result = run(
        "check", "--airflow.dsn-file", str(tmp_path / "dsn"), "--web.listen-address", "127.0.0.1:0"
    )
    assert result.exit_code == 2
    lines = result.output.splitlines()
    assert [line for line in lines if line.startswith("FAIL database: ")]
    assert [line for line in lines if line.startswith("ok   listen address: ")]
