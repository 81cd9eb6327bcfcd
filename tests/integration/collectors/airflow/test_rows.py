"""Rows that tries left in XCom, on the tables of every Airflow version."""

from __future__ import annotations

import base64
import json
import pickle
import re
import zlib
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import product
from random import Random
from typing import Any

import pytest
import sqlalchemy as sa

from exporter import catalogue
from exporter.catalogue import Family
from exporter.collectors.airflow import xcom
from exporter.collectors.airflow.xcom import (
    MAX_PAYLOAD,
    MAX_RUN_RESULTS,
    MAX_STORED,
    RUN_RESULTS_A_READING,
)
from exporter.demo import schema
from exporter.filters import DagFilter
from exporter.rows.claim import Claim, Source, TryId
from exporter.rows.rules import Rules
from exporter.rows.settlement import Limits
from exporter.rows.stages import Rule
from exporter.rows.timed import Timed
from exporter.rows.told import Names
from exporter.samples import Batch
from tests.integration.collectors.airflow.subject import Subject
from tests.integration.collectors.airflow.world import World
from tests.support.statements import Recorder

VERSIONS = ("2.11", "3.3")
"""In the others XCom is as in one of these."""
LATER = 900
"""Seconds from the making of a world to what ends in it: surely after the exporter first looked."""
LABELS = ("hourly", "unknown", "hourly", "load")


class Airflow(World):
    """A world in which one task loads data."""

    def begin(self, **more: Any) -> None:
        """Let the task run in one run."""
        if self.has("dag_bundle"):
            self.add("dag_bundle", name="dags-folder", active=True)
        self.dag("hourly")
        self.run("hourly", "now", "running", start_date=self.at(-600))
        self.start("load", **more)

    def start(self, task_id: str, **more: Any) -> None:
        """Let a task run."""
        self.task(task_id, "running", start_date=self.at(-300), pid=7, beat=self.at(-1), **more)

    def succeed(self, task_id: str = "load", *, state: str = "success", **more: Any) -> None:
        """Let the task end."""
        ended = {"end_date": self.at(LATER), "duration": 30.0, **more}
        self.beat(task_id, self.at(LATER), state=state, **ended)

    def push(self, value: object, key: str = "return_value", task_id: str = "load") -> None:
        """Let the task leave a value; bytes are stored as they are (Airflow 2 with pickling)."""
        with self.engine.begin() as connection:
            run = self.table("dag_run")
            number = connection.execute(sa.select(run.c.id).where(run.c.run_id == "now")).scalar()
        stored = value if self.three or isinstance(value, bytes) else json.dumps(value).encode()
        self.add(
            "xcom", dag_id="hourly", task_id=task_id, run_id="now", map_index=-1, dag_run_id=number,
            key=key, value=stored, timestamp=self.now,
        )  # fmt: skip


def airflow(dsn: str, version: str) -> Airflow:
    url = dsn.replace("postgresql:", "postgresql+psycopg:", 1)
    engine = sa.create_engine(url, poolclass=sa.NullPool)
    return Airflow(engine, schema.create(engine, version), version)


def totals(batch: Batch, family: Family) -> dict[tuple[str | None, ...], float]:
    found: dict[tuple[str | None, ...], float] = {}
    for each in batch.increments:
        if each.family is family:
            found[each.labels] = found.get(each.labels, 0.0) + each.value
    return found


@contextmanager
def received() -> Iterator[list[int]]:
    """Collect the size in bytes of every value that PostgreSQL hands over."""
    sizes: list[int] = []

    def listen(_connection: sa.Connection, cursor: Any, *_: Any) -> None:
        result = cursor.pgresult
        for row, column in product(range(result.ntuples), range(result.nfields)):
            sizes.append(len(result.get_value(row, column) or b""))

    sa.event.listen(sa.Engine, "after_cursor_execute", listen)
    yield sizes
    sa.event.remove(sa.Engine, "after_cursor_execute", listen)


@pytest.fixture(params=VERSIONS)
def loading(address: str, request: pytest.FixtureRequest) -> tuple[str, Airflow]:
    """Return the address and the Airflow where a task is loading data, of every version."""
    world = airflow(address, request.param)
    world.begin()
    return address, world


@pytest.fixture
def newest(database: str) -> tuple[str, Airflow]:
    """Return the same in the newest version, on PostgreSQL."""
    world = airflow(database, "3.3")
    world.begin()
    return database, world


def test_a_successful_try_wrote_what_it_returned(
    loading: tuple[str, Airflow], subject: Callable[..., Subject]
) -> None:
    address, world = loading
    collector = subject(address)
    collector.sample()
    world.push({"rows": 12345, "bytes": 60_000_000, "more": ["x"] * 10})
    world.succeed()
    counted = collector.sample(seconds=5)
    assert totals(counted, catalogue.TASK_DURATION)
    assert not totals(counted, catalogue.ROWS_PROCESSED)
    settled = collector.sample(seconds=10)
    assert totals(settled, catalogue.ROWS_PROCESSED) == {LABELS: 12345}
    assert totals(settled, catalogue.BYTES_PROCESSED) == {LABELS: 60_000_000}
    assert totals(settled, catalogue.PROCESSING_SECONDS) == {LABELS: 30}
    stage = ("hourly", "unknown")
    assert totals(settled, catalogue.TIMED_ROWS) == {stage: 12345}
    assert totals(settled, catalogue.TIMED_BYTES_SECONDS) == {stage: 30}
    assert not totals(collector.sample(seconds=60), catalogue.ROWS_PROCESSED)


PUSHED: dict[str, tuple[dict[str, object], int | None]] = {
    "line": ({"return_value": '{"rows": 7}'}, 7),  # the last that a container printed
    "encoded_twice": ({"return_value": json.dumps('{"rows": 7}')}, 7),
    "key": ({"rows_processed": 777}, 777),
    "several": ({"rows": 5, "bytes": 9, "return_value": None}, 5),
    "none": ({"return_value": {"rows": 0}}, 0),
    "bare": ({"return_value": 7}, None),
    "list": ({"return_value": [1, 2, 3]}, None),
    "other_key": ({"return_value": "done", "loaded": 7}, None),
    "no_numbers": ({"return_value": {"rows": "many"}, "rows": True}, None),
    "large": ({"return_value": {"rows": [1] * 100_000}}, None),
    "nested": ({"return_value": "{" + "[" * 20_000}, None),
}
"""By task: what it left under which keys, and the rows that this tells."""


def test_only_what_names_an_amount_counts(
    loading: tuple[str, Airflow], subject: Callable[..., Subject]
) -> None:
    address, world = loading
    for task_id in PUSHED:
        world.start(task_id)
    collector = subject(address, row_limits=Limits(grace_seconds=0.0))
    collector.sample()
    for task_id, (values, _) in PUSHED.items():
        for key, value in values.items():
            world.push(value, key, task_id)
        world.succeed(task_id)
    settled = totals(collector.sample(), catalogue.ROWS_PROCESSED)
    told = {labels[3]: value for labels, value in settled.items()}
    assert told == {task: rows for task, (_, rows) in PUSHED.items() if rows is not None}


def test_of_a_large_object_only_the_wanted_fields_are_read(
    newest: tuple[str, Airflow], subject: Callable[..., Subject]
) -> None:
    address, world = newest
    collector = subject(address, row_limits=Limits(grace_seconds=0.0))
    collector.sample()
    world.push({"rows": 7, "names": ["a name like many others"] * 50_000})
    world.succeed()
    assert totals(collector.sample(), catalogue.ROWS_PROCESSED) == {LABELS: 7}


def test_a_pickle_is_told_and_left_closed(address: str, subject: Callable[..., Subject]) -> None:
    world = airflow(address, "2.11")
    world.begin()
    collector = subject(address, row_limits=Limits(grace_seconds=0.0))
    collector.sample()
    world.push(pickle.dumps({"rows": 7}))
    world.push(pickle.dumps("x" * 2 * MAX_STORED), "rows")
    world.push(b"\xff\xfe", "bytes")
    world.push(b'{"rows"', "row_count")
    world.push(b'"' + b"x" * 2 * MAX_STORED + b'"', "seconds")
    world.succeed()
    batch = collector.sample()
    assert not totals(batch, catalogue.ROWS_PROCESSED)
    assert totals(batch, catalogue.XCOM_SKIPPED) == {
        ("pickled",): 2, ("too_large",): 1, ("unreadable",): 1,
    }  # fmt: skip


def run_results(*rows: int) -> dict[str, object]:
    return {
        "metadata": {
            "dbt_schema_version": "https://schemas.getdbt.com/dbt/run-results/v6.json",
            "generated_at": "2026-01-01T00:00:00Z",
            "invocation_id": "one",
        },
        "results": [
            {
                "unique_id": f"model.shop.sl_{number}",
                "status": "success",
                "execution_time": 2.0,
                "adapter_response": {"rows_affected": each, "code": "INSERT"},
            }
            for number, each in enumerate(rows)
        ],
    }


def cosmos(results: dict[str, object]) -> str:
    return base64.b64encode(zlib.compress(json.dumps(results).encode())).decode()


def test_what_cosmos_pushes_counts_after_everything_else(
    loading: tuple[str, Airflow], subject: Callable[..., Subject]
) -> None:
    address, world = loading
    collector = subject(address, row_limits=Limits(grace_seconds=0.0))
    collector.sample()
    world.push(cosmos(run_results(100, 50)), "run_results")
    world.succeed()
    settled = totals(collector.sample(), catalogue.ROWS_PROCESSED)
    assert settled == {("hourly", "silver", "hourly", "load"): 150}


@pytest.mark.parametrize("character", ["A", "\x01"])
def test_what_postgresql_has_packed_is_as_large_as_its_text(
    newest: tuple[str, Airflow], subject: Callable[..., Subject], character: str
) -> None:
    address, world = newest
    collector = subject(address, row_limits=Limits(grace_seconds=0.0))
    collector.sample()
    world.push(character * 8 * MAX_RUN_RESULTS, "run_results")
    with world.engine.connect() as connection:
        stored = connection.execute(sa.text("SELECT pg_column_size(value) FROM xcom")).scalar_one()
    assert stored < MAX_RUN_RESULTS / 2
    world.succeed()
    with received() as values:
        batch = collector.sample()
    assert totals(batch, catalogue.XCOM_SKIPPED) == {("too_large",): 1}
    assert max(values) < MAX_PAYLOAD


def test_a_reading_takes_run_results_by_the_size_of_their_text(
    newest: tuple[str, Airflow], subject: Callable[..., Subject]
) -> None:
    address, world = newest
    tasks = [f"load_{number}" for number in range(RUN_RESULTS_A_READING // MAX_RUN_RESULTS + 2)]
    for task_id in tasks:
        world.start(task_id)
    collector = subject(address, row_limits=Limits(grace_seconds=0.0))
    collector.sample()
    for task_id in tasks:
        world.push("A" * MAX_RUN_RESULTS, "run_results", task_id)
        world.succeed(task_id)
    skipped = []
    for most in (RUN_RESULTS_A_READING, 2 * MAX_RUN_RESULTS):
        with received() as values:
            batch = collector.sample()
        assert most <= sum(values) < most + MAX_RUN_RESULTS
        skipped.append(totals(batch, catalogue.XCOM_SKIPPED)["unreadable",])
    assert skipped == [8, 2]


def test_run_results_that_make_no_sense_are_told(
    loading: tuple[str, Airflow], subject: Callable[..., Subject]
) -> None:
    address, world = loading
    wrong = {
        "a": "no base64!",
        "b": base64.b64encode(zlib.compress(b"[" * 100_000)).decode(),
        "c": {"rows": 7},
        "d": base64.b64encode(Random(1).randbytes(MAX_RUN_RESULTS)).decode(),
    }
    for task_id in wrong:
        world.start(task_id)
    collector = subject(address, row_limits=Limits(grace_seconds=0.0))
    collector.sample()
    for task_id, value in wrong.items():
        world.push(value, "run_results", task_id)
        world.succeed(task_id)
    batch = collector.sample()
    assert not totals(batch, catalogue.ROWS_PROCESSED)
    assert totals(batch, catalogue.XCOM_SKIPPED) == {("unreadable",): 3, ("too_large",): 1}


def test_the_next_trys_xcom_is_not_taken_for_this_ones(
    loading: tuple[str, Airflow], subject: Callable[..., Subject]
) -> None:
    address, world = loading
    collector = subject(address, row_limits=Limits(grace_seconds=0.0))
    collector.sample()
    ended = {"start_date": world.at(-300), "end_date": world.at(LATER), "pid": 7}
    world.archive("load", **ended, state="success", duration=30.0)
    world.beat("load", world.at(LATER), state="running", start_date=world.at(LATER), try_number=2)
    world.push({"rows": 7})
    assert not totals(collector.sample(), catalogue.ROWS_PROCESSED)
    world.succeed(duration=1.0, end_date=world.at(LATER + 1))
    assert totals(collector.sample(), catalogue.ROWS_PROCESSED) == {LABELS: 7}


def test_what_was_pushed_goes_before_xcom(
    newest: tuple[str, Airflow], subject: Callable[..., Subject]
) -> None:
    address, world = newest
    collector = subject(address)
    collector.sample()
    world.push({"rows": 7})
    world.succeed()
    on = TryId("hourly", "load", "now", -1, 1)
    collector.sample()
    now = collector.clock.clock.wall()
    collector.book.put(on, [Claim(Source.EXPLICIT, rows=9, stage="gold")], None, now)
    collector.book.put(on, [Claim(Source.PLUGIN, rows=99)], None, now)
    settled = collector.sample(seconds=10)
    assert totals(settled, catalogue.ROWS_PROCESSED) == {("hourly", "gold", "hourly", "load"): 9}
    assert len(collector.book) == 0


def test_a_failed_trys_xcom_is_not_read_and_what_it_pushed_is_told_apart(
    newest: tuple[str, Airflow], subject: Callable[..., Subject]
) -> None:
    address, world = newest
    collector = subject(address, row_limits=Limits(grace_seconds=0.0))
    collector.sample()
    world.push({"rows": 7})
    world.succeed(state="failed")
    on = TryId("hourly", "load", "now", -1, 1)
    collector.book.put(on, [Claim(Source.PLUGIN, rows=50)], "failed", collector.clock.clock.wall())
    settled = collector.sample()
    assert totals(settled, catalogue.ROWS_FAILED_TRY) == {LABELS: 50}
    assert not totals(settled, catalogue.ROWS_PROCESSED)


def test_a_restart_between_counting_and_settling_loses_and_doubles_nothing(
    newest: tuple[str, Airflow], subject: Callable[..., Subject]
) -> None:
    address, world = newest
    first = subject(address)
    first.sample()
    world.push({"rows": 7})
    world.succeed()
    first.sample()
    world.execute("DELETE FROM xcom")  # what was read is in the ledger
    second = subject(address, first.entries)
    assert totals(second.sample(seconds=10), catalogue.ROWS_PROCESSED) == {LABELS: 7}
    third = subject(address, second.entries)
    batch = third.sample(seconds=20)
    assert not totals(batch, catalogue.ROWS_PROCESSED)
    assert [*third.window.values()] == [Timed(7, 30.0)]
    assert [each.labels for each in batch.gauges["row_tasks"]] == [
        ("hourly", "load", "hourly", "unknown")
    ]


def test_what_cosmos_pushes_counts_once_though_it_is_read_in_parts_and_between_restarts(
    newest: tuple[str, Airflow],
    subject: Callable[..., Subject],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    address, world = newest
    monkeypatch.setattr(xcom, "RUN_RESULTS_A_READING", 1)
    tasks = ["model_a", "model_b", "model_c"]
    for task_id in tasks:
        world.start(task_id)
    first = subject(address)
    first.sample()
    for task_id in tasks:
        world.push(cosmos(run_results(100, 50)), "run_results", task_id)
        world.succeed(task_id)
    entries, counted = first.entries, Counter[str]()
    for number in range(1, 9):
        again = subject(address, entries)
        settled = totals(again.sample(seconds=20 * number), catalogue.ROWS_PROCESSED)
        counted.update({str(labels[3]): int(rows) for labels, rows in settled.items()})
        entries = again.entries
    assert counted == dict.fromkeys(tasks, 150)


def test_nothing_is_asked_of_xcom_when_nothing_was_counted(
    newest: tuple[str, Airflow], subject: Callable[..., Subject]
) -> None:
    address, world = newest
    collector = subject(address)
    collector.sample()
    with Recorder(explain=False) as idle:
        collector.sample(seconds=5)
    assert [len(each) > 1 for each in idle.transactions()] == [True]
    world.succeed()
    with Recorder(explain=False) as busy:
        collector.sample(seconds=5)
    sample, xcom = busy.transactions()
    assert any(re.search(r"\bxcom\b", each.text) for each in xcom)
    assert not any(re.search(r"\bxcom\b", each.text) for each in sample)
    with Recorder(explain=False) as over:
        collector.sample(seconds=5)
    assert len(over.transactions()) == 1


def test_without_the_grant_tries_are_counted_and_pushes_still_count(
    newest: tuple[str, Airflow], subject: Callable[..., Subject]
) -> None:
    address, world = newest
    collector = subject(address, row_limits=Limits(grace_seconds=0.0))
    collector.sample()
    world.execute("DROP TABLE xcom")
    on = TryId("hourly", "load", "now", -1, 1)
    collector.book.put(on, [Claim(Source.PLUGIN, rows=3)], None, collector.clock.clock.wall())
    world.succeed()
    assert totals(collector.sample(), catalogue.ROWS_PROCESSED) == {LABELS: 3}
    features = {each.labels[1]: each.value for each in collector.sample().gauges["features"]}
    assert features["xcom"] == 0


def test_a_locked_xcom_costs_no_counting_and_is_read_when_it_is_free(
    newest: tuple[str, Airflow], subject: Callable[..., Subject]
) -> None:
    address, world = newest
    collector = subject(address)
    collector.sample()
    world.push({"rows": 7})
    world.succeed()
    with world.engine.begin() as locked:
        locked.exec_driver_sql("LOCK TABLE xcom IN ACCESS EXCLUSIVE MODE")
        assert totals(collector.sample(), catalogue.TASK_DURATION)
        assert not totals(collector.sample(seconds=20), catalogue.ROWS_PROCESSED)
    assert totals(collector.sample(seconds=5), catalogue.ROWS_PROCESSED) == {LABELS: 7}


def test_an_xcom_that_stays_locked_is_unknown_after_a_minute(
    newest: tuple[str, Airflow], subject: Callable[..., Subject]
) -> None:
    address, world = newest
    collector = subject(address, rules=Rules(tasks=(Rule(task=re.compile("load")),)))
    collector.sample()
    world.push({"rows": 7})
    world.succeed()
    with world.engine.begin() as locked:
        locked.exec_driver_sql("LOCK TABLE xcom IN ACCESS EXCLUSIVE MODE")
        assert totals(collector.sample(), catalogue.TASK_DURATION)
        assert not totals(collector.sample(seconds=59), catalogue.TRIES_ROWS_UNKNOWN)
        assert totals(collector.sample(seconds=1), catalogue.TRIES_ROWS_UNKNOWN) == {LABELS: 1}


def test_what_waits_for_its_turn_to_be_read_is_read_however_long_that_takes(
    newest: tuple[str, Airflow],
    subject: Callable[..., Subject],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    address, world = newest
    monkeypatch.setattr(xcom, "TRIES_A_READING", 1)
    tasks = [f"load_{number}" for number in range(4)]
    for task_id in tasks:
        world.start(task_id)
    collector = subject(address)
    collector.sample()
    for task_id in tasks:
        world.push({"rows": 7}, task_id=task_id)
        world.succeed(task_id)
    counted = [totals(collector.sample(seconds=40), catalogue.ROWS_PROCESSED) for _ in range(6)]
    assert sum(sum(each.values()) for each in counted) == 4 * 7


def test_a_dag_that_is_filtered_out_tells_nothing(
    newest: tuple[str, Airflow], subject: Callable[..., Subject]
) -> None:
    address, world = newest
    hidden = DagFilter(exclude=re.compile("hourly"))
    collector = subject(address, dags=hidden, row_limits=Limits(grace_seconds=0.0))
    collector.sample()
    world.push({"rows": 7})
    world.succeed()
    batch = collector.sample()
    data = {each.name for each in catalogue.FAMILIES if each.name.startswith("data_")}
    named = [family.name for family, _ in batch.announced] + [
        e.family.name for e in batch.increments
    ]
    assert not data & set(named)
    assert not any(each.labels[0] == "hourly" for each in batch.gauges.get("row_tasks", ()))


def test_xcom_can_be_left_alone(
    newest: tuple[str, Airflow], subject: Callable[..., Subject]
) -> None:
    address, world = newest
    collector = subject(address, xcom=False, row_limits=Limits(grace_seconds=0.0))
    collector.sample()
    world.push({"rows": 7})
    world.succeed()
    assert not totals(collector.sample(), catalogue.ROWS_PROCESSED)


def test_fields_have_the_users_names_and_tags_place_data(
    newest: tuple[str, Airflow], subject: Callable[..., Subject]
) -> None:
    address, world = newest
    for tag in ("gold", "pipeline:sales"):
        world.add("dag_tag", dag_id="hourly", name=tag)
    rules = Rules(Names(rows=("loaded",)))
    collector = subject(address, rules=rules, row_limits=Limits(grace_seconds=0.0))
    collector.sample()
    world.push(7, "loaded")
    world.succeed()
    settled = totals(collector.sample(), catalogue.ROWS_PROCESSED)
    assert settled == {("sales", "gold", "hourly", "load"): 7}
