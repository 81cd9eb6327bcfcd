"""The dbt collector on files as dbt leaves them."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest

from exporter import catalogue
from exporter.collectors.dbt import files, memory
from exporter.collectors.dbt.collector import AHEAD_SECONDS, BEING_WRITTEN_SECONDS, DbtCollector
from exporter.collectors.dbt.files import MAX_DEPTH
from exporter.errors import SourceUnavailableError
from exporter.rows.claim import Claim, TryId
from exporter.rows.window import WINDOW_MINUTES, rates
from exporter.samples import Batch, EntryKey
from tests.support.clock import HandClock

TRY = {"DAG_ID": "sales", "TASK_ID": "build", "RUN_ID": "manual__1", "TRY_NUMBER": "2"}
ROWS = {("toy", "bronze"): 5000.0, ("toy", "gold"): 97.0}


class World:
    """A directory, a collector over it, and who takes claims; started again at will."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.hands = HandClock()
        self.clock = self.hands.clock
        self.entries: dict[EntryKey, str] = {}
        self.claimed: list[tuple[TryId, Sequence[Claim], str]] = []
        self.takes = True
        self.start()

    def start(self) -> None:
        self.collector = DbtCollector(self.directory, self.submit, self.entries, self.clock)

    def submit(self, on: TryId, claims: Sequence[Claim], outcome: str) -> bool:
        if self.takes:
            self.claimed.append((on, claims, outcome))
        return self.takes

    def sample(self, *, lost: bool = False) -> Batch:
        """Sample; unless it is `lost`, the store takes it."""
        batch = self.collector.sample()
        if not lost and batch.checkpoint is not None:
            self.entries.update(batch.checkpoint.put)
            for key in batch.checkpoint.drop:
                del self.entries[key]
            self.collector.accepted()
        return batch

    def rows(self) -> dict[tuple[str | None, str | None], float]:
        return {
            each.labels[:2]: each.value
            for each in self.sample().increments
            if each.family is catalogue.ROWS_PROCESSED
        }

    def write(
        self,
        path: str = "run_results.json",
        *,
        invocation: str = "one",
        env: dict[str, str] | None = None,
        status: str = "success",
        age: float = 0.0,
    ) -> Path:
        generated = datetime.fromtimestamp(self.clock.wall(), timezone.utc) - timedelta(seconds=age)
        metadata = {
            "dbt_schema_version": "https://schemas.getdbt.com/dbt/run-results/v6.json",
            "generated_at": generated.isoformat(),
            "invocation_id": invocation,
            "env": env or {},
        }
        results = [
            _result("model.toy.br_orders", "wh_bronze", 5000),
            _result("model.toy.gd_customers", "wh_gold", 97),
            {**_result("model.toy.other", "wh_gold", 0), "status": status},
        ]
        return self.put(path, json.dumps({"metadata": metadata, "results": results}))

    def put(self, path: str, text: str) -> Path:
        file = self.directory / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
        os.utime(file, (self.clock.wall(), self.clock.wall()))
        return file


def _result(unique_id: str, schema: str, rows: int) -> dict[str, object]:
    return {
        "unique_id": unique_id,
        "status": "success",
        "adapter_response": {"rows_affected": rows},
        "execution_time": 2.0,
        "relation_name": f'"db"."{schema}"."x"',
    }


@pytest.fixture
def world(tmp_path: Path) -> World:
    found = World(tmp_path)
    found.sample()
    return found


def test_an_invocation_that_nobody_is_known_for_counts_under_its_project_and_stages(world: World):
    world.hands.pass_seconds(5)
    world.write()
    assert world.rows() == ROWS


def test_what_belongs_to_no_try_feeds_the_rates_for_as_long_as_they_look_back(world: World):
    world.hands.pass_seconds(5)
    world.write()
    world.sample(lost=True)
    assert world.collector.window == {}
    counted = {(each.family, each.labels): each.value for each in world.sample().increments}
    now = world.clock.wall()
    assert {each.labels: each.value for each in rates(world.collector.window, now)} == {
        place: rows / counted[catalogue.TIMED_ROWS_SECONDS, place] for place, rows in ROWS.items()
    }
    assert counted[catalogue.TIMED_ROWS, ("toy", "gold")] == 97
    world.start()
    assert [*rates(world.collector.window, now)]
    world.hands.pass_seconds(60 * WINDOW_MINUTES)
    world.sample()
    assert world.collector.window == {}
    assert all(section != "window" for section, _ in world.entries)


def test_what_belongs_to_a_try_feeds_no_rates_here(world: World):
    world.hands.pass_seconds(5)
    world.write(env=TRY)
    world.sample()
    assert world.collector.window == {}


def test_it_counts_once_however_often_it_is_looked_at_moved_and_copied(world: World):
    world.hands.pass_seconds(5)
    file = world.write()
    assert world.rows() == ROWS
    assert world.rows() == {}
    file.rename(world.directory / "old.json")
    world.write("archive/run_results.json", age=1)
    assert world.rows() == {}


def test_the_next_invocation_in_the_same_place_counts_as_well(world: World):
    world.hands.pass_seconds(5)
    world.write()
    world.sample()
    world.hands.pass_seconds(60)
    world.write(invocation="two")
    assert world.rows() == ROWS


def test_what_was_there_before_the_first_look_is_not_counted(tmp_path: Path):
    world = World(tmp_path)
    world.write(age=1)
    assert world.rows() == {}


def test_a_restart_neither_loses_nor_doubles(world: World):
    world.hands.pass_seconds(5)
    world.write()
    world.sample(lost=True)
    world.start()
    assert world.rows() == ROWS
    world.start()
    assert world.rows() == {}


@pytest.mark.parametrize("most", [1, 10_000])
def test_what_is_forgotten_is_not_counted_again_while_its_file_lies_there(
    world: World, monkeypatch: pytest.MonkeyPatch, most: int
):
    monkeypatch.setattr(memory, "MAX_INVOCATIONS", most)
    world.hands.pass_seconds(5)
    world.write("one/run_results.json")
    assert world.rows() == ROWS
    world.hands.pass_seconds(8 * 86_400)
    world.write("two/run_results.json", invocation="two")
    assert world.rows() == ROWS
    assert [key for section, key in world.entries if section == "invocation"] == ["two"]
    world.start()
    assert world.rows() == {}


def test_what_was_made_in_a_long_outage_counts_when_it_is_over(world: World):
    world.hands.pass_seconds(5)
    world.write("one/run_results.json")
    assert world.rows() == ROWS
    world.hands.pass_seconds(5)
    world.write("two/run_results.json", invocation="two")
    world.hands.pass_seconds(30 * 86_400)
    world.start()
    assert world.rows() == ROWS
    world.start()
    assert world.rows() == {}


def test_more_invocations_in_one_look_than_are_remembered_count_once_each(
    world: World, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(memory, "MAX_INVOCATIONS", 3)
    world.hands.pass_seconds(100)
    for number in range(20):
        world.write(f"{number}/run_results.json", invocation=str(number), age=number)
    rows = [each for each in world.sample().increments if each.family is catalogue.ROWS_PROCESSED]
    assert sum(each.value for each in rows) == 20 * sum(ROWS.values())
    world.start()
    assert world.rows() == {}


def test_what_is_still_to_come_is_refused(world: World):
    world.hands.pass_seconds(5)
    world.write(age=-2 * AHEAD_SECONDS)
    world.write("skewed/run_results.json", invocation="two", age=-AHEAD_SECONDS / 2)
    assert world.rows() == ROWS
    world.hands.pass_seconds(BEING_WRITTEN_SECONDS)
    assert _refused(world.sample()) == 1


def test_more_entries_than_are_looked_at_are_told(world: World, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(files, "MAX_ENTRIES", 4)
    world.hands.pass_seconds(5)
    world.write("target/run_results.json")
    world.put("target/compiled/one.sql", "")
    assert world.sample().trouble is None
    world.put("target/compiled/two.sql", "")
    assert "not all are seen" in (world.sample().trouble or "")
    for number in range(9):
        world.put(f"{number}.sql", "")
    assert "not all are seen" in (world.sample().trouble or "")


def test_an_invocation_of_a_known_try_is_its_claim_and_nobody_counts_it_here(world: World):
    world.hands.pass_seconds(5)
    world.write("logs/run_results.json", env=TRY)
    assert world.rows() == {}
    ((on, claims, outcome),) = world.claimed
    assert on == TryId("sales", "build", "manual__1", -1, 2)
    assert {(claim.stage, claim.rows) for claim in claims} == {("bronze", 5000), ("gold", 97)}
    assert outcome == "success"


def test_a_failed_node_makes_a_failed_invocation_and_what_was_written_is_told(world: World):
    world.hands.pass_seconds(5)
    world.write(env={**TRY, "MAP_INDEX": "3"}, status="error")
    ((on, claims, outcome),) = _claimed(world)
    assert (on.map_index, outcome) == (3, "failed")
    assert sum(claim.rows or 0 for claim in claims) == 5097


@pytest.mark.parametrize("wrong", [{"TRY_NUMBER": "two"}, {"RUN_ID": ""}, {"MAP_INDEX": "1e9"}])
def test_half_a_try_is_none(world: World, wrong):
    world.hands.pass_seconds(5)
    world.write(env={**TRY, **wrong})
    assert world.rows() == ROWS


def test_claims_that_are_not_taken_are_handed_over_again(world: World):
    world.hands.pass_seconds(5)
    world.takes = False
    world.write(env=TRY)
    assert "1 files wait" in (world.sample().trouble or "")
    world.takes = True
    assert world.sample().trouble is None
    assert len(world.claimed) == 1


def test_a_file_in_the_making_is_read_when_it_is_whole(world: World):
    world.hands.pass_seconds(5)
    file = world.put("run_results.json", '{"metadata": ')
    assert _refused(world.sample()) == 0
    file.unlink()
    world.write()
    assert world.rows() == ROWS


def test_a_file_that_makes_no_sense_is_refused_once_and_then_left_alone(world: World):
    world.hands.pass_seconds(5)
    world.put("run_results.json", '{"metadata": ')
    world.hands.pass_seconds(BEING_WRITTEN_SECONDS)
    assert _refused(world.sample()) == 1
    assert _refused(world.sample()) == 1
    world.write()
    assert world.rows() == ROWS


def test_only_files_of_that_name_are_read_and_no_links_pipes_or_depths(world: World):
    world.hands.pass_seconds(5)
    real = world.write("elsewhere.json")
    (world.directory / "run_results.json").symlink_to(real)
    (world.directory / "loop").symlink_to(world.directory)
    (world.directory / "pipe").mkdir()
    os.mkfifo(world.directory / "pipe" / "run_results.json")
    world.write("/".join("d" * (MAX_DEPTH + 1)) + "/run_results.json", invocation="deep")
    assert world.rows() == {}
    world.write("/".join("e" * MAX_DEPTH) + "/run_results.json", invocation="less deep")
    assert world.rows() == ROWS


def test_a_directory_that_is_away_is_told_in_a_sentence(tmp_path: Path):
    world = World(tmp_path / "missing")
    with pytest.raises(SourceUnavailableError, match=r"--dbt\.path .*missing: No such file"):
        world.collector.sample()


def _claimed(world: World) -> list[tuple[TryId, Sequence[Claim], str]]:
    world.sample()
    return world.claimed


def _refused(batch: Batch) -> float:
    return next(each.value for each in batch.gauges["files"] if each.labels == ("refused",))
