"""What is learned from tries that ended and runs that began, and what is then due."""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import datetime, timedelta, timezone

from hypothesis import given
from hypothesis import strategies as st

from exporter.insight.experience import (
    MAX_DAGS,
    Experience,
    RunName,
    is_due,
    only,
    over,
    with_runs,
    with_tries,
    with_waves,
)
from exporter.model import FinishedTry, RunRow, TaskKey, TryRow

NOW = datetime(2026, 1, 1, tzinfo=timezone.utc)
BOOT = timedelta(seconds=90)
NEW = Experience()


def at(seconds: float) -> datetime:
    return NOW + timedelta(seconds=seconds)


def ended(seconds: float, queue: str | None = "default", end: float = 0.0) -> FinishedTry:
    row = TryRow(
        TaskKey("d", "t", "r", -1), "success", at(end - 1), at(end), None, 1, None, queue,
        None, None, None, 1, archived=False,
    )  # fmt: skip
    return FinishedTry(row, "success", seconds)


def run(start: float | None, due: float, **more: object) -> RunRow:
    begun = None if start is None else at(start)
    made = RunRow(1, "d", "r", "scheduled", "running", begun, None, 0, at(due))
    return made._replace(**more)  # type: ignore[arg-type]


def test_durations_are_a_mean_that_follows_the_newest_end() -> None:
    known = with_tries(NEW, [ended(200.0, end=2), ended(100.0, end=1)], {"default"}, "default")
    assert known.durations == {"default": 110.0}
    last = with_tries(known, [ended(10.0)], {"default"}, "default")
    assert last.durations == {"default": 100.0}


@given(st.lists(st.floats(), max_size=20))
def test_a_mean_lies_between_what_was_seen(seconds: list[float]) -> None:
    known = with_tries(NEW, [ended(each) for each in seconds], {"default"}, "default")
    usable = [each for each in seconds if math.isfinite(each) and each >= 0]
    if not usable:
        assert known is NEW
    else:
        mean = known.durations["default"]
        assert min(usable) * (1 - 1e-9) <= mean <= max(usable) * (1 + 1e-9)


def test_of_unknown_queues_nothing_is_learned() -> None:
    assert with_tries(NEW, [ended(5.0, "else")], {"default"}, "default") is NEW


def test_a_try_without_a_queue_is_one_of_the_default_queue() -> None:
    known = with_tries(NEW, [ended(5.0, None)], {"gpu", "usual"}, "usual")
    assert known.durations == {"usual": 5.0}


def test_only_scheduled_runs_that_were_seen_to_begin_will_teach() -> None:
    name = RunName("d", "r")
    assert with_runs(NEW, [run(-89, -90)], NOW, BOOT).begun == {name: at(-89)}
    for other in (
        run(-90, -90),
        run(None, -90),
        run(-10, -90, clear_number=1),
        run(-10, -90, run_type="manual"),
    ):
        assert with_runs(NEW, [other], NOW, BOOT).begun == {}


def test_a_first_wave_is_over_a_boot_time_after_the_start_also_when_the_run_is() -> None:
    known = with_runs(NEW, [run(-10, -11, state="success", end=NOW)], NOW, BOOT)
    assert over(known, at(79), BOOT, 10) == {}
    assert over(known, at(80), BOOT, 10) == {RunName("d", "r"): at(80)}


def test_first_waves_that_nobody_can_read_are_given_up() -> None:
    known = with_runs(NEW, [run(-10, -11)], NOW, BOOT)
    assert with_runs(known, [], at(600), BOOT).begun
    assert with_runs(known, [], at(700), BOOT).begun == {}


def test_the_oldest_first_waves_are_read_first_and_only_so_many() -> None:
    begun = {RunName("d", str(number)): at(-100 - number) for number in range(5)}
    found = over(Experience(begun=begun), NOW, BOOT, 2)
    assert [name.run_id for name in found] == ["4", "3"]


def test_first_waves_are_a_mean_by_queue_in_which_queues_come_and_go() -> None:
    name = RunName("d", "r")
    known = with_waves(Experience(begun={name: NOW}), {name: {"a": 10.0}})
    assert known == Experience(waves={"d": {"a": 10.0}})
    known = with_waves(known, {name: {"a": 20.0, "b": 10.0}})
    assert known.waves == {"d": {"a": 13.0, "b": 3.0}}
    for _ in range(30):
        known = with_waves(known, {name: {"a": 13.0}})
    assert known.waves["d"].keys() == {"a"}


def test_too_many_dags_forget_the_one_that_ran_longest_ago() -> None:
    known = with_waves(NEW, {RunName(str(each), "r"): {"q": 1.0} for each in range(MAX_DAGS)})
    known = with_waves(known, {RunName("0", "r"): {"q": 1.0}})
    assert len(known.waves) == MAX_DAGS
    known = with_waves(known, {RunName("new", "r"): {"q": 1.0}})
    assert len(known.waves) == MAX_DAGS
    assert "1" not in known.waves
    assert {"0", "2", "new"} <= known.waves.keys()


def test_a_dag_that_is_gone_is_forgotten() -> None:
    known = Experience(waves={"a": {"q": 1.0}, "b": {"q": 1.0}})
    assert only(known, {"b", "c"}).waves == {"b": {"q": 1.0}}
    assert only(known, {"a", "b"}) is known


def test_a_run_is_due_from_a_boot_time_before_to_a_minute_after_its_moment() -> None:
    due = {each for each in (-61, -60, -59, 0, 90, 91) if is_due(NEW, "d", at(each), NOW, BOOT)}
    assert due == {-59, 0, 90}
    assert not is_due(NEW, "d", None, NOW, BOOT)


def test_a_run_that_is_there_is_not_due_any_more_and_the_next_one_is() -> None:
    known = with_runs(NEW, [run(None, 10, state="queued")], NOW, BOOT)
    assert not is_due(known, "d", at(10), NOW, BOOT)
    assert is_due(known, "d", at(11), NOW, BOOT)
    # It stays known when it has ended, for as long as its moment is looked at.
    assert not is_due(with_runs(known, [], at(60), BOOT), "d", at(10), at(60), BOOT)
    manual = with_runs(NEW, [run(5, 10, run_type="manual")], NOW, BOOT)
    assert is_due(manual, "d", at(10), NOW, BOOT)


def test_moments_that_nobody_looks_for_are_forgotten() -> None:
    known = with_runs(NEW, [run(5, 0)], NOW, BOOT)
    assert replace(with_runs(known, [], at(121), BOOT), begun={}) == NEW
