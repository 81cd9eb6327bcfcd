"""The `check` command: a line for each prerequisite, and an exit status that scripts can use."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import sqlalchemy as sa

from exporter.demo import schema
from tests.integration.identity.stub import Stub, hangs
from tests.integration.web.world import World
from tests.support.account import Account
from tests.support.certificates import Issued
from tests.support.exporter import ROOT, ExporterProcess
from tests.support.ports import free_port


@pytest.fixture
def airflow(database: str) -> str:
    """Make a database with the tables of Airflow 3.3 and return its DSN."""
    engine = sa.create_engine(database.replace("postgresql://", "postgresql+psycopg://"))
    schema.create(engine, "3.3")
    engine.dispose()
    return database


def check(directory: Path, dsn: str, *arguments: str) -> tuple[int, list[str]]:
    environment = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(ROOT),
        "AIRFLOW_PERF_EXPORTER_AIRFLOW_DSN": dsn,
    }
    listen = ("--web.listen-address", f"127.0.0.1:{free_port()}")
    # What else runs on this machine is nobody's business unless a test says so.
    host = (
        ()
        if "--path.procfs" in arguments
        else ("--no-collector.containers", "--no-collector.tasks")
    )
    command = [sys.executable, "-m", "exporter", "check", *listen, *host, *arguments]
    done = subprocess.run(
        command, env=environment, cwd=directory, capture_output=True, text=True, timeout=60,
        check=False,
    )  # fmt: skip
    return done.returncode, (done.stdout + done.stderr).splitlines()


def failures(lines: list[str]) -> list[str]:
    return [line for line in lines if line.startswith("FAIL")]


def test_a_good_set_up_passes_and_every_prerequisite_has_a_line(airflow, tmp_path):
    code, lines = check(tmp_path, airflow, "--state.path", str(tmp_path / "state"))
    assert (code, failures(lines)) == (0, [])
    for subject in (
        "configuration",
        "baselines",
        "listen address",
        "state",
        "database",
        "feature heartbeats",
    ):
        assert any(line.startswith(f"ok   {subject}:") for line in lines), subject
    assert any("Airflow 3.3" in line for line in lines)


def test_a_database_that_is_away_fails_with_a_sentence(tmp_path):
    code, lines = check(tmp_path, f"postgresql://reader@127.0.0.1:{free_port()}/airflow")
    assert code == 2
    assert len(failures(lines)) == 1
    assert "database" in failures(lines)[0]


def test_a_database_without_airflows_tables_fails_and_names_them(database, tmp_path):
    code, lines = check(tmp_path, database)
    assert code == 2
    assert "task_instance" in failures(lines)[0]


def test_an_address_in_use_and_a_state_path_that_is_a_file_both_fail(airflow, tmp_path):
    (tmp_path / "file").write_text("")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        state = ("--state.path", str(tmp_path / "file"))
        code, lines = check(tmp_path, airflow, "--web.listen-address", address, *state)
    assert code == 2
    assert len(failures(lines)) == 2


def test_a_bad_setting_is_one_sentence_and_exit_2(airflow, tmp_path):
    code, lines = check(tmp_path, airflow, "--series.hold", "soon")
    assert code == 2
    assert lines == [
        "airflow-perf-exporter: --series.hold: 'soon' is not a duration such as 500ms, 5s, 1m, "
        "2h or 7d"
    ]


def test_check_leaves_no_ledger_content_behind(airflow, tmp_path):
    code, _ = check(tmp_path, airflow, "--state.path", str(tmp_path / "state"))
    assert code == 0
    code, _ = check(tmp_path, airflow, "--state.path", str(tmp_path / "state"))
    assert code == 0


def test_check_looks_at_a_corrupt_ledger_and_leaves_it_alone(airflow, tmp_path):
    (tmp_path / "ledger.sqlite").write_bytes(b"garbage" * 1000)
    code, lines = check(tmp_path, airflow, "--state.path", str(tmp_path))
    assert code == 2
    assert "ledger.sqlite" in failures(lines)[0]
    assert (tmp_path / "ledger.sqlite").read_bytes() == b"garbage" * 1000


@pytest.mark.parametrize("wrong", ["/proc/self/state", "ledger.lock", "ledger.sqlite"])
def test_a_state_path_that_cannot_be_written_fails_whoever_asks(airflow, tmp_path, wrong):
    # Root may write everywhere, and still cannot here: in /proc, over a directory.
    where = tmp_path / wrong  # which is /proc/self/state where that is named
    if where.parent == tmp_path:
        where.mkdir()
        where = tmp_path
    code, lines = check(tmp_path, airflow, "--state.path", str(where))
    assert code == 2
    (line,) = failures(lines)
    assert line.startswith("FAIL state: ")
    assert " cannot be written (" in line
    assert line.endswith("or give another --state.path")


def test_check_makes_no_directory(airflow, tmp_path):
    code, _ = check(tmp_path, airflow, "--state.path", str(tmp_path / "a" / "b"))
    assert code == 0
    assert not (tmp_path / "a").exists()


def test_a_telemetry_path_that_serve_refuses_is_refused(airflow, tmp_path):
    code, lines = check(tmp_path, airflow, "--web.telemetry-path", "metrics")
    assert code == 2
    assert "--web.telemetry-path: 'metrics' is not a free path" in lines[-1]


def test_a_schema_and_its_absence_are_found_on_postgresql_without_a_warning(airflow, tmp_path):
    code, lines = check(tmp_path, airflow, "--airflow.schema", "public")
    assert (code, failures(lines)) == (0, [])
    assert not any(line.startswith("warn") for line in lines)
    code, lines = check(tmp_path, airflow, "--airflow.schema", "nowhere")
    assert code == 2
    assert "schema nowhere" in failures(lines)[0]


def test_an_address_given_in_a_wrong_place_is_not_repeated(airflow, tmp_path, monkeypatch):
    config = tmp_path / "config.yaml"
    config.write_text('log: {level: "postgresql://u:MARKER@h/d"}\n')
    code, lines = check(tmp_path, airflow, "--config.file", str(config))
    assert code == 2
    assert "MARKER" not in "".join(lines)
    assert "log.level" in lines[-1]


FIXTURES = ROOT / "tests" / "fixtures"


def test_the_hosts_containers_and_tasks_are_told(airflow, tmp_path):
    paths = {"cgroupfs": FIXTURES / "cgroup/hybrid/cgroup", "procfs": FIXTURES / "proc/airflow-2"}
    given = [part for name, path in paths.items() for part in (f"--path.{name}", str(path))]
    code, lines = check(tmp_path, airflow, *given, "--docker.host", "none")
    assert (code, failures(lines)) == (0, [])
    assert "ok   containers: 1 are measured, 0 of them serve one task" in lines
    assert "ok   tasks: 1 tries run here, 0 task processes have no name" in lines


def test_whose_tasks_have_no_name_is_told(airflow, tmp_path):
    account = Account.unprivileged()
    # What reads its input has no argument beside its title.
    with subprocess.Popen(
        ["airflow worker -- 01a216d0-3d3a-7bed-ada3-13e783e9973b"],
        executable="/bin/cat",
        stdin=subprocess.PIPE,
        **account.identity,
    ) as task:
        code, lines = check(
            tmp_path, airflow, "--path.procfs", "/proc", "--no-collector.containers"
        )
        task.communicate()
    assert (code, failures(lines)) == (0, [])
    (line,) = (line for line in lines if line.startswith("warn tasks: "))
    assert f" {account.uid}(" in line
    assert f"we as {os.geteuid()}(" in line


def test_an_engine_that_is_away_and_a_missing_procfs_fail(airflow, tmp_path):
    away = ("--docker.host", f"unix://{tmp_path}/docker.sock", "--path.procfs", str(tmp_path / "x"))
    code, lines = check(tmp_path, airflow, *away)
    assert code == 2
    assert [line.split(":")[0] for line in failures(lines)] == [
        "FAIL docker engine", "FAIL containers", "FAIL tasks",
    ]  # fmt: skip


def intake(directory: Path, dsn: str, *arguments: str) -> tuple[int, list[str]]:
    code, lines = check(directory, dsn, "--web.enable-intake", *arguments)
    return code, [line for line in lines if " intake" in line.partition(":")[0]]


def test_a_directory_that_is_no_proc_file_system_fails(airflow, tmp_path):
    # Containers are found below /sys/fs/cgroup as well, where other tests may run some.
    code, lines = check(tmp_path, airflow, "--path.procfs", "/etc", "--no-collector.containers")
    assert code == 2
    no_process = "/etc holds no process: it is not where /proc is mounted"
    assert [line.partition(" - ")[0] for line in failures(lines)] == [f"FAIL tasks: {no_process}"]


def test_an_intake_on_loopback_is_well(airflow, tmp_path):
    address = f"127.0.0.1:{free_port()}"
    code, lines = intake(tmp_path, airflow, "--web.intake-address", address)
    assert (code, lines) == (0, [f"ok   intake: takes pushes on {address}"])


def test_an_intake_that_everybody_reaches_needs_a_token(airflow, tmp_path):
    address = ("--web.intake-address", f"0.0.0.0:{free_port()}")
    code, lines = intake(tmp_path, airflow, *address)
    assert code == 0
    assert lines[0].startswith("warn intake: takes pushes on 0.0.0.0:")
    assert lines[0].endswith("set --web.intake-token-file, or listen on loopback")
    token = tmp_path / "token"
    token.write_text("Zq7mK2w")
    code, lines = intake(tmp_path, airflow, *address, "--web.intake-token-file", str(token))
    assert [line[:5] for line in lines] == ["ok   "]


def test_a_token_that_cannot_be_read_and_a_taken_port_fail(airflow, tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        code, lines = intake(
            tmp_path, airflow, "--web.intake-address", address,
            "--web.intake-token-file", str(tmp_path / "missing"),
        )  # fmt: skip
    assert code == 2
    assert [line.partition(":")[0] for line in failures(lines)] == [
        "FAIL intake token",
        "FAIL intake",
    ]


def web(directory: Path, dsn: str, file: Path) -> tuple[int, list[str]]:
    code, lines = check(directory, dsn, "--web.config.file", str(file))
    subjects = ("web configuration", "certificate")
    return code, [line for line in lines if line[5:].partition(":")[0] in subjects]


def test_the_door_and_the_end_of_its_certificate_are_told(airflow, tmp_path):
    world = World.of(tmp_path / "door", "web-config.yml")
    code, lines = web(tmp_path, airflow, world.file)
    assert code == 0
    assert lines[0] == "ok   web configuration: HTTPS, 1 users, 2 headers"
    assert lines[1].startswith("ok   certificate: is valid until 20")
    world.install(world.authority.issue("soon", days=3))
    code, lines = web(tmp_path, airflow, world.file)
    assert (code, lines[1][:5]) == (0, "warn ")


def test_a_certificate_that_has_expired_or_has_another_key_fails(airflow, tmp_path):
    world = World.of(tmp_path / "door", "web-config.yml")
    world.install(world.authority.issue("old", days=0))
    code, lines = web(tmp_path, airflow, world.file)
    assert code == 2
    assert "tls.crt: certificate has expired" in failures(lines)[0]
    other = world.authority.issue("other")
    world.install(Issued(world.folder / "tls.crt", other.key))
    code, lines = web(tmp_path, airflow, world.file)
    assert code == 2
    assert "tls.key is not the key of the certificate in" in failures(lines)[0]


def test_what_serve_would_refuse_of_rows_dbt_and_scaling_is_refused(airflow, tmp_path):
    code, lines = check(tmp_path, airflow, "--rows.file", str(tmp_path / "none.yml"))
    assert code == 2
    assert any(f"--rows.file {tmp_path}/none.yml: no such file" in line for line in lines)
    code, lines = check(tmp_path, airflow, "--dbt.path", str(tmp_path / "none"))
    assert code == 2
    assert [line.split(":")[0] for line in failures(lines)] == ["FAIL dbt"]
    bounds = ("--scaling.min-workers", "5", "--scaling.max-workers", "2")
    code, lines = check(tmp_path, airflow, *bounds)
    assert code == 2
    assert any("2 is less than --scaling.min-workers, 5" in line for line in lines)


def forward(directory: Path, url: str, *arguments: str) -> tuple[int, list[str]]:
    nothing = ("--no-collector.airflow", "--no-collector.containers", "--docker.host", "none")
    (directory / "proc" / "1").mkdir(parents=True, exist_ok=True)
    procfs = ("--path.procfs", str(directory / "proc"))
    code, lines = check(directory, "", *nothing, *procfs, "--forward.url", url, *arguments)
    return code, [line for line in lines if "forward" in line]


def test_what_serve_would_refuse_of_forwarding_is_refused(tmp_path):
    code, lines = forward(tmp_path, "http://127.0.0.1:1")
    assert code == 2
    assert "--forward.url: needs --collector.tasks, and --kubernetes.pod-info" in lines[-1]


def test_who_is_to_take_over_what_tries_used_is_asked(tmp_path):
    port = free_port()
    url, pod = f"http://127.0.0.1:{port}", ("--kubernetes.pod-info", str(tmp_path))
    (tmp_path / "annotations").write_text('dag_id="d"\n')
    code, lines = forward(tmp_path, url, *pod)
    assert (code, [line[:5] for line in lines]) == (2, ["FAIL "])
    assert "Connection refused" in lines[0]
    token, wrong = tmp_path / "token", tmp_path / "wrong"
    token.write_text("Zq7mK2w")
    wrong.write_text("Xq7mK2w")
    receiving = (
        "--no-collector.airflow", "--no-collector.containers", "--no-collector.tasks",
        "--web.enable-intake", "--web.intake-address", f"127.0.0.1:{port}",
        "--web.intake-token-file", str(token),
    )  # fmt: skip
    with ExporterProcess(tmp_path, *receiving) as receiver:
        receiver.wait_ready()
        code, lines = forward(tmp_path, url, *pod, "--forward.token-file", str(token))
        assert (code, lines) == (0, [f"ok   forward: {url} takes over what tries used"])
        code, lines = forward(tmp_path, url, *pod, "--forward.token-file", str(wrong))
        assert (code, [line[:5] for line in lines]) == (2, ["FAIL "])
        assert "answered 401 - give --forward.token-file" in lines[0]
        code, lines = forward(tmp_path, receiver.url, *pod)
        assert (code, [line[:5] for line in lines]) == (2, ["FAIL "])


def test_a_pod_list_that_nobody_tells_fails(tmp_path):
    (tmp_path / "cgroup.controllers").touch()
    (tmp_path / "1").mkdir()
    nothing = ("--path.procfs", str(tmp_path), "--path.cgroupfs", str(tmp_path))
    nothing += ("--no-collector.airflow", "--docker.host", "none")
    with Stub(hangs) as stub:
        for url, said in ((f"http://127.0.0.1:{free_port()}/pods", "Connection refused"),
                          (f"{stub.url}/pods", "has not answered yet")):  # fmt: skip
            code, lines = check(tmp_path, "", *nothing, "--kubernetes.pods-url", url)
            assert code == 2
            (line,) = failures(lines)
            assert line.startswith("FAIL containers: ")
            assert said in line


def test_the_pod_is_told_and_its_absence_fails(tmp_path):
    (tmp_path / "1").mkdir()
    nothing = ("--path.procfs", str(tmp_path), "--no-collector.airflow")
    nothing += ("--no-collector.containers", "--kubernetes.pod-info")
    code, lines = check(tmp_path, "", *nothing, str(tmp_path / "none"))
    assert (code, [line.split(":")[0] for line in failures(lines)]) == (2, ["FAIL pod"])
    (tmp_path / "annotations").write_text('dag_id="d"\ntask_id="t"\n')
    (tmp_path / "name").write_text("sales-1")
    code, lines = check(tmp_path, "", *nothing, str(tmp_path))
    assert code == 0
    assert "ok   pod: 2 annotations and 0 labels of sales-1" in lines
