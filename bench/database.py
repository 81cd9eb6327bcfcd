"""What one sample costs the metadata database: statements, buffers and time, side by side.

`python -m bench.database [--rows N]`; rows of task_instance, 1,000,000 unless said otherwise.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass, field
from statistics import median
from time import perf_counter
from typing import Any

import psycopg

from bench import dataset
from exporter.clock import Clock
from exporter.collectors.airflow.collector import AirflowCollector, Options
from exporter.collectors.airflow.database import Database
from exporter.collectors.airflow.last_finishes import DAGS_A_PAGE
from exporter.dsn import parsed
from tests.support.postgres import PostgresServer
from tests.support.statements import Recorder

SETTINGS = {"shared_buffers": "1GB", "max_wal_size": "8GB", "track_io_timing": "on"}
BURST_DAGS = 50
"""DAGs all of whose tasks end between two samples."""
SAMPLES = 24
"""Of five seconds of life each: what happens in the overlap that every sample reads again."""
TIMEOUT_SECONDS = 60.0
WHOLE_TABLE = "SELECT dag_id, task_id, state, count(*) FROM task_instance GROUP BY 1, 2, 3"
"""What exporters do that count states by scanning."""


@dataclass(slots=True)
class Cost:
    """Measurements of one kind of reading."""

    name: str
    statements: list[int] = field(default_factory=list)
    buffers: list[int] = field(default_factory=list)
    milliseconds: list[float] = field(default_factory=list)
    rows: list[int] = field(default_factory=list)

    def line(self) -> str:
        """Return the medians and the highest of each."""
        return f"{self.name:<44}" + "".join(
            f"{_spread(values, form):>22}"
            for values, form in (
                (self.statements, ",.0f"),
                (self.buffers, ",.0f"),
                (self.rows, ",.0f"),
                (self.milliseconds, ",.1f"),
            )
        )


HEADER = f"{'median (highest)':<44}" + "".join(
    f"{name:>22}" for name in ("statements", "buffers", "rows fetched", "ms in the collector")
)


class Hand:
    """A monotonic clock that a hand turns, so that the slow facts are read when we say so."""

    def __init__(self) -> None:
        """Start at zero."""
        self.seconds = 0.0

    def monotonic(self) -> float:
        """Return where the hand stands."""
        return self.seconds


class Bench:
    """The real collector on one database."""

    def __init__(self, dsn: str) -> None:
        """Prepare two collectors: one is timed, the other one's statements are analyzed."""
        self.hand = Hand()
        self._timed, self._analyzed = (self._collector(dsn) for _ in range(2))

    def sample(self, *kinds: Cost) -> None:
        """Sample with both; the transactions of a sample are of these kinds, in order."""
        with Recorder(explain=False) as recorder:
            started = perf_counter()
            self._timed.sample()
            milliseconds = (perf_counter() - started) * 1000
        self._timed.accepted()
        for cost, statements in zip(kinds, recorder.transactions(), strict=False):
            cost.statements.append(len(statements))
            cost.rows.append(sum(each.rows for each in statements))
        kinds[0].milliseconds.append(milliseconds)
        with Recorder(analyze=True) as recorder:
            self._analyzed.sample()
        self._analyzed.accepted()
        for cost, statements in zip(kinds, recorder.transactions(), strict=False):
            cost.buffers.append(sum(each.buffers for each in statements))

    def _collector(self, dsn: str) -> AirflowCollector:
        database = Database(lambda: parsed(dsn, "bench"), TIMEOUT_SECONDS)
        options = Options(timeout_seconds=TIMEOUT_SECONDS)
        return AirflowCollector(database, options, {}, Clock(monotonic=self.hand.monotonic))


def main() -> None:
    """Load, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    rows = parser.parse_args().rows
    server = PostgresServer.start(settings=SETTINGS)
    try:
        dsn = server.create_database("bench")
        started = perf_counter()
        dataset.load(dsn, rows)
        print(f"loaded in {perf_counter() - started:.0f} s", flush=True)
        with psycopg.connect(dsn, autocommit=True) as connection:
            _measure(connection, dsn)
    finally:
        server.close()


def _measure(connection: dataset.Connection, dsn: str) -> None:
    _describe(connection)
    bench = Bench(dsn)
    first, steady, looking = Cost("fast sample, the first (with probe)"), Cost(""), Cost("")
    facts, page = Cost("slow facts (with probe)"), Cost(f"last finishes, {DAGS_A_PAGE} DAGs a page")
    bench.sample(first, facts, page)
    # Until every DAG's last finish is known, each sample looks some up.
    for _ in range(dataset.DAGS // DAGS_A_PAGE - 1):
        bench.sample(looking, page)
    steady.name = "fast sample, steady, all of Airflow at work"
    still = Cost("fast sample, steady, nothing new")
    for _ in range(SAMPLES):
        bench.sample(still)
    for _ in range(SAMPLES):
        dataset.live(connection)
        bench.sample(steady)
    bench.hand.seconds += 61
    with_facts = Cost("fast part of one with facts, ms of both")
    bench.sample(with_facts, facts)
    burst = _burst(bench, connection)
    whole = _whole_table(connection)
    before = dataset.count_active(connection)
    dataset.schedule(connection, 50_000)
    backlog = Cost("fast sample, 50,000 scheduled rows added")
    for _ in range(SAMPLES // 4):
        dataset.live(connection)
        bench.sample(backlog)
    print(f"\n{HEADER}")
    for cost in (first, still, steady, backlog, burst, facts, page, with_facts, whole):
        print(cost.line())
    ratio_buffers = median(whole.buffers) / median(steady.buffers)
    ratio_time = median(whole.milliseconds) / median(steady.milliseconds)
    print(f"\nwhole-table count / steady sample: {ratio_buffers:,.0f} x the buffers, ", end="")
    print(f"{ratio_time:,.0f} x the time, at {before} active; goals: ", end="")
    print(f"{_verdict(steady.statements, 10)} statements, {_verdict(steady.buffers, 2000)} buffers")


def _burst(bench: Bench, connection: dataset.Connection) -> Cost:
    tries = BURST_DAGS * dataset.TASKS
    begun, ended = Cost(""), Cost(f"fast sample, {tries:,} tries have ended")
    for first in range(0, dataset.DAGS // 2, BURST_DAGS):
        dataset.run_all_tasks(connection, first, BURST_DAGS)
        bench.sample(begun)
        dataset.finish_all_tasks(connection, first)
        bench.sample(ended)
    return ended


def _whole_table(connection: dataset.Connection) -> Cost:
    cost = Cost("whole table GROUP BY dag, task, state")
    for _ in range(3):
        started = perf_counter()
        rows = connection.execute(WHOLE_TABLE).fetchall()
        cost.milliseconds.append((perf_counter() - started) * 1000)
        cost.rows.append(len(rows))
        found: Any = connection.execute(f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {WHOLE_TABLE}")
        plan = found.fetchone()[0][0]["Plan"]
        cost.buffers.append(plan["Shared Hit Blocks"] + plan["Shared Read Blocks"])
        cost.statements.append(1)
    return cost


def _describe(connection: dataset.Connection) -> None:
    count = "SELECT count(*) FROM task_instance"
    size = "SELECT pg_size_pretty(pg_total_relation_size('task_instance'))"
    version = "SELECT current_setting('server_version')"
    found: list[Any] = [connection.execute(each).fetchone() for each in (count, size, version)]
    (rows,), (bytes_text,), (release,) = found
    active = dataset.count_active(connection)
    print(f"{rows:,} task instances ({bytes_text} with indexes), {active} active, ", end="")
    print(f"PostgreSQL {release}", flush=True)


def _spread(values: Sequence[float], form: str) -> str:
    if not values:
        return ""
    if len(values) == 1:
        return f"{values[0]:{form}}"
    return f"{median(values):{form}} ({max(values):{form}})"


def _verdict(values: Sequence[int], goal: int) -> str:
    return f"{'kept' if max(values) <= goal else 'MISSED'} {max(values):,} <= {goal:,}"


if __name__ == "__main__":
    main()
