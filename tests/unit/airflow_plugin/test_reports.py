"""What authors of DAGs report: any amounts, names and threads, and nothing that harms."""

from __future__ import annotations

import enum
import json
import multiprocessing
import operator
import os
import sys
import threading
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.intake.payload import Decoder
from exporter.intake.routes import MAX_BYTES
from exporter.rows.names import is_name
from tests.support.intake import Intake
from tests.unit.airflow_plugin.playing import loaded, play, task_instance


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
