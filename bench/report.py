"""How long `report` takes on a large database, and how much memory.

`python -m bench.report [--rows N]`: rows of task_instance, 1,000,000 unless said otherwise; the
report reads all of them, in a process of its own.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
from time import perf_counter

from bench import dataset
from bench.database import SETTINGS
from tests.support.postgres import PostgresServer

WHOLE = ("--since", "7d", "--compare", "3600d")


def main() -> None:
    """Load, report, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    rows = parser.parse_args().rows
    server = PostgresServer.start(settings=SETTINGS)
    try:
        dsn = server.create_database("bench")
        started = perf_counter()
        dataset.load(dsn, rows)
        print(f"loaded {rows:,} rows in {perf_counter() - started:.0f} s", flush=True)
        for arguments in (WHOLE, ()):
            _measure(dsn, arguments)
    finally:
        server.close()


def _measure(dsn: str, arguments: tuple[str, ...]) -> None:
    command = [sys.executable, "-I", "-m", "exporter", "report", "--format", "json", *arguments]
    environ = {**os.environ, "AIRFLOW_PERF_EXPORTER_AIRFLOW_DSN": dsn}
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    started = perf_counter()
    done = subprocess.run(command, env=environ, check=True, stdout=subprocess.PIPE)
    seconds = perf_counter() - started
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    totals = json.loads(done.stdout)["totals"]
    print(
        f"{' '.join(arguments) or 'as it comes':<28}"
        f"{totals['tries'] + totals['tries_before']:>12,.0f} tries in {seconds:6.1f} s "
        f"({used:.1f} s of CPU of ours), peak of the process {after.ru_maxrss / 1024:.0f} MiB",
        flush=True,
    )


if __name__ == "__main__":
    main()
