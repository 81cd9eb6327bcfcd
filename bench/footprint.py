"""What the daemon itself takes: resident memory and the time of a scrape, with 10,000 histograms.

`python -m bench.footprint [--rows N] [--python PATH]`: rows of task_instance, and the interpreter
to run the daemon with, such as one that has nothing installed but what users install.
"""

from __future__ import annotations

import argparse
import gzip
import re
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from statistics import median
from time import monotonic, perf_counter, sleep

import psutil
import psycopg

from bench import dataset
from tests.support.exporter import ExporterProcess
from tests.support.postgres import PostgresServer

SETTINGS = {"shared_buffers": "1GB", "max_wal_size": "8GB"}
ARGUMENTS = ("--collector.airflow.interval", "2s", "--series.hold", "4s", "--log.format", "json")
CHILDREN = dataset.DAGS * dataset.TASKS
DAGS_AT_ONCE = 50
"""DAGs whose every task is active at the same time: 1,000 tasks, which is a busy Airflow."""
SCRAPES = 30
PATIENCE_SECONDS = 300
RSS_GOAL_MIB = 128
SCRAPE_GOAL_MILLISECONDS = 50
PACKED = {"Accept-Encoding": "gzip"}
PROTOBUF = (
    "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited"
)
_COUNT = re.compile(rb"^airflow_task_duration_seconds_count\{[^}]*\} (\S+)$", re.MULTILINE)


def main() -> None:
    """Load, let 10,000 tasks run once, measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--python", default=sys.executable)
    arguments = parser.parse_args()
    python = str(Path(arguments.python).absolute())
    server = PostgresServer.start(settings=SETTINGS)
    try:
        dsn = server.create_database("bench")
        dataset.load(dsn, arguments.rows)
        with (
            tempfile.TemporaryDirectory() as directory,
            psycopg.connect(dsn, autocommit=True) as connection,
        ):
            environment = {"AIRFLOW_PERF_EXPORTER_AIRFLOW_DSN": dsn}
            path = Path(directory)
            ledger = ("--state.path", str(path / "state"))
            with ExporterProcess(
                path, *ARGUMENTS, *ledger, environment=environment, python=python
            ) as exporter:
                _measure(exporter, connection)
    finally:
        server.close()


def _measure(exporter: ExporterProcess, connection: dataset.Connection) -> None:
    exporter.wait_ready(60)
    print(f"{dataset.count_active(connection)} active task instances")
    _report("started", exporter)
    for first in range(0, dataset.DAGS, DAGS_AT_ONCE):
        seen = len(_counts(exporter))
        tasks = (first + DAGS_AT_ONCE) * dataset.TASKS
        dataset.run_all_tasks(connection, first, DAGS_AT_ONCE)
        _wait(lambda seen=seen, tasks=tasks: len(_counts(exporter)) >= max(seen, tasks))
        dataset.finish_all_tasks(connection, first)
    _wait(lambda: sum(count > 0 for count in _counts(exporter)) >= CHILDREN)
    _report(f"{CHILDREN:,} histogram children, a try in each", exporter)
    for _ in range(5):
        dataset.live(connection)
        sleep(2)
    rss = _report("the same, Airflow at work", exporter)
    plain, size = _scrapes(exporter, {})
    packed, packed_size = _scrapes(exporter, PACKED)
    print(f"scrape: {plain:.0f} ms, {size / 2**20:.1f} MiB; ", end="")
    print(f"gzip asked for: {packed:.0f} ms, {packed_size / 2**20:.1f} MiB")
    for accept in ("application/openmetrics-text", PROTOBUF):
        headers = {"Accept": accept, **PACKED}
        took, size = _scrapes(exporter, headers)
        print(f"{accept.partition(';')[0]}, gzip: {took:.0f} ms, {size / 2**20:.1f} MiB")
    _report("the same, every format asked for", exporter)
    print(f"goals: {_verdict(rss, RSS_GOAL_MIB)} MiB, ", end="")
    print(f"{_verdict(min(plain, packed), SCRAPE_GOAL_MILLISECONDS)} ms a scrape")


def _counts(exporter: ExporterProcess) -> list[float]:
    # Packed, as Prometheus asks for it: text is kept for those only who ask for it plain.
    body = gzip.decompress(exporter.request("/metrics", headers=PACKED).body)
    return [float(count) for count in _COUNT.findall(body)]


def _scrapes(exporter: ExporterProcess, headers: dict[str, str]) -> tuple[float, int]:
    # The first one may have to render a form that nobody had asked for.
    exporter.request("/metrics", headers=headers)
    size = len(exporter.request("/metrics", headers=headers).body)
    times = []
    for _ in range(SCRAPES):
        started = perf_counter()
        exporter.request("/metrics", headers=headers)
        times.append((perf_counter() - started) * 1000)
    return median(times), size


def _report(moment: str, exporter: ExporterProcess) -> float:
    rss = exporter.rss_bytes() / 2**20
    status = Path(f"/proc/{exporter.pid}/status").read_text(encoding="ascii")
    peak = int(re.findall(r"VmHWM:\s+(\d+) kB", status)[0]) / 1024
    used = sum(psutil.Process(exporter.pid).cpu_times()[:2])
    print(f"{moment}: RSS {rss:.0f} MiB (highest {peak:.0f}), {used:.1f} s of CPU", flush=True)
    return rss


def _wait(until: Callable[[], bool]) -> None:
    deadline = monotonic() + PATIENCE_SECONDS
    while not until():
        if monotonic() > deadline:
            message = f"not within {PATIENCE_SECONDS} s"
            raise TimeoutError(message)
        sleep(1)


def _verdict(value: float, goal: float) -> str:
    return f"{'kept' if value <= goal else 'MISSED'} {value:.0f} <= {goal:.0f}"


if __name__ == "__main__":
    main()
