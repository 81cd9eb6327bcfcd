"""Plans of every statement that a sample sends: none reads `task_instance` or its history whole."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone

import psycopg
import pytest

from exporter.clock import Clock
from exporter.collectors.airflow.collector import AirflowCollector, Options
from exporter.collectors.airflow.database import Database
from exporter.collectors.airflow.rows import Rows
from exporter.collectors.airflow.scaling import RUNS_A_SAMPLE, Scaling
from exporter.dsn import parsed
from exporter.insight.autoscale import Policy
from exporter.rows.book import ClaimBook
from exporter.samples import EntryKey
from tests.integration.collectors.airflow import big
from tests.support.postgres import PostgresServer
from tests.support.statements import Node, Recorder, Statement

MAX_STATEMENTS = 10
"""Of one fast sample."""
_BIG_TABLES = frozenset({"task_instance", "task_instance_history", "job", "xcom"})
_HISTORY_INDEX = "task_instance_history_dtrt_uq"


@dataclass(frozen=True)
class Big:
    """A big database: its address and what it looks like."""

    dsn: str
    version: str


@pytest.fixture(scope="module", params=["3.3", "2.11"])
def grown(request: pytest.FixtureRequest, postgres: PostgresServer) -> Iterator[tuple[str, str]]:
    """Yield the version and the name of a database whose statistics are older than its rows."""
    version = request.param
    name = f"grown_{version.replace('.', '_')}"
    big.load(postgres.create_database(name), version)
    yield version, name
    postgres.drop_database(name)


@pytest.fixture(scope="module", params=["analyzed", "stale"])
def loaded(
    request: pytest.FixtureRequest, postgres: PostgresServer, grown: tuple[str, str]
) -> Iterator[Big]:
    version, template = grown
    name = f"{template}_{request.param}"
    dsn = postgres.create_database(name, template)
    if request.param == "analyzed":
        with psycopg.connect(dsn, autocommit=True) as connection:
            big.analyze(connection)
    yield Big(dsn, version)
    postgres.drop_database(name)


@pytest.fixture
def database(loaded: Big) -> Big:
    """Return a big database as it was loaded, but for the time; its statistics stay."""
    with psycopg.connect(loaded.dsn, autocommit=True) as connection:
        big.refresh(connection, loaded.version)
    return loaded


class Hand:
    """A monotonic clock that a test turns."""

    seconds = 0.0

    def monotonic(self) -> float:
        return self.seconds


class Subject:
    """The real collector, whose statements are explained as they are sent."""

    def __init__(self, database: Big, entries: dict[EntryKey, str] | None = None) -> None:
        self.hand = Hand()
        self.entries = dict(entries or {})
        self._database = Database(lambda: parsed(database.dsn, "test"), 60.0)
        options = Options(timeout_seconds=60.0)
        clock = Clock(monotonic=self.hand.monotonic)
        rows = Rows(ClaimBook(), clock)
        scaling = Scaling(Policy())
        self._collector = AirflowCollector(
            self._database, options, self.entries, clock, rows, scaling=scaling
        )

    def sample(self, *, explain: bool = True) -> list[list[Statement]]:
        """Sample once; return the statements by transaction."""
        with Recorder(explain=explain) as recorder:
            batch = self._collector.sample()
        self._collector.accepted()
        assert batch.checkpoint is not None
        self.entries.update(batch.checkpoint.put)
        for key in batch.checkpoint.drop:
            self.entries.pop(key, None)
        assert self.entries == batch.checkpoint.everything()
        return recorder.transactions()

    def close(self) -> None:
        self._database.close()


@pytest.fixture
def subject(database: Big) -> Iterator[Subject]:
    subject = Subject(database)
    yield subject
    subject.close()


def whole_reads(transactions: list[list[Statement]]) -> list[str]:
    """Return the statements that read a big table from one end to the other."""
    return [
        f"{node['Node Type']} of {node['Relation Name']}: {each.text}"
        for statements in transactions
        for each in statements
        for node in each.nodes()
        if node.get("Relation Name") in _BIG_TABLES
        if _reads_whole(node)
    ]


def _reads_whole(node: Node) -> bool:
    if node["Node Type"] in {"Bitmap Heap Scan", "BitmapOr"}:
        return any(_reads_whole(child) for child in node["Plans"])
    return "Index Cond" not in node  # a Seq Scan, or an index from one end to the other


def let_things_happen(database: Big) -> None:
    """Finish, retry and resume a good part of the mapped task's instances."""
    with psycopg.connect(database.dsn, autocommit=True) as connection:
        where = "WHERE task_id = 'mapped' AND map_index % 10"
        for statement in (
            f"UPDATE task_instance SET state = 'success', end_date = now() {where} = 1",
            f"UPDATE task_instance SET state = 'up_for_retry', end_date = now() {where} = 2",
            f"UPDATE task_instance SET state = 'queued', queued_dttm = now() {where} = 3",
            "UPDATE dag_run SET state = 'success', end_date = now() WHERE dag_id = 'dag_3'"
            " AND state = 'running'",
        ):
            connection.execute(statement.encode())


def test_a_first_and_a_steady_sample_read_by_index(subject: Subject) -> None:
    first = subject.sample()
    assert [len(each) > 1 for each in first] == [True] * 3  # fast, facts, last finishes
    assert whole_reads(first) == []
    assert whole_reads(subject.sample()) == []


def test_what_happened_between_two_samples_is_read_by_index(
    subject: Subject, database: Big
) -> None:
    subject.sample(explain=False)
    let_things_happen(database)
    transactions = subject.sample()
    assert whole_reads(transactions) == []
    archived = [
        node
        for each in transactions[0]
        for node in each.nodes()
        if node.get("Relation Name") == "task_instance_history"
    ]
    # Of the index on (dag_id, run_id), each key would read its whole run.
    assert [node["Index Name"] for node in archived] == [_HISTORY_INDEX]
    assert "map_index" in archived[0]["Index Cond"]


def test_xcom_of_what_was_counted_is_read_by_index_and_by_key(
    subject: Subject, database: Big
) -> None:
    subject.sample(explain=False)
    let_things_happen(database)
    sent = [each for statements in subject.sample() for each in statements if "xcom" in each.text]
    assert whole_reads([sent]) == []
    found = [node for each in sent for node in each.nodes() if "Index Name" in node]
    # Of the index on the key alone, every value of that name would be read.
    assert {node["Index Name"] for node in found} == {"idx_xcom_task_instance"}
    assert all("map_index" in node["Index Cond"] for node in found)
    # Of the three keys of each task instance, the two that may tell.
    assert sum(each.rows for each in sent) == 2 * big.MAPPED // 10


def test_first_waves_are_read_by_the_index_on_runs(database: Big) -> None:
    start = (datetime.now(timezone.utc) - timedelta(seconds=95)).isoformat()
    begun = {
        ("first_wave_begun", f'["dag_{number}", "run_{number + 1}"]'): start
        for number in range(big.DAGS)
    }
    subject = Subject(database, begun)
    try:
        transactions = subject.sample()
    finally:
        subject.close()
    assert whole_reads(transactions) == []
    sent = [each for each in transactions[-1] if "queued_dttm <=" in each.text]
    assert len(sent) == 1
    found = [node for node in sent[0].nodes() if "Index Name" in node]
    assert len(found) == RUNS_A_SAMPLE
    if database.dsn.endswith("_stale"):
        # What it believes to be as small it may read by the other index on DAGs.
        assert {node["Index Name"] for node in found} <= {"ti_dag_run", "ti_dag_state"}
        return
    assert {node["Index Name"] for node in found} == {"ti_dag_run"}
    assert all(name in node["Index Cond"] for node in found for name in ("dag_id", "run_id"))


def test_slow_facts_and_last_finishes_read_by_index(subject: Subject) -> None:
    for _ in range(3):
        subject.sample(explain=False)
        subject.hand.seconds += 61
        assert whole_reads(subject.sample()) == []


def test_catching_up_after_an_outage_reads_by_index(subject: Subject, database: Big) -> None:
    subject.sample(explain=False)
    since = datetime.fromisoformat(subject.entries["tries", "since"]) - timedelta(hours=1)
    late = Subject(database, {**subject.entries, ("tries", "since"): since.isoformat()})
    try:
        transactions = late.sample()
    finally:
        late.close()
    assert whole_reads(transactions) == []
    # More than a page of them: the hour held 30,000 tries.
    assert max(each.rows for each in transactions[0]) == 10_000


def test_silent_tries_are_looked_up_by_index(subject: Subject, database: Big) -> None:
    silence = {
        "3.3": "UPDATE task_instance SET last_heartbeat_at = now() - interval '1 hour'"
        " WHERE task_id = 'mapped'",
        "2.11": "UPDATE job SET latest_heartbeat = now() - interval '1 hour' WHERE id > 200500",
    }
    with psycopg.connect(database.dsn, autocommit=True) as connection:
        connection.execute(silence[database.version].encode())
    assert whole_reads(subject.sample()) == []


def test_no_sample_reads_serialized_dags(subject: Subject) -> None:
    sent = [each.text for statements in subject.sample(explain=False) for each in statements]
    assert [text for text in sent if "dag_tag" in text]
    assert not [text for text in sent if "serialized" in text]


def test_a_fast_sample_takes_at_most_ten_statements(subject: Subject, database: Big) -> None:
    subject.sample(explain=False)
    let_things_happen(database)
    busy, *_ = subject.sample(explain=False)
    idle, *_ = subject.sample(explain=False)
    assert len(busy) <= MAX_STATEMENTS
    assert len(idle) <= len(busy)


def test_a_backlog_of_scheduled_rows_adds_one_group(subject: Subject, database: Big) -> None:
    subject.sample(explain=False)
    before, *_ = subject.sample(explain=False)
    with psycopg.connect(database.dsn, autocommit=True) as connection:
        big.schedule(connection, database.version, 50_000)
    after, *_ = subject.sample(explain=False)
    assert len(after) == len(before)
    assert sum(each.rows for each in after) == sum(each.rows for each in before) + 1
