"""A push is acknowledged when the ledger has it, and counts once whatever happens around it."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import ExitStack
from pathlib import Path

import pytest

from exporter import catalogue
from exporter.clock import Clock
from exporter.intake import commits
from exporter.intake.commits import Committer
from exporter.intake.payload import Decoder, Report
from exporter.intake.uses import Uses
from exporter.rows.book import ClaimBook
from exporter.telemetry.ledger import Ledger
from exporter.telemetry.limits import Limits
from exporter.telemetry.store import Store
from tests.unit.intake.reports import claim, on, use

PATIENCE = 20.0
NAME = "intake"


class Intake:
    """A committer on a real store and ledger, opened again as after a kill."""

    def __init__(self, state: Path | None, **options: object) -> None:
        clock = Clock()
        self.ledger = Ledger(state, clock)
        self.store = Store(catalogue.FAMILIES, Limits(hold_seconds=0), self.ledger, clock)
        entries = self.store.checkpoint(NAME)
        self.book, self.uses = ClaimBook(entries), Uses(entries)
        given = {
            "wants": lambda _: True, "knows": lambda _: True, "must_persist": bool(state)
        }  # fmt: skip
        self.committer = Committer(
            NAME, self.store, self.book, self.uses, clock, **{**given, **options}  # type: ignore[arg-type]
        )  # fmt: skip

    def push(self, *reports: Report) -> bool | None:
        durable = self.committer.submit(reports)
        return None if durable is None else durable.result(PATIENCE)

    @property
    def cpu(self) -> dict[str | None, float]:
        return {
            labels[0]: total
            for labels, (total, _) in self.store.children(catalogue.TASK_CPU).items()
        }

    def kill(self) -> None:
        """Leave the ledger as it is on the disk, and free the directory."""
        self.ledger.close()


Make = Callable[..., Intake]


@pytest.fixture
def make() -> Iterator[Make]:
    with ExitStack() as stack:

        def started(state: Path | None = None, *, start: bool = True, **options: object) -> Intake:
            intake = Intake(state, **options)
            if start:
                intake.committer.start()
            stack.callback(intake.kill)
            stack.callback(intake.committer.stop)
            return intake

        yield started


def test_what_was_acknowledged_is_in_the_ledger(make: Make, tmp_path: Path) -> None:
    first = make(tmp_path)
    assert first.push(claim(1, rows=7), use("u", 2.0))
    first.kill()
    second = make(tmp_path)
    (found,) = second.book.of(on(1))
    assert found.rows == 7
    assert second.cpu == {"etl": 2.0}
    assert second.push(use("u", 2.0))
    assert second.cpu == {"etl": 2.0}


def test_what_waits_together_is_written_in_one_transaction(make: Make, tmp_path: Path) -> None:
    intake = make(tmp_path, start=False)
    waiting = [intake.committer.submit([claim(number)]) for number in range(100)]
    written = []
    put = intake.store.put
    intake.store.put = lambda name, batch: (written.append(name), put(name, batch))  # type: ignore[method-assign]
    intake.committer.start()
    assert all(each is not None and each.result(PATIENCE) for each in waiting)
    assert written == [NAME]


def test_a_full_queue_takes_no_more(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(commits, "MAX_QUEUED", 3)
    intake = make(start=False)
    assert [intake.committer.submit([claim()]) is None for _ in range(4)] == [0, 0, 0, 1]


def test_without_room_in_the_book_nothing_is_acknowledged(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("exporter.rows.book.MAX_CLAIMS", 2)
    intake = make()
    assert [intake.push(claim(number)) for number in (1, 2, 3, 1)] == [True, True, False, True]


def test_without_a_disk_that_keeps_nothing_is_acknowledged(make: Make, tmp_path: Path) -> None:
    not_a_directory = tmp_path / "file"
    not_a_directory.write_text("")
    intake = make(not_a_directory / "state")
    assert intake.push(claim(1), use("u")) is False
    assert intake.book.of(on(1))  # It counts all the same while we live.
    assert intake.cpu == {"etl": 2.0}


def test_without_a_state_path_memory_is_all_that_was_promised(make: Make) -> None:
    assert make().push(claim()) is True


def test_dags_that_are_filtered_out_are_acknowledged_and_not_kept(make: Make) -> None:
    intake = make(wants=lambda dag_id: dag_id != "secret")
    assert intake.push(claim(1, dag_id="secret"), use("u", dag_id="secret"))
    assert (len(intake.book), intake.uses.waiting, intake.cpu) == (0, 0, {})


def test_a_use_counts_when_its_dag_becomes_known(
    make: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(commits, "_TICK_SECONDS", 0.02)
    known = threading.Event()
    intake = make(tmp_path, knows=lambda _: known.is_set() or None)
    assert intake.push(use("u", 2.0))
    assert intake.cpu == {}
    known.set()
    deadline = threading.Event()
    while not intake.cpu and not deadline.wait(0.01):
        pass
    assert intake.cpu == {"etl": 2.0}


def test_a_defect_is_told_to_who_waits_and_the_next_push_is_taken(make: Make) -> None:
    intake = make()
    broken = Report(on(), None, None, use().uses)
    put = intake.store.put
    intake.store.put = lambda name, batch: 1 / 0  # type: ignore[method-assign]
    with pytest.raises(ZeroDivisionError):
        intake.push(broken)
    intake.store.put = put  # type: ignore[method-assign]
    assert intake.push(claim())
    assert intake.cpu == {"etl": 2.0}  # The step that failed is made again.


def test_the_end_commits_what_is_queued(make: Make, tmp_path: Path) -> None:
    intake = make(tmp_path, start=False)
    waiting = [intake.committer.submit([claim(number)]) for number in range(300)]
    intake.committer.start()
    intake.committer.stop()
    assert all(isinstance(each, Future) and each.result(0) for each in waiting)
    assert intake.committer.submit([claim()]) is None


def test_parts_of_one_try_are_booked_together(make: Make) -> None:
    intake = make()
    gold = claim(1, rows=1, state="success")
    assert gold.claim is not None
    silver = Report(gold.on, None, gold.claim.__class__(gold.claim.source, stage="silver", rows=2),
                    {})  # fmt: skip
    assert intake.push(gold, silver)
    assert sorted(each.rows or 0 for each in intake.book.of(on(1))) == [1, 2]
    assert intake.book.states() == {on(1): "success"}


def test_a_try_that_is_handed_over_in_two_halves_has_used_both_and_has_one_peak(
    make: Make, tmp_path: Path
) -> None:
    record = {"dag_id": "etl", "task_id": "load", "run_id": "r", "try_number": 1}
    decode = Decoder(needs_state=False)
    intake = make(tmp_path)
    for half, peak in (("a", 5), ("b", 7)):
        told = {**record, "source": "sidecar", "id": half, "cpu_seconds": 2.0}
        assert intake.push(*decode(json.dumps({**told, "peak_memory_bytes": peak}).encode()))
    intake.committer.stop()
    intake.kill()
    again = make(tmp_path)
    assert again.cpu == {"etl": 4.0}
    ((_, buckets),) = again.store.children(catalogue.TASK_PEAK_MEMORY).values()
    assert sum(buckets) == 1


def test_few_claims_on_dags_that_do_not_exist_are_kept_and_not_for_long(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("exporter.intake.strangers.MAX_STRANGERS", 2)
    monkeypatch.setattr("exporter.intake.strangers.STAY_SECONDS", -1.0)
    intake = make(knows=lambda dag_id: dag_id == "etl", start=False)
    intake.committer._expiry_due = float("inf")
    strange = [intake.committer.submit([claim(number, dag_id="x")]) for number in (1, 2, 3, 1)]
    known = intake.committer.submit([claim(4)])
    intake.committer.start()
    assert [each and each.result(PATIENCE) for each in (*strange, known)] == [
        True, True, False, True, True,
    ]  # fmt: skip
    assert len(intake.book) == 3
    intake.committer._expiry_due = 0.0
    assert intake.push(claim(5))
    assert intake.book.ids() == [on(4), on(5)]


def test_invented_uses_keep_nobody_out_whose_dag_is_known(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("exporter.intake.uses.MAX_STRANGERS", 2)
    intake = make(knows=lambda dag_id: dag_id == "etl")
    assert [intake.push(use(key, dag_id="x")) for key in "abc"] == [True, True, False]
    assert intake.push(use("real", 2.0))
    assert intake.cpu == {"etl": 2.0}


def test_claims_from_before_anybody_knew_the_dags_are_judged_as_soon_as_somebody_does(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("exporter.intake.strangers.MAX_STRANGERS", 1)
    monkeypatch.setattr("exporter.intake.strangers.STAY_SECONDS", -1.0)
    known: list[str] = []
    intake = make(knows=lambda dag_id: dag_id in known if known else None)
    invented = [intake.push(claim(number, dag_id="x")) for number in (1, 2, 3)]
    assert (invented, intake.push(claim(4))) == ([True] * 3, True)
    known.append("etl")
    intake.committer._expiry_due = 0.0
    assert intake.push(claim(5))
    assert intake.book.ids() == [on(4), on(5)]


def test_invented_claims_from_before_anybody_knew_the_dags_keep_nobody_out_once_somebody_does(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("exporter.intake.strangers.MAX_STRANGERS", 1)
    monkeypatch.setattr("exporter.rows.book.MAX_CLAIMS", 3)
    known: list[str] = []
    intake = make(knows=lambda dag_id: dag_id in known if known else None)
    assert [intake.push(claim(number, dag_id="x")) for number in (1, 2, 3)] == [True] * 3
    assert intake.push(claim(4)) is False
    known.append("etl")
    intake.committer._expiry_due = 0.0
    assert intake.push(claim(4))
    assert intake.book.ids() == [on(1)._replace(dag_id="x"), on(4)]


def test_strangers_that_were_restored_take_their_places_and_go_as_others_do(
    make: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("exporter.intake.strangers.MAX_STRANGERS", 2)
    first = make(tmp_path, knows=lambda dag_id: dag_id == "etl")
    assert [first.push(claim(number, dag_id="x")) for number in (1, 2, 3)] == [True, True, False]
    first.kill()
    second = make(tmp_path, knows=lambda dag_id: dag_id == "etl")
    assert second.push(claim(4, dag_id="x")) is False
    monkeypatch.setattr("exporter.intake.strangers.STAY_SECONDS", -1.0)
    second.committer._expiry_due = 0.0
    assert second.push(claim(5))
    assert second.book.ids() == [on(5)]
