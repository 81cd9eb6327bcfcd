"""What looking back finds in tables of each version, on PostgreSQL and SQLite."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from exporter.demo.schema import VERSIONS
from exporter.errors import SourceUnavailableError
from exporter.history import reader
from exporter.history.reader import History
from exporter.insight.performance.past import PastTry
from tests.integration.history.past import Past

DAY = 86400.0


@pytest.fixture
def past(address: str) -> Iterator[Callable[..., Past]]:
    made: list[Past] = []

    def make(version: str = "3.3") -> Past:
        made.append(Past(address, version))
        return made[-1]

    yield make
    for each in made:
        each.close()


def tries(history: History, since: Any) -> list[PastTry]:
    pages = history.pages_of_runs(since, lambda _: None)
    return [each for page in pages for each in history.finished_tries(page)]


def names(found: list[PastTry]) -> list[tuple[str, str, float]]:
    return sorted((each.task_id, each.outcome, round(each.seconds)) for each in found)


@pytest.mark.parametrize("version", VERSIONS)
def test_every_try_that_ran_is_found_once(past: Callable[..., Past], version: str) -> None:
    there = past(version)
    run = ("d", "r")
    there.run(*run, -1000, -100)
    there.tried(run, "plain", -900, -890, pool="wide", queue="gpu", pool_slots=3)
    there.tried(run, "retried", -800, -795, try_number=2)
    there.archived(run, "retried", -900, -880)
    # Cleared, and failed before it began: the live row keeps the start of the archived try.
    there.tried(run, "stale", -700, -690, state="failed", try_number=2)
    there.archived(run, "stale", -700, -690, state="success")
    # Cleared, and not scheduled again.
    there.tried(run, "cleared", -600, -540, state=None, try_number=1)
    there.archived(run, "cleared", -600, -540, state="success")
    there.tried(run, "waits", -500, -450, state="up_for_retry", try_number=1)
    there.archived(run, "waits", -500, -450)
    there.tried(run, "marked", -400, -400, pid=None)
    # Its worker's clock was ahead, and has been set back.
    there.tried(run, "ahead", -400, -401)
    # Cleared, and before it ran again skipped from upstream, or marked by a user: the try number
    # is still that of the archived try, and so is the pid.
    there.tried(run, "skipped", -300, -300, state="skipped", try_number=1)
    there.archived(run, "skipped", -700, -460, state="success", try_number=1)
    there.tried(run, "mended", -700, -650, state="success", try_number=1)
    there.archived(run, "mended", -700, -650, try_number=1)
    there.tried(run, "runs", -300, -200, state="running")
    found = tries(there.history(), there.at(-DAY))
    assert names(found) == [
        ("ahead", "success", 0), ("cleared", "success", 60), ("mended", "up_for_retry", 50),
        ("plain", "success", 10), ("retried", "success", 5), ("retried", "up_for_retry", 20),
        ("skipped", "success", 240), ("stale", "success", 10), ("waits", "up_for_retry", 50),
    ]  # fmt: skip
    plain = next(each for each in found if each.task_id == "plain")
    assert (plain.queue, plain.pool, plain.slots) == ("gpu", "wide", 3)
    assert plain.queued == pytest.approx(there.at(-902).timestamp())
    expected = there.at(-903).timestamp() if there.world.three else None
    assert plain.scheduled == (expected if expected is None else pytest.approx(expected))


def test_what_was_queued_again_after_its_start_has_no_wait(past: Callable[..., Past]) -> None:
    there = past()
    there.run("d", "r", -1000, -100)
    there.tried(("d", "r"), "deferred", -900, -100, queued_dttm=there.at(-300))
    (found,) = tries(there.history(), there.at(-DAY))
    assert found.queued is None
    assert found.held_since == pytest.approx(there.at(-300).timestamp())


def test_runs_come_in_pages_and_those_that_ended_before_are_left_out(
    past: Callable[..., Past], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reader, "RUNS_A_PAGE", 3)
    there = past()
    for number in range(8):
        there.run("d", f"old{number}", -9 * DAY - number, -8 * DAY)
        there.run("d", f"new{number}", -1000 - number, -100)
        there.tried(("d", f"new{number}"), "t", -900, -890)
        there.tried(("d", f"old{number}"), "t", -8.5 * DAY, -8.4 * DAY)
    there.run("d", "live", -2000, None)
    shares: list[float] = []
    pages = list(there.history().pages_of_runs(there.at(-7 * DAY), shares.append))
    assert [len(page) for page in pages] == [3, 3, 3]
    assert {run.run_id for page in pages for run in page} == {
        "live", *(f"new{number}" for number in range(8)),
    }  # fmt: skip
    assert shares == sorted(shares)
    assert shares[-1] == 1.0


def test_without_a_run_there_is_no_page(past: Callable[..., Past]) -> None:
    there = past()
    assert list(there.history().pages_of_runs(there.at(-DAY), lambda _: None)) == []


@pytest.mark.parametrize("plain", [False, True])
@pytest.mark.parametrize("version", VERSIONS)
def test_the_newest_version_of_a_dag_tells_its_dependencies(
    past: Callable[..., Past], version: str, plain: bool
) -> None:
    there = past(version)
    there.run("d", "r", -1000, -100)
    if there.world.three:
        there.serialized("d", {"old": []}, at=there.at(-DAY))
    there.serialized("d", {"a": ["b", "c"], "b": ["c"], "c": ["gone"]}, plain=plain)
    there.serialized("other", {"x": []})
    found = there.history().edges(["d", "unknown"])
    assert found == {"d": {"a": [], "b": ["a"], "c": ["a", "b"]}}


def test_versions_of_the_same_moment_are_not_merged(past: Callable[..., Past]) -> None:
    there = past()
    there.serialized("d", {"a": ["b"], "b": []})
    there.serialized("d", {"b": ["a"], "a": []})
    found = there.history().edges(["d"])
    assert found["d"] in ({"a": [], "b": ["a"]}, {"a": ["b"], "b": []})


def test_no_version_but_the_newest_is_taken_apart(past: Callable[..., Past]) -> None:
    there = past()
    tasks = {f"task{number}": [f"task{number + 1}"] for number in range(100)}
    for number in range(200):
        there.serialized("d", tasks, at=there.at(-DAY - number))
    there.serialized("d", {"a": []})
    history = there.history()
    tracemalloc.start()
    assert history.edges(["d"]) == {"d": {"a": []}}
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 1_000_000


def test_documents_that_are_no_dags_are_survived(past: Callable[..., Past]) -> None:
    there = past()
    there.serialized("d", {"a": []})
    odd: tuple[Any, ...] = ({}, {"dag": 7}, {"dag": {"tasks": {"task_id": 1}}})
    for number, document in enumerate(odd):
        there.document(f"odd{number}", document)
    found = there.history().edges(["d", "odd0", "odd1", "odd2"])
    assert found.pop("d") == {"a": []}
    assert all(set(tasks) <= {"None", "1"} for tasks in found.values())


def test_what_cannot_be_read_is_told_in_a_sentence(past: Callable[..., Past]) -> None:
    there = past()
    there.world.execute("DROP TABLE serialized_dag")
    history = there.history()
    with pytest.raises(SourceUnavailableError, match="serialized_dag is missing or not granted"):
        history.edges(["d"])
    with pytest.raises(SourceUnavailableError, match="pg_stat_statements"):
        history.slow_statements()


def test_postgresql_tells_the_sizes_of_its_tables(database: str) -> None:
    there = Past(database)
    there.run("d", "r", -1000, -100)
    found = {each.name: each for each in there.history().tables()}
    assert found["dag_run"].size_bytes > 0
    there.close()


def test_the_first_try_is_the_one_that_was_queued_first(past: Callable[..., Past]) -> None:
    there = past()
    there.run("d", "first", -1000, -100)
    there.run("d", "second", -2000, -100)
    there.tried(("d", "first"), "t", -900, -890)
    there.tried(("d", "second"), "t", -1900, -1890, queued_dttm=there.at(-1950))
    first = there.history().first_try()
    assert first is not None
    assert 0 <= (there.at(-1950) - first).total_seconds() < 1


def test_a_run_that_outlived_its_tries_is_not_where_the_past_begins(
    past: Callable[..., Past], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reader, "RUNS_A_PAGE", 1)
    there = past()
    there.run("retired", "last", -400 * DAY, -399 * DAY)
    there.run("d", "r", -1000, -100)
    assert there.history().first_try() is None
    there.tried(("d", "r"), "t", -900, -890, queued_dttm=None)
    first = there.history().first_try()
    assert first is not None
    assert 0 <= (there.at(-900) - first).total_seconds() < 1


def test_the_first_try_is_not_looked_for_without_an_end(
    past: Callable[..., Past], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reader, "RUNS_A_PAGE", 1)
    monkeypatch.setattr(reader, "FIRST_PAGES", 2)
    there = past()
    for number in range(3):
        there.run("d", f"r{number}", -1000 - number, -100)
    there.tried(("d", "r2"), "t", -900, -890)
    assert there.history().first_try() is None


def test_sqlite_tells_no_sizes(tmp_path: Path) -> None:
    there = Past(f"sqlite:///{tmp_path / 'airflow.db'}")
    with pytest.raises(SourceUnavailableError, match="only PostgreSQL"):
        there.history().tables()
    there.close()
