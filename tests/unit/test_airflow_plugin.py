"""The Airflow plugin without an Airflow: what it counts, tells and labels, and what it hides."""

from __future__ import annotations

import enum
import importlib.util
import json
import multiprocessing
import operator
import os
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.intake.payload import Decoder
from exporter.intake.routes import MAX_BYTES
from exporter.rows.names import is_name
from tests.support.intake import Intake
from tests.support.ports import free_port

FILE = Path(__file__).parents[2] / "deploy/airflow/plugins/airflow_perf_exporter_plugin.py"
LINEAGE = "airflow.providers.common.sql.hooks.lineage"


def loaded() -> Any:
    """Return the plugin's module as Airflow makes it, which may be several times in a process."""
    spec = importlib.util.spec_from_file_location(FILE.stem, FILE)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules[FILE.stem] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def plugin() -> Iterator[Any]:
    """Yield the plugin beside as much of Airflow as it imports."""
    modules = {
        "airflow": ModuleType("airflow"),
        "airflow.listeners": SimpleNamespace(hookimpl=lambda function: function),
        "airflow.plugins_manager": SimpleNamespace(AirflowPlugin=type("AirflowPlugin", (), {})),
        "airflow.sdk.lineage": SimpleNamespace(HookLineageReader="reader", MAX_COLLECTED_EXTRA=30),
    }
    with pytest.MonkeyPatch.context() as patch:
        for name, module in modules.items():
            patch.setitem(sys.modules, name, module)  # type: ignore[arg-type]
        module = loaded()
        module._DEADLINE_SECONDS = module._READING_SECONDS = 60  # this machine may be slow
        yield module


@pytest.fixture
def intake(plugin: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Intake]:
    """Yield an exporter that the plugin tells."""
    with closing(Intake()) as receiver:
        monkeypatch.setenv("AIRFLOW_PERF_EXPORTER_URL", receiver.url)
        yield receiver


@pytest.fixture
def ran(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Return how a hook runs a statement: text, its count, how often, on what connection."""
    extras: list[SimpleNamespace] = []
    collector = SimpleNamespace(collected_assets=SimpleNamespace(extra=extras))
    lineage = SimpleNamespace(get_hook_lineage_collector=lambda: collector)
    monkeypatch.setitem(sys.modules, LINEAGE, lineage)

    def run(sql: object, rows: int | None, times: int = 1, kind: str = "postgres") -> None:
        value = {"sql": sql, "row_count": rows, "sql_parameters": ("s3cret",)}
        context = SimpleNamespace(conn_type=kind)
        for known in extras:
            if known.value == value and known.context == context:
                known.count += times
                return
        extras.append(SimpleNamespace(key="sql_job", value=value, count=times, context=context))

    return run


def task_instance(**changes: Any) -> Any:
    """Return what Airflow hands to a listener."""
    facts = {"dag_id": "d", "task_id": "t", "run_id": "r", "map_index": -1, "try_number": 2}
    return SimpleNamespace(**{**facts, "task": SimpleNamespace(), **changes})


def play(plugin: Any, work: Callable[[], object], **changes: Any) -> None:
    """Let a task run from its start to its good end."""
    listener = plugin._Listener()
    instance = task_instance(**changes)
    listener.on_task_instance_running(instance)
    work()
    listener.on_task_instance_success(instance)


@pytest.mark.parametrize(
    ("sql", "verb"),
    [
        ("INSERT INTO t VALUES (1)", "INSERT"),
        ("  -- SELECT\n/* DELETE; */ insert into t select 1", "INSERT"),
        ("WITH a AS (SELECT 1), b(x) AS (DELETE FROM c) INSERT INTO t SELECT 1", "INSERT"),
        ("WITH RECURSIVE merge AS (SELECT 1) UPDATE t SET a = 1", "UPDATE"),
        ("WITH a AS MATERIALIZED (SELECT 1) DELETE FROM t USING a", "DELETE"),
        ("MERGE INTO t USING s ON (1 = 1) WHEN MATCHED THEN DELETE", "MERGE"),
        ("INSERT INTO t SELECT 'it''s; SELECT 1'", "INSERT"),
        (r"INSERT INTO t VALUES (E'\'; SELECT 1')", "INSERT"),
        ('DELETE FROM "a;b"', "DELETE"),
        ("UPDATE t SET a = $$; SELECT 1$$, b = $x$; SELECT $$ 1$x$", "UPDATE"),
        ("REPLACE INTO t VALUES (1)", "REPLACE"),
        ("CREATE TABLE t AS SELECT 1", "CREATE TABLE AS"),
        ("CREATE TEMP TABLE IF NOT EXISTS t (a) WITH (x = 1) AS (SELECT 1)", "CREATE TABLE AS"),
        ("SELECT * INTO t FROM s", "CREATE TABLE AS"),
        ("WITH a AS (SELECT 1) SELECT * INTO t FROM a", "CREATE TABLE AS"),
        ("COPY t (a, b) FROM STDIN", "COPY"),
        ("CREATE TABLE t (a int); INSERT INTO t VALUES (1);", "INSERT"),
        ("BEGIN; SET x = 1; DELETE FROM t; INSERT INTO t VALUES (1)", "INSERT"),
        ("/* a * / ** SELECT; **/ DELETE FROM t", "DELETE"),
        ("INSERT INTO t VALUES (1); UPDATE t SET a = b # 1 /* ; */ -- SELECT\n", "UPDATE"),
        ("INSERT INTO t VALUES ('a;b', -1, 2/1), (f(1), 2); DELETE FROM t", "DELETE"),
        ("SELECT a IS DISTINCT FROM b AS c INTO t FROM s", "CREATE TABLE AS"),
        ("INSERT INTO t VALUES (1);;\n-- the end; of it\n", "INSERT"),
    ],
)
def test_a_count_is_of_the_verb_that_writes(plugin: Any, sql: str, verb: str) -> None:
    assert plugin.verb_of(sql, "postgres") == verb


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT 1",
        "(SELECT 1) UNION (SELECT 2)",
        "WITH update AS (SELECT 1) SELECT * FROM update",
        "WITH a AS (INSERT INTO t VALUES (1) RETURNING *) SELECT * FROM a",
        "SELECT 'INSERT INTO t'; -- INSERT",
        "INSERT INTO t VALUES (1); SELECT 1",
        "SELECT 1; INSERT INTO t VALUES (1)",
        "EXPLAIN ANALYZE INSERT INTO t VALUES (1)",
        "CREATE TABLE t (a int GENERATED ALWAYS AS (1) STORED)",
        "CREATE VIEW v AS SELECT 1",
        "CREATE MATERIALIZED VIEW v AS SELECT 1",
        "CREATE PROCEDURE p() BEGIN INSERT INTO t VALUES (1); DELETE FROM t; END",
        "COPY t TO STDOUT",
        "COPY (SELECT 1) TO STDOUT",
        "CALL p()",
        "TRUNCATE t",
        "/* INSERT INTO t VALUES (1)",
        "/* /* */ INSERT INTO t VALUES (1) */",
        "/* /* /* */ */ */ INSERT INTO t VALUES (1)",
        "INSERT INTO t VALUES (1); (SELECT 1)",
        "INSERT INTO t VALUES (1); (SELECT (1)) UNION (SELECT 2)",
        "(SELECT 1); INSERT INTO t VALUES (1)",
        "WITH a AS (SELECT 1) (SELECT * FROM a)",
        "SELECT a FROM t WHERE b IN (SELECT 1 INTO u)",
        "DELETE FROM t; COMMIT",
        "INSERT INTO t VALUES (1); VACUUM t;",
        "INSERT INTO t VALUES (1); SELECT ')",
        "INSERT INTO t VALUES ((1); SELECT 1",
        "INSERT INTO t VALUES (1)); SELECT 1",
        "INSERT INTO t VALUES (1); $a$ SELECT $b$",
        "INSERT INTO t SELECT 1 -- \r; SELECT 2",
        "",
        " ; ; ",
    ],
)
def test_a_count_of_anything_else_is_not_taken(plugin: Any, sql: str) -> None:
    assert plugin.verb_of(sql, "postgres") is None


@pytest.mark.parametrize(
    ("sql", "verb"),
    [
        ("# insert\nSELECT * FROM t", None),
        ("# select\nDELETE FROM t", "DELETE"),
        ("INSERT INTO t SELECT 5--1; SELECT 2", None),
        ("INSERT INTO t SELECT 5 -- 1; SELECT 2", "INSERT"),
        (r"INSERT INTO t VALUES ('a\'); SELECT 1 -- \n b'); DELETE FROM t", "DELETE"),
        (r'DELETE FROM t WHERE a = "\"; SELECT 1"; DELETE FROM t', "DELETE"),
        ("INSERT INTO t VALUES (1); /*! SELECT 1 */", None),
        ("INSERT INTO t VALUES (1); /*M! SELECT 1 */", None),
        ("INSERT INTO t VALUES ($$); SELECT 1; -- $$)", None),
        ("SET a = 1; INSERT INTO t VALUES (1)", None),  # the count is the first one's, 0
        ("INSERT INTO t VALUES (1); COMMIT", None),
        ("INSERT INTO t VALUES (1);\n;", "INSERT"),
    ],
)
def test_mysql_has_comments_and_texts_of_its_own(plugin: Any, sql: str, verb: str | None) -> None:
    assert plugin.verb_of(sql, "mysql") == verb


@pytest.mark.parametrize(
    "sql",
    [
        "# insert\nSELECT * FROM t",
        "INSERT INTO t SELECT 1 # 2; SELECT 3",
        "INSERT INTO #t SELECT 1; SELECT 3",
        r"INSERT INTO t VALUES ('a\'b'); SELECT * FROM t WHERE a = 'c'",
        r"INSERT INTO t VALUES ('\'), ('; SELECT 1 -- ')",
        "INSERT INTO t SELECT $$; SELECT 1 -- $$",
    ],
)
def test_what_databases_read_differently_is_not_taken_of_one_that_is_not_known(
    plugin: Any, sql: str
) -> None:
    assert plugin.verb_of(sql, "odbc") is None
    assert plugin.verb_of(sql) is None
    assert plugin.verb_of("INSERT INTO #t SELECT 1", "mssql") == "INSERT"


@pytest.mark.parametrize("sql", ["CREATE TABLE t AS SELECT 1", "COPY t FROM x", "SELECT 1 INTO t"])
def test_what_only_postgres_counts_is_taken_from_postgres_only(plugin: Any, sql: str) -> None:
    assert plugin.verb_of(sql, "snowflake") is None
    assert plugin.verb_of("INSERT INTO t VALUES (1)", "snowflake") == "INSERT"


@given(st.text(st.sampled_from("'\"`$eE\\-/*();\n aSELECT_ins"), max_size=60))
def test_any_text_has_a_verb_that_writes_or_none(plugin: Any, sql: str) -> None:
    assert plugin.verb_of(sql, "postgres") in {None, *plugin._WRITES_OF_POSTGRES}


@given(
    st.lists(
        st.sampled_from(
            [
                "--;\n",
                "/*;'*/",
                "';SELECT'",
                '";SELECT"',
                "$$;SELECT$$",
                "$a$;$a$",
                "(;SELECT)",
                " ",
            ]
        )
    )
)
def test_texts_comments_and_parentheses_change_no_verb(plugin: Any, noise: list[str]) -> None:
    between = " " + " ".join(noise) + " "
    sql = between + "UPDATE t SET a =" + between
    assert plugin.verb_of(f"{between} DELETE FROM t WHERE {between}") in {"DELETE", None}
    assert plugin.verb_of("UPDATE t SET a =" + between, "postgres") == "UPDATE"
    assert plugin.verb_of("UPDATE t SET a =" + between + "; DELETE FROM t", "postgres") == "DELETE"
    assert plugin.verb_of(sql.lstrip("('\"$"), "postgres") in {"UPDATE", None}


@pytest.mark.parametrize("kind", [None, "postgres", "mysql"])
@given(pieces=st.lists(st.sampled_from(["INSERT x", ";", "(", ")", "'", "a", "#\n", "--\n", "-"])))
def test_a_batch_that_ends_with_a_query_is_never_counted(
    plugin: Any, kind: str | None, pieces: list[str]
) -> None:
    for query in ("SELECT 1", "(SELECT 1)", "VALUES (1)", "TABLE t"):
        assert plugin.verb_of(f"{' '.join(pieces)};{query}", kind) is None


def test_counts_add_up_and_unknown_ones_are_left_out(
    plugin: Any, intake: Intake, ran: Callable[..., None]
) -> None:
    def work() -> None:
        ran("INSERT INTO t VALUES (1)", 1, times=3)
        ran("DELETE FROM t", None)
        ran("DELETE FROM t", -1)
        ran("SELECT 1", 1000)
        ran(object(), 1000)
        ran("CREATE TABLE t AS SELECT 1", 20)
        ran("CREATE TABLE t AS SELECT 1", 1000, kind="snowflake")

    play(plugin, work)
    assert intake.records == [
        {
            "dag_id": "d", "task_id": "t", "run_id": "r", "map_index": -1, "try_number": 2,
            "state": "success", "source": "plugin", "rows": 23,
        }
    ]  # fmt: skip


def test_statements_of_one_try_are_added_up_unless_told_otherwise(
    plugin: Any,
    intake: Intake,
    ran: Callable[..., None],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    def work() -> None:
        for rows in (10, 50, 1):
            ran(f"INSERT INTO t -- {len(intake.records)}", rows, 2)

    for mode in ("", "sum", "last", "max"):
        monkeypatch.setenv("AIRFLOW_PERF_EXPORTER_STATEMENTS", mode)
        play(plugin, work)
    assert caplog.records == []
    monkeypatch.setenv("AIRFLOW_PERF_EXPORTER_STATEMENTS", "LAST ")
    play(plugin, work)
    assert [record["rows"] for record in intake.records] == [122, 122, 1, 50, 122]
    assert "AIRFLOW_PERF_EXPORTER_STATEMENTS is none of sum, last and max" in caplog.text


def test_tries_in_one_process_have_each_their_own(
    plugin: Any, intake: Intake, ran: Callable[..., None]
) -> None:
    play(plugin, lambda: ran("INSERT INTO t SELECT 1", 5), task_id="first")
    play(plugin, lambda: ran("INSERT INTO t SELECT 2", 6), task_id="second")
    play(plugin, lambda: ran("INSERT INTO t SELECT 2", 6, times=2), task_id="again")
    play(plugin, lambda: None, task_id="third")
    ran("INSERT INTO t SELECT 3", 7)  # of a task that has deferred
    play(plugin, lambda: plugin.report_rows(8), task_id="fourth")
    play(plugin, lambda: None, task_id="fifth")
    told = [(record["task_id"], record["rows"]) for record in intake.records]
    assert told == [("first", 5), ("second", 6), ("again", 12), ("fourth", 8)]


def test_more_statements_than_airflow_collects_are_unknown(
    plugin: Any, intake: Intake, ran: Callable[..., None], caplog: pytest.LogCaptureFixture
) -> None:
    play(plugin, lambda: [ran("INSERT INTO t SELECT 1", rows) for rows in range(30)])
    assert intake.records == []
    assert "more statements than Airflow collects" in caplog.text


def test_long_texts_are_read_no_further_than_their_verb(
    plugin: Any, intake: Intake, ran: Callable[..., None]
) -> None:
    def work() -> None:
        for number in range(10):
            ran(f"INSERT INTO t{number} VALUES " + "(1)," * 50_000 + "(1);", 5)
            ran(f"SELECT {number} FROM t WHERE a IN (" + "1, " * 50_000, 100)
        ran("WITH a AS (SELECT " + "1, " * 50_000 + "1) DELETE FROM t; DELETE FROM t", 7)

    play(plugin, work)
    assert [record["rows"] for record in intake.records] == [57]


@pytest.mark.parametrize(
    "left", ["INSERT INTO t VALUES ('a;b');", "DELETE FROM t; DELETE FROM u", "SELECT (1)"]
)
def test_a_try_with_more_sql_than_is_read_is_unknown_not_half_known(
    plugin: Any,
    intake: Intake,
    ran: Callable[..., None],
    caplog: pytest.LogCaptureFixture,
    left: str,
) -> None:
    def work() -> None:
        ran("INSERT INTO t VALUES (1)", 1)
        for number in range(plugin._MAX_READ // 50_000):
            ran("DELETE FROM t; DELETE FROM t WHERE a IN (" + "1, " * 18_000 + f"{number})", 10)
        ran(left, 5)

    play(plugin, work)
    assert intake.records == []
    assert [record.getMessage() for record in caplog.records if record.levelname == "WARNING"] == [
        "rows of this try are unknown: there is more SQL than the 524288 characters that are read"
    ]


@pytest.mark.parametrize("length", [-1, 0, 1])
def test_what_may_be_read_is_read_to_its_last_character(plugin: Any, length: int) -> None:
    sql = "DELETE FROM t; DELETE FROM t WHERE a = 'x' AND TO_x"
    allowance = plugin._Allowance(characters=len(sql) + length)
    if length >= 0:
        assert plugin.verb_of(sql, "postgres", allowance) == "DELETE"
        assert allowance.characters == length
    else:
        with pytest.raises(plugin._UnknownError):
            plugin.verb_of(sql, "postgres", allowance)


@pytest.mark.parametrize("event", ["on_task_instance_running", "on_task_instance_success"])
def test_what_is_not_read_in_time_is_unknown(
    plugin: Any,
    intake: Intake,
    ran: Callable[..., None],
    caplog: pytest.LogCaptureFixture,
    event: str,
) -> None:
    listener = plugin._Listener()
    ran("INSERT INTO t VALUES (1)", 1)
    for each in ("on_task_instance_running", "on_task_instance_success"):
        with pytest.MonkeyPatch.context() as patch:
            if each == event:
                patch.setattr(plugin, "_READING_SECONDS", -1)
            getattr(listener, each)(task_instance())
    assert intake.records == []
    assert caplog.text.count("rows of this try are unknown") == 1
    play(plugin, lambda: ran("INSERT INTO t VALUES (2)", 2))
    assert [record["rows"] for record in intake.records] == [2]


@pytest.mark.parametrize("piece", ["DELETE;", "-", "''", "()", "/**/", "$$;$$"])
def test_a_text_is_given_up_between_any_two_of_its_pieces(
    plugin: Any, monkeypatch: pytest.MonkeyPatch, piece: str
) -> None:
    times = iter(range(1000))
    monkeypatch.setattr(plugin, "monotonic", lambda: next(times))
    with pytest.raises(plugin._UnknownError):
        plugin.verb_of(f"DELETE t{piece * 1000};a", "mysql", plugin._Allowance(until=100))
    assert next(times) < 110


@given(st.text(st.sampled_from("'\"`$eE\\-/*();#\n aM!,1é"), max_size=80))
def test_every_piece_of_a_text_is_read_once(plugin: Any, sql: str) -> None:
    for grammar in (plugin._STANDARD, plugin._MYSQL):
        assert "".join(piece[0] for piece in grammar.finditer(sql)) == sql


def test_counts_of_drivers_are_numbers_of_any_kind_or_unknown(
    plugin: Any, intake: Intake, ran: Callable[..., None]
) -> None:
    def work() -> None:
        for number, rows in enumerate((5.0, "5", [1], 1.5, 2**60, float("nan"), object(), 7)):
            ran(f"INSERT INTO t VALUES ({number})", rows)

    play(plugin, work)
    assert [repr(record["rows"]) for record in intake.records] == ["12"]


def test_counts_whose_sum_the_exporter_refuses_are_unknown(
    plugin: Any, intake: Intake, ran: Callable[..., None], caplog: pytest.LogCaptureFixture
) -> None:
    play(plugin, lambda: ran("INSERT INTO t VALUES (1)", 2**52, times=2))
    assert intake.records == []
    assert "unknown: there are more than the exporter takes" in caplog.text


def test_without_a_sql_hook_there_is_nothing_to_tell(plugin: Any, intake: Intake) -> None:
    play(plugin, lambda: None)
    assert intake.pushes == []


def test_reports_add_up_and_go_before_what_was_counted(
    plugin: Any, intake: Intake, ran: Callable[..., None]
) -> None:
    def work() -> None:
        ran("INSERT INTO t SELECT 1", 100)
        plugin.report_rows(1, stage="gold")
        plugin.report_rows(2, bytes=10, stage="gold")
        plugin.report_rows(None, bytes=5, seconds=1, pipeline="p")

    play(plugin, work)
    told = [
        {key: value for key, value in record.items() if key not in vars(task_instance())}
        for record in intake.records
    ]
    common = {"state": "success", "source": "explicit"}
    assert told == [
        {**common, "stage": "gold", "rows": 3, "bytes": 10},
        {**common, "pipeline": "p", "bytes": 5, "seconds": 1.0},
    ]


class Raises:
    """Raises whatever is asked of it."""

    def __index__(self) -> int:
        raise RuntimeError

    def __float__(self) -> float:
        raise ZeroDivisionError

    def __bool__(self) -> bool:
        raise RuntimeError

    __len__ = __index__


class Endless:
    """Asks itself."""

    def __index__(self) -> int:
        return operator.index(self)

    def __float__(self) -> float:
        return float(self)


class Stage(str, enum.Enum):
    """As authors name their stages."""

    GOLD = "gold"


class Numpy:
    """A whole number of a library's own kind."""

    def __index__(self) -> int:
        return 30


def test_amounts_and_names_are_of_any_kind_that_is_one(plugin: Any, intake: Intake) -> None:
    def work() -> None:
        for rows in (12.0, Numpy(), True):
            plugin.report_rows(rows, seconds=0, stage="gold")
        plugin.report_rows(bytes=5, seconds=316224000, stage=Stage.GOLD)
        plugin.report_rows(stage="nothing")
        plugin.report_rows(1, stage="x" * 200, pipeline="")

    play(plugin, work)
    one, other = intake.records
    assert (one["stage"], one["rows"], one["bytes"], one["seconds"]) == ("gold", 43, 5, 316224000)
    assert (len(other["stage"]), "pipeline" in other) == (200, False)


@pytest.mark.parametrize(
    ("calls", "seconds"),
    [
        ([{"rows": 10, "seconds": 5}, {"rows": 90, "seconds": 2}], 7),
        ([{"rows": 100}, {"rows": 0, "seconds": 5}], None),
        ([{"rows": 10, "seconds": 5}, {"rows": 90}], None),
        ([{"rows": 10, "seconds": 5}, {"bytes": 90}, {"rows": 1, "seconds": 1}], None),
        ([{"rows": 10, "seconds": 5}, {"seconds": 2}, {}], 7),
    ],
)
def test_seconds_are_told_where_they_are_of_all_rows_and_bytes(
    plugin: Any, intake: Intake, calls: list[dict[str, int]], seconds: float | None
) -> None:
    play(plugin, lambda: [plugin.report_rows(**call) for call in calls])
    (record,) = intake.records
    assert record.get("seconds") == seconds


def test_a_stage_whose_sum_the_exporter_refuses_is_left_out_alone(
    plugin: Any, intake: Intake, caplog: pytest.LogCaptureFixture
) -> None:
    def work() -> None:
        for _ in range(2):
            plugin.report_rows(2**53 - 1, stage="rows")
            plugin.report_rows(1, bytes=2**52, stage="bytes")
            plugin.report_rows(1, seconds=316224000, stage="seconds")
        plugin.report_rows(5, stage="good")

    play(plugin, work)
    assert [(record["stage"], record["rows"]) for record in intake.records] == [("good", 5)]
    assert caplog.text.count("for a sum that the exporter refuses") == 3


def test_reports_from_many_threads_lose_nothing(plugin: Any, intake: Intake) -> None:
    interval = sys.getswitchinterval()

    def report() -> None:
        for _ in range(3000):
            plugin.report_rows(1)

    def work() -> None:
        threads = [threading.Thread(target=report) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    sys.setswitchinterval(1e-6)
    try:
        play(plugin, work)
    finally:
        sys.setswitchinterval(interval)
    assert [record["rows"] for record in intake.records] == [12000]


def test_a_process_that_is_forked_while_another_reports_reports_too(
    plugin: Any, intake: Intake
) -> None:
    with plugin._told.lock:
        child = multiprocessing.get_context("fork").Process(target=in_a_thread, args=(plugin,))
        child.start()
    child.join(30)
    assert child.exitcode == 0


def in_a_thread(plugin: Any) -> None:
    """Report, in a thread that does not hold what its parent held."""
    thread = threading.Thread(target=plugin.report_rows, args=(1,), daemon=True)
    thread.start()
    thread.join(20)
    os._exit(thread.is_alive())


@pytest.mark.parametrize("part", ["日" * 200, "\U0001f600" * 200, '"' * 200, "x" * 200])
def test_bodies_are_no_longer_than_the_exporter_takes(
    plugin: Any, intake: Intake, part: str
) -> None:
    def work() -> None:
        for number in range(64):
            plugin.report_rows(number, bytes=5, seconds=1.5, pipeline=part, stage=name(number))

    def name(number: int) -> str:
        return f"{part[:-2]}{number:02}"

    play(plugin, work, dag_id="d" * 250, task_id="日" * 250, run_id=(part * 2)[:250])
    assert [record["rows"] for record in intake.records] == [*range(64)]
    assert max(len(push.body) for push in intake.pushes) <= MAX_BYTES
    decode = Decoder(needs_state=True)
    assert sum(len(decode(push.body)) for push in intake.pushes) == 64
    assert len(intake.pushes) > 1


EDGES = [
    " silver", "silver ", "\u200bsilver", "sil\u00a0ver", "__other__", "\u3164", "a\ufe0f",
    "\u2028", "\x9f", "\ud800", "x" * 200, "x" * 201, "日", "\U0001f600", Stage.GOLD, "",
]  # fmt: skip
anything = st.one_of(
    st.none(), st.integers(), st.floats(), st.text(), st.booleans(), st.binary(),
    st.sampled_from([2**53 - 1, 2**53, 316224000, Raises(), Endless()]),
)  # fmt: skip
names = st.one_of(st.sampled_from(EDGES), anything)


@pytest.mark.parametrize("name", EDGES, ids=ascii)
def test_a_stage_is_told_as_it_is_named_or_left_out_alone(
    plugin: Any, intake: Intake, name: str
) -> None:
    def work() -> None:
        plugin.report_rows(10, stage="bronze")
        plugin.report_rows(20, stage=name)

    play(plugin, work)
    (push,) = intake.pushes
    claims = [report.claim for report in Decoder(needs_state=True)(push.body)]
    told = {claim.stage: claim.rows for claim in claims if claim}
    taken = {str.__str__(name) or None: 20} if not name or is_name(str.__str__(name)) else {}
    assert told == {"bronze": 10, **taken}


@given(
    reports=st.lists(st.tuples(anything, anything, anything, names, names), max_size=9),
    run_id=st.text(min_size=1, max_size=300),
)
def test_whatever_is_reported_the_exporter_takes_what_is_sent(
    plugin: Any, reports: list[tuple[Any, ...]], run_id: str
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AIRFLOW_PERF_EXPORTER_URL", "http://exporter")
        plugin._told.taken()
        for report in reports:
            plugin.report_rows(*report)
        try:
            records = plugin._records(task_instance(run_id=run_id), "success", plugin._Allowance())
        except plugin._UnknownError:
            return
    for body in plugin._bodies(records) if records else ():
        for sent, read in zip(json.loads(body), Decoder(needs_state=True)(body), strict=True):
            assert read.claim
            assert read.claim.pipeline == sent.get("pipeline")
            assert read.claim.stage == sent.get("stage")


@pytest.mark.parametrize(
    "name", [{"dag_id": "a b"}, {"task_id": "x" * 251}, {"run_id": "a\nb"}, {"run_id": ""}], ids=str
)
def test_a_try_whose_name_the_exporter_refuses_is_not_told(
    plugin: Any, intake: Intake, caplog: pytest.LogCaptureFixture, name: dict[str, str]
) -> None:
    play(plugin, lambda: plugin.report_rows(1), **name)
    assert intake.pushes == []
    assert "rows of this try are unknown: an id" in caplog.text


@pytest.mark.parametrize(
    "wrong",
    [
        *({"rows": rows} for rows in (-1, 1.5, "7", 2**60, object())),
        *({"bytes": bytes_} for bytes_ in (2**53, float("nan"), 10**400, Raises(), Endless())),
        *({"seconds": seconds} for seconds in (-0.1, float("nan"), float("inf"), "x", "1e999")),
        *({"seconds": seconds} for seconds in (316224000.1, 10**400, Raises(), Endless())),
        *({"pipeline": name} for name in (Raises(), 0, b"gold", "\u2028", "\x9f", " gold")),
        *({"stage": stage} for stage in ("x" * 201, "a\nb", "\ud800", 7, ["gold"], "__other__")),
    ],
    ids=str,
)
def test_a_report_that_makes_no_sense_is_left_out_and_harms_nobody(
    plugin: Any, intake: Intake, caplog: pytest.LogCaptureFixture, wrong: dict[str, Any]
) -> None:
    def work() -> None:
        plugin.report_rows(**{"rows": 5, **wrong})
        plugin.report_rows(1)
        plugin.report_rows(None, seconds=1, stage="empty")

    play(plugin, work)
    assert [record["rows"] for record in intake.records] == [1]
    assert "report_rows: left out" in caplog.text


def test_a_try_has_at_most_as_many_parts_as_the_exporter_takes(plugin: Any, intake: Intake) -> None:
    play(plugin, lambda: [plugin.report_rows(1, stage=str(number)) for number in range(100)])
    assert len(intake.records) == 64


def test_every_copy_of_the_file_in_a_process_reports_to_the_same_try(
    plugin: Any, intake: Intake
) -> None:
    play(plugin, lambda: loaded().report_rows(9))
    assert [record["rows"] for record in intake.records] == [9]


def test_the_end_of_a_try_tells_its_state(plugin: Any, intake: Intake) -> None:
    listener = plugin._Listener()
    for end in ("success", "failed", "skipped"):
        plugin.report_rows(1)
        getattr(listener, f"on_task_instance_{end}")(task_instance())
    assert [record["state"] for record in intake.records] == ["success", "failed", "skipped"]


def test_the_token_is_taken_from_a_file_or_the_environment(
    plugin: Any, intake: Intake, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    play(plugin, lambda: plugin.report_rows(1))
    monkeypatch.setenv("AIRFLOW_PERF_EXPORTER_TOKEN", "one")
    play(plugin, lambda: plugin.report_rows(1))
    (tmp_path / "token").write_text("two\n")
    monkeypatch.setenv("AIRFLOW_PERF_EXPORTER_TOKEN_FILE", str(tmp_path / "token"))
    play(plugin, lambda: plugin.report_rows(1))
    given = [push.headers.get("Authorization") for push in intake.pushes]
    assert given == [None, "Bearer one", "Bearer two"]


def test_a_path_in_the_address_is_kept(
    plugin: Any, intake: Intake, monkeypatch: pytest.MonkeyPatch
) -> None:
    for path in ("", "/", "/behind/a/proxy"):
        monkeypatch.setenv("AIRFLOW_PERF_EXPORTER_URL", intake.url + path)
        play(plugin, lambda: plugin.report_rows(1))
    assert [push.path for push in intake.pushes] == [*["/ingest/v1/tries"] * 2, "/behind/a/proxy"]


def test_an_exporter_that_does_not_answer_is_not_waited_for(
    plugin: Any, intake: Intake, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    released = threading.Event()
    monkeypatch.setattr(plugin, "_answer", lambda *_: str(released.wait(60)))
    monkeypatch.setattr(plugin, "_DEADLINE_SECONDS", 0.05)
    play(plugin, lambda: plugin.report_rows(1))
    assert not released.is_set()
    assert "no answer in time" in caplog.text
    released.set()


@pytest.mark.parametrize(
    "url",
    [
        "exporter", "exporter:10113", "127.0.0.1:10113", "ftp://127.0.0.1", "http://127.0.0.1:port",
        "http://[bad", "http://:10113", "http://user:s3cret@127.0.0.1:1", "http://s3cret@127.0.0.1",
        "http://127.0.0.1:99999",
    ],
)  # fmt: skip
def test_an_address_that_is_none_to_send_to_is_said_in_one_line(
    plugin: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, url: str
) -> None:
    monkeypatch.setenv("AIRFLOW_PERF_EXPORTER_URL", url)
    monkeypatch.setattr(plugin, "_answer", pytest.fail)
    play(plugin, lambda: plugin.report_rows(1))
    assert [record.getMessage() for record in caplog.records] == [
        "rows are not told: AIRFLOW_PERF_EXPORTER_URL must be an address such as "
        "http://exporter:10113, without a user"
    ]


def test_an_exporter_that_is_away_is_logged_by_the_kind_of_error(
    plugin: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("AIRFLOW_PERF_EXPORTER_URL", f"http://127.0.0.1:{free_port()}")
    play(plugin, lambda: plugin.report_rows(1))
    assert "rows are not delivered to the exporter: ConnectionRefusedError" in caplog.text


def test_no_secret_reaches_the_log_or_the_exporter(
    plugin: Any,
    intake: Intake,
    ran: Callable[..., None],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(0)
    play(plugin, lambda: ran("/* s3cret */ INSERT INTO s3cret VALUES ('s3cret')", 1))
    monkeypatch.setenv("AIRFLOW_PERF_EXPORTER_TOKEN", "s3cret\nno header")
    play(plugin, lambda: plugin.report_rows(1))
    monkeypatch.setenv("AIRFLOW_PERF_EXPORTER_TOKEN_FILE", "/s3cret")
    play(plugin, lambda: plugin.report_rows(1))
    monkeypatch.setenv("AIRFLOW_PERF_EXPORTER_URL", "http://127.0.0.1:1/s3cret")
    play(plugin, lambda: plugin.report_rows(1))
    assert "{'INSERT': 1}" in caplog.text
    assert "ValueError" in caplog.text
    assert "s3cret" not in caplog.text
    assert all(b"s3cret" not in push.body for push in intake.pushes)


def test_an_exporter_that_refuses_is_logged(
    plugin: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    with closing(Intake(status=401)) as receiver:
        monkeypatch.setenv("AIRFLOW_PERF_EXPORTER_URL", receiver.url)
        play(plugin, lambda: plugin.report_rows(1))
    assert "rows are not delivered to the exporter: 401" in caplog.text


def test_what_the_exporter_says_is_wrong_is_one_short_line_of_the_log(
    plugin: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("AIRFLOW_PERF_EXPORTER_TOKEN", "s3cret")
    said = b"Expected `int` - at `$.rows`.\r\n\x1b[31m\xff s3cret ERROR \xe2\x80\xae" + b"x" * 10**5
    with closing(Intake(status=400, said=said)) as receiver:
        monkeypatch.setenv("AIRFLOW_PERF_EXPORTER_URL", receiver.url)
        play(plugin, lambda: plugin.report_rows(1))
    (line,) = [record.getMessage() for record in caplog.records]
    sentence = "Expected `int` - at `$.rows`. [31m\ufffd *** ERROR "
    start = f"rows are not delivered to the exporter: 400 {sentence}"
    assert line == start + "x" * (300 - len(sentence))


def test_no_error_of_the_plugin_reaches_the_task(
    plugin: Any, intake: Intake, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setitem(sys.modules, LINEAGE, SimpleNamespace())
    play(plugin, lambda: None)
    assert caplog.text.count("AttributeError") == 2


def test_without_an_address_nothing_is_registered_or_kept(
    plugin: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AIRFLOW_PERF_EXPORTER_URL", raising=False)
    idle = type("Idle", (plugin.PerfExporterPlugin,), {})
    idle.on_load()
    plugin.report_rows(1)
    assert not hasattr(idle, "listeners")
    assert plugin._told.reports == {}
    monkeypatch.setenv("AIRFLOW_PERF_EXPORTER_URL", "http://exporter")
    idle.on_load()
    assert (len(idle.listeners), idle.hook_lineage_readers) == (1, ["reader"])


class DockerOperator:
    """Has labels as the provider's operator has."""

    dag_id, task_id = "d", "t"

    def __init__(self, labels: Any = None) -> None:
        self.labels = labels


class DecoratedOperator(DockerOperator):
    """As `@task.docker` makes one."""


@pytest.mark.parametrize(
    ("given", "labels"),
    [
        (None, {"dag_id": "d", "task_id": "t"}),
        ({"task_id": "mine", "a": "b"}, {"dag_id": "d", "task_id": "mine", "a": "b"}),
        (["a", "dag_id"], {"dag_id": "", "task_id": "t", "a": ""}),
        ("{{ labels }}", "{{ labels }}"),
    ],
)
@pytest.mark.parametrize("kind", [DockerOperator, DecoratedOperator])
def test_containers_get_labels_beside_those_of_the_author(
    plugin: Any, kind: type[DockerOperator], given: Any, labels: Any
) -> None:
    task = kind(given)
    before = json.dumps(given)
    plugin.task_policy(task)
    assert task.labels == labels
    assert json.dumps(given) == before  # it may be shared by tasks

    mapped = SimpleNamespace(
        dag_id="d", task_id="t", operator_class=kind, partial_kwargs={"labels": given}
    )
    plugin.task_policy(mapped)
    assert mapped.partial_kwargs == {"labels": labels}


def test_other_operators_are_left_alone(plugin: Any) -> None:
    other = SimpleNamespace(dag_id="d", task_id="t", labels=None)
    mapped = SimpleNamespace(operator_class=SimpleNamespace, partial_kwargs={})
    for task in (other, mapped):
        plugin.task_policy(task)
    assert other.labels is None
    assert mapped.partial_kwargs == {}
