"""The demo's tasks tell their rows in every way, and an exporter counts exactly what they told."""

from __future__ import annotations

import socket
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, closing, contextmanager
from pathlib import Path
from time import monotonic, sleep, time
from typing import Any

import structlog.testing

from exporter import catalogue
from exporter.catalogue import rows
from exporter.demo.installation import Demo
from exporter.demo.workload import dbt_path
from tests.support.exporter import ExporterProcess
from tests.support.ports import free_port

PATIENCE_SECONDS = 120
PACE = 2.0
SETTLED_SECONDS = 4.0
"""How long after the end everything that was told is settled: the grace, and some samples."""
FAST = (
    "--docker.host", "none", "--no-collector.tasks", "--no-collector.containers",
    "--series.hold", "300ms", "--rows.grace", "1s", "--dbt.interval", "200ms",
    "--collector.airflow.interval", "200ms",
)  # fmt: skip
FAMILIES = {
    each.name for each in vars(rows).values() if isinstance(each, catalogue.Family)
} | {catalogue.BASELINE_ACTUAL.name}  # fmt: skip
STAGES = {"bronze", "silver", "gold"}

KILLS = 5

Exporter = AbstractContextManager[ExporterProcess]
Totals = Mapping[tuple[str, str, str], float]
"""By family, DAG and task."""


def test_every_family_of_rows_moves_in_the_demo(tmp_path: Path) -> None:
    moved: set[str] = set()
    judged: set[str] = set()
    with ExporterProcess(tmp_path, "--docker.host", "none", command="demo") as daemon:
        daemon.wait_ready(30)
        deadline = monotonic() + PATIENCE_SECONDS
        while not (moved >= FAMILIES and judged >= STAGES):
            assert monotonic() < deadline, (FAMILIES - moved, STAGES - judged)
            sleep(0.5)
            for (name, labels), value in daemon.families().items():
                if name in FAMILIES and value > 0:
                    moved.add(name)
                if name == catalogue.BASELINE_ACTUAL.name:
                    judged.add(dict(labels)["name"])
        assert daemon.terminate() == 0


def test_what_the_demo_told_is_what_the_exporter_counts(tmp_path: Path) -> None:
    demo, run = set_up(tmp_path)
    with run() as daemon, structlog.testing.capture_logs() as logs:
        demo.start()
        wait_until_told_in_every_way(logs)
        demo.stop(2.0)
        wait_until_settled(daemon, time() + SETTLED_SECONDS)
        counted = totals(daemon)
    assert counted == expected(told(logs))
    assert not [each for each in logs if each["event"] == "demo.push_refused"]


def test_what_the_demo_told_counts_once_however_often_the_exporter_is_killed(
    tmp_path: Path,
) -> None:
    demo, run = set_up(tmp_path, "--state.path", str(tmp_path / "state"))
    with structlog.testing.capture_logs() as logs:
        with run():
            demo.start()
        # Each leaves its block by being killed; tasks go on telling while there is none.
        for _ in range(KILLS):
            with run():
                wait_until_told(logs, len(told(logs)) + 5)
        with run() as daemon:
            wait_until_told_in_every_way(logs)
            demo.stop(2.0)
            wait_until_settled(daemon, time() + SETTLED_SECONDS)
            counted = totals(daemon)
    assert counted == expected(told(logs))


def test_a_taken_port_for_pushes_does_not_keep_the_demo_from_starting(tmp_path: Path) -> None:
    with closing(socket.socket()) as taken:
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            taken.bind(("127.0.0.1", 10113))
            taken.listen()
        except OSError:
            pass  # Somebody else has it, which is as good.
        with ExporterProcess(tmp_path, "--docker.host", "none", command="demo") as daemon:
            accepted = (
                'airflow_perf_exporter_ingest_requests_total{endpoint="/ingest/v1/tries",'
                'outcome="accepted"} 1'
            )
            daemon.wait_ready(30)
            daemon.wait_for(accepted, PATIENCE_SECONDS)
            daemon.terminate()
            log = daemon.log()
    assert '"intake": ["127.0.0.1:' in log
    assert "127.0.0.1:10113" not in log


def set_up(directory: Path, *options: str) -> tuple[Demo, Callable[[], Exporter]]:
    """Return a demo whose database is there, and what runs an exporter on it, settled."""
    token_file = directory / "token"
    token_file.write_text("of-the-demo\n", encoding="ascii")
    address = f"127.0.0.1:{free_port()}"
    demo = Demo(directory / "demo", pace=PACE, intake=address, token_file=token_file)
    demo.start()  # Makes the database: the exporter looks at it before anything is told.
    demo.stop(2.0)
    arguments = (
        "--web.enable-intake", "--web.intake-address", address, "--web.intake-token-file",
        str(token_file), "--dbt.path", str(dbt_path(directory / "demo")), *options,
    )  # fmt: skip

    @contextmanager
    def run() -> Iterator[ExporterProcess]:
        environment = {"AIRFLOW_PERF_EXPORTER_AIRFLOW_DSN": demo.dsn}
        with ExporterProcess(directory, *FAST, *arguments, environment=environment) as daemon:
            daemon.wait_ready(30)
            wait_until_settled(daemon, time())
            yield daemon

    return demo, run


def wait_until_told(logs: Iterable[Mapping[str, Any]], count: int) -> None:
    deadline = monotonic() + PATIENCE_SECONDS
    while len(told(logs)) < count:
        assert monotonic() < deadline, told(logs)
        sleep(0.1)


def wait_until_told_in_every_way(logs: Iterable[Mapping[str, Any]]) -> None:
    deadline = monotonic() + PATIENCE_SECONDS
    while not in_every_way(told(logs)):
        assert monotonic() < deadline, told(logs)
        sleep(0.2)


def told(logs: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    return [each for each in list(logs) if each["event"] == "demo.told"]


def in_every_way(told: Iterable[Mapping[str, Any]]) -> bool:
    """Tell whether every source has told, and the plugin of a try that failed as well."""
    ways = {(each["source"], each["state"] == "success") for each in told}
    return ways >= {
        ("xcom", True), ("explicit", True), ("dbt", True), ("plugin", True), ("plugin", False),
    }  # fmt: skip


def expected(told: Iterable[Mapping[str, Any]]) -> Totals:
    """Add up what was told; each task tells by one source only."""
    sums: Counter[tuple[str, str, str]] = Counter()
    for each in told:
        task = (each["dag_id"], each["task_id"])
        if each["state"] == "success":
            sums[(rows.ROWS_PROCESSED.name, *task)] += each["rows"]
            sums[(rows.BYTES_PROCESSED.name, *task)] += each["bytes"]
        else:
            sums[(rows.ROWS_FAILED_TRY.name, *task)] += each["rows"]
    return {key: value for key, value in sums.items() if value}


def totals(daemon: ExporterProcess) -> Totals:
    wanted = {each.name for each in (rows.ROWS_PROCESSED, rows.BYTES_PROCESSED)}
    wanted.add(rows.ROWS_FAILED_TRY.name)
    sums: Counter[tuple[str, str, str]] = Counter()
    for (name, labels), value in daemon.families().items():
        if name in wanted and value:
            task = dict(labels)
            sums[(name, task["dag_id"], task["task_id"])] += round(value)
    return dict(sums)


def wait_until_settled(daemon: ExporterProcess, moment: float) -> None:
    """Wait until both collectors have made a good sample after a moment (Unix seconds)."""
    name = catalogue.COLLECTOR_LAST_SUCCESS.name
    deadline = monotonic() + PATIENCE_SECONDS
    while True:
        values = daemon.families()
        last = [values[(name, frozenset({("collector", each)}))] for each in ("airflow", "dbt")]
        if min(last) > moment:
            return
        assert monotonic() < deadline, last
        sleep(0.1)
