"""What the plugin counts of the statements that hooks ran, and how much it reads."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.intake import Intake
from tests.unit.airflow_plugin.playing import play, task_instance


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
