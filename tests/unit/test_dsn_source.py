"""Tests of where the database's address is found: the nearest wins, and nothing of it is told."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from exporter.dsn import Dsn
from exporter.dsn_source import DsnFile, DsnSource, discovered
from exporter.errors import ConfigError

MARKER = "Zq7!mK2w"
"""A password that appears in no sentence of ours."""


def found_in(
    tmp_path: Path,
    environ: dict[str, str] | None = None,
    dsn_file: Path | None = None,
    secrets: list[str] | None = None,
    *,
    airflow_home: Path | None = None,
    allow_command: bool = False,
) -> DsnSource:
    known = secrets if secrets is not None else []
    return discovered(
        {"AIRFLOW_HOME": str(tmp_path / "home"), **(environ or {})},
        dsn_file=DsnFile(str(dsn_file), "ORIGIN") if dsn_file else None,
        airflow_home=airflow_home,
        allow_command=allow_command,
        on_secrets=known.extend,
    )


def address(user: str) -> str:
    return f"postgresql://{user}:{MARKER}@h/d"


def test_the_nearest_source_wins(tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    (home / "airflow.db").touch()
    assert found_in(tmp_path).dsn() == Dsn("sqlite", str(home / "airflow.db"))
    core = {"AIRFLOW__CORE__SQL_ALCHEMY_CONN": address("core")}
    (home / "airflow.cfg").write_text(f"[database]\nsql_alchemy_conn = {address('cfg')}\n")
    assert found_in(tmp_path).dsn().username == "cfg"
    assert found_in(tmp_path, core).dsn().username == "core"
    environ = {**core, "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": address("airflow")}
    assert found_in(tmp_path, environ).dsn().username == "airflow"
    environ["AIRFLOW_PERF_EXPORTER_AIRFLOW_DSN"] = address("own")
    assert found_in(tmp_path, environ).dsn().username == "own"
    (tmp_path / "dsn").write_text(address("file") + "\n")
    assert found_in(tmp_path, environ, tmp_path / "dsn").dsn().username == "file"


def test_without_any_address_it_is_said_what_to_set(tmp_path: Path) -> None:
    with pytest.raises(
        ConfigError, match=r"set --airflow\.dsn-file, AIRFLOW_PERF_EXPORTER"
    ) as told:
        found_in(tmp_path, {"AIRFLOW_CONFIG": "/nonexistent.cfg"})
    assert f"looked in /nonexistent.cfg and {tmp_path}/home/airflow.db" in str(told.value)
    with pytest.raises(ConfigError, match="looked in"):
        found_in(tmp_path, {"AIRFLOW_CONFIG": "x" * 5000, "AIRFLOW_HOME": "x" * 5000})


def test_the_home_is_below_the_users_own_where_nothing_is_said(tmp_path: Path) -> None:
    (tmp_path / "airflow").mkdir()
    (tmp_path / "airflow" / "airflow.db").touch()
    for home, expected in ((str(tmp_path), True), (str(tmp_path / "none"), False)):
        options = {"dsn_file": None, "airflow_home": None, "allow_command": False}
        try:
            source = discovered({"HOME": home}, on_secrets=list, **options)  # type: ignore[arg-type]
        except ConfigError:
            assert not expected
        else:
            assert source.dsn().backend == "sqlite"


def test_airflow_config_goes_before_the_file_in_airflows_home(tmp_path: Path) -> None:
    (tmp_path / "home").mkdir()
    for name in ("home/airflow.cfg", "other.cfg"):
        (tmp_path / name).write_text(f"[database]\nsql_alchemy_conn = {address(name[:4])}\n")
    environ = {"HOME": str(tmp_path), "FOLDER": str(tmp_path), "AIRFLOW_CONFIG": ""}
    assert found_in(tmp_path, environ).dsn().username == "home"
    for path in (
        f"{tmp_path}/other.cfg",
        "~/other.cfg",
        "$FOLDER/other.cfg",
        "${FOLDER}/other.cfg",
    ):
        environ["AIRFLOW_CONFIG"] = path
        source = found_in(tmp_path, environ)
        assert source.dsn().username == "othe"
        assert source.origin == f"{tmp_path}/other.cfg: [database] sql_alchemy_conn"
    home = tmp_path / "home"
    assert found_in(tmp_path, environ, airflow_home=home).dsn().username == "home"
    environ["AIRFLOW__CORE__SQL_ALCHEMY_CONN"] = address("core")
    assert found_in(tmp_path, environ).dsn().username == "core"


def test_a_variable_in_airflows_home_is_filled_in(tmp_path: Path) -> None:
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "airflow.db").touch()
    for home in ("~/home", "$FOLDER/home"):
        environ = {"HOME": str(tmp_path), "FOLDER": str(tmp_path), "AIRFLOW_HOME": home}
        assert found_in(tmp_path, environ).dsn().database == str(tmp_path / "home" / "airflow.db")


def test_a_percent_sign_in_airflow_cfg_is_written_twice(tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    (home / "airflow.cfg").write_text(
        "[core]\nsql_alchemy_conn = postgresql://u:a%%40b@h/d\n[logging]\nlevel = %(x)s\n"
    )
    assert found_in(tmp_path).dsn().password == "a@b"


@pytest.mark.parametrize(
    "broken",
    [
        f"sql_alchemy_conn = {address('u')}\n",
        f"[database\nsql_alchemy_conn = {address('u')}\n",
        f"[database]\n{address('u').replace(':', ';').replace('=', '-')}\n",
        f"[database]\nsql_alchemy_conn = {address('u')}\n\udcff",
    ],
)
def test_a_broken_airflow_cfg_is_refused_without_a_piece_of_it(tmp_path: Path, broken: str) -> None:
    home = tmp_path / "home"
    home.mkdir()
    (home / "airflow.cfg").write_text(broken, errors="surrogateescape")
    with pytest.raises(ConfigError, match="cannot be read as an Airflow configuration") as refused:
        found_in(tmp_path)
    assert MARKER not in str(refused.value)
    assert refused.value.__suppress_context__


def test_a_changed_file_is_read_again_and_its_secret_is_told_first(tmp_path: Path) -> None:
    file, secrets = tmp_path / "dsn", list[str]()
    file.write_text(address("before"))
    source = found_in(tmp_path, dsn_file=file, secrets=secrets)
    assert secrets == []
    assert source.dsn().username == "before"
    assert MARKER in secrets
    file.write_text("postgresql://after:rotated@h/d")
    assert source.dsn().username == "after"
    assert "rotated" in secrets


def read(file: Path, tmp_path: Path) -> str:
    with pytest.raises(ConfigError) as refused:
        found_in(tmp_path, dsn_file=file).dsn()
    return str(refused.value)


def test_a_file_that_is_none_is_refused_at_once(tmp_path: Path) -> None:
    (tmp_path / "big").write_text(MARKER * 10_000)
    (tmp_path / "empty").write_text(" \n")
    (tmp_path / "garbage").write_bytes(bytes(range(256)))
    os.mkfifo(tmp_path / "fifo")
    assert "larger than 65536 bytes" in read(tmp_path / "big", tmp_path)
    assert read(tmp_path / "empty", tmp_path) == f"ORIGIN {tmp_path}/empty: is empty"
    assert "not a database URL" in read(tmp_path / "garbage", tmp_path)
    assert "not a regular file" in read(tmp_path / "fifo", tmp_path)
    assert "not a regular file" in read(Path("/dev/zero"), tmp_path)
    assert "not a regular file" in read(tmp_path, tmp_path)
    assert read(tmp_path / "missing", tmp_path) == f"ORIGIN {tmp_path}/missing: no such file"
    assert "no such file" in read(tmp_path / "empty" / "below", tmp_path)
    assert re.search("too long|no such file", read(tmp_path / ("x" * 5000), tmp_path))


def test_an_address_in_the_place_of_the_file_is_refused_without_a_piece_of_it(
    tmp_path: Path,
) -> None:
    for text in (address("u"), f"host=h user=u password={MARKER}"):
        with pytest.raises(ConfigError) as refused:
            discovered(
                {}, dsn_file=DsnFile(text, "ORIGIN"), airflow_home=None, allow_command=False,
                on_secrets=list,
            )  # fmt: skip
        assert str(refused.value) == "ORIGIN takes the path of a file that holds the address"


def test_a_secret_of_airflows_backend_is_refused_with_what_to_set(tmp_path: Path) -> None:
    environ = {"AIRFLOW__DATABASE__SQL_ALCHEMY_CONN_SECRET": MARKER}
    with pytest.raises(ConfigError, match=r"give the address by --airflow\.dsn-file") as refused:
        found_in(tmp_path, environ)
    assert MARKER not in str(refused.value)


def test_a_program_runs_only_where_it_is_allowed(tmp_path: Path) -> None:
    environ = {"AIRFLOW__DATABASE__SQL_ALCHEMY_CONN_CMD": f"echo '{address('u')}'"}
    with pytest.raises(ConfigError, match=r"--airflow\.allow-dsn-command") as refused:
        found_in(tmp_path, environ)
    assert MARKER not in str(refused.value)
    assert found_in(tmp_path, environ, allow_command=True).dsn().password == MARKER


@pytest.mark.parametrize(
    "command",
    [
        f"sh -c 'echo {MARKER}; echo {MARKER} >&2; exit 3'",
        f"/no/such/program {MARKER}",
        f"echo 'unbalanced {MARKER}",
        f"echo {MARKER}",
    ],
)
def test_a_program_that_fails_is_told_without_what_it_printed(tmp_path: Path, command: str) -> None:
    environ = {"AIRFLOW__DATABASE__SQL_ALCHEMY_CONN_CMD": command}
    with pytest.raises(ConfigError) as refused:
        found_in(tmp_path, environ, allow_command=True).dsn()
    assert re.match(r"AIRFLOW__DATABASE__SQL_ALCHEMY_CONN_CMD: \w", str(refused.value))
    assert MARKER not in str(refused.value)


@pytest.mark.parametrize("section", ["database", "core"])
def test_airflow_cfg_may_name_who_knows_the_address(tmp_path: Path, section: str) -> None:
    file = tmp_path / "home" / "airflow.cfg"
    file.parent.mkdir()
    key = f"{file}: [{section}] sql_alchemy_conn"
    file.write_text(f"[{section}]\nsql_alchemy_conn_cmd = echo '{address('u')}'\n")
    with pytest.raises(ConfigError) as refused:
        found_in(tmp_path)
    assert str(refused.value) == (
        f"{key}_cmd names a program: allow it with --airflow.allow-dsn-command"
    )
    source = found_in(tmp_path, allow_command=True)
    assert source.origin == f"{key}_cmd"
    assert source.dsn().password == MARKER
    file.write_text(f"[{section}]\nsql_alchemy_conn_secret = {MARKER}\n")
    with pytest.raises(ConfigError) as refused:
        found_in(tmp_path, allow_command=True)
    assert str(refused.value).startswith(
        f"{key}_secret names an entry of Airflow's secrets backend"
    )
    assert MARKER not in str(refused.value)


def test_an_address_in_airflow_cfg_goes_before_a_program_and_that_before_a_secret(
    tmp_path: Path,
) -> None:
    file = tmp_path / "home" / "airflow.cfg"
    file.parent.mkdir()
    lines = [
        "sql_alchemy_conn_secret = entry",
        f"sql_alchemy_conn_cmd = echo {address('program')}",
        f"[core]\nsql_alchemy_conn = {address('core')}",
    ]
    for count, username in ((2, "program"), (3, "core")):
        file.write_text("\n".join(["[database]", *lines[:count]]))
        assert found_in(tmp_path, allow_command=True).dsn().username == username
