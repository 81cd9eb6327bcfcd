"""The counting rules alone: histories that hypothesis invents, sampled at any moment."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta, timezone
from random import Random

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from exporter.collectors.airflow.tries import Begun, Memory, advanced, finished, suspects
from exporter.model import ActiveRow, TaskKey, TryKey, TryRow
from tests.exactness.chance import weights
from tests.exactness.simulation import LAG, SKEW, Simulation

KEY = TaskKey("dag", "task", "run", -1)
OVERLAP = timedelta(seconds=120)
NOW = datetime(2026, 1, 1, 12, tzinfo=timezone.utc)
LONG_AGO = NOW - timedelta(hours=5)
MEMORY = Memory(first_look=NOW - timedelta(hours=1), since=NOW - timedelta(seconds=5))


def second(seconds):
    return NOW + timedelta(seconds=seconds)


def row(state="success", start=-3.0, end=-1.0, *, archived=False, pid=77, duration=None):
    return TryRow(
        KEY, state, _moment(start), _moment(end), duration, pid, "BashOperator",
        "default", "default_pool", None, None, 1, archived,
    )  # fmt: skip


def active(state, start, try_number=1):
    return {KEY: ActiveRow(KEY, state, _moment(start), try_number, None)}


def begun(state, start, try_number=1):
    return replace(MEMORY, begun={KEY: Begun(state, _moment(start), try_number)})


def _moment(when):
    return second(when) if isinstance(when, (int, float)) else when


def outcomes(memory, *rows):
    return [each.outcome for each in finished(memory, rows, OVERLAP).values()]


class AnyHistory(RuleBasedStateMachine):
    """Task instances that go through anything Airflow does, and samples between."""

    @initialize(airflow=st.sampled_from(["2.11", "3.3"]))
    def begin(self, airflow):
        self.simulation = Simulation(airflow, instances=2)
        self.looked = False

    @rule(
        number=st.integers(0, 1),
        dice=st.integers(0, 2**32),
        events=st.integers(1, 8),
        pause=st.sampled_from([0.01, 0.5, 5.0]),
        late=st.booleans(),
    )
    def live(self, number, dice, events, pause, late):
        rng = Random(dice)
        for _ in range(events):
            following = weights(self.simulation.instances[number])
            event = rng.choices([*following], [*following.values()])[0]
            self.simulation.happen(number, event, rng.uniform(-2, 2), rng, late)
            self.simulation.wait(pause)

    @rule(seconds=st.sampled_from([0.01, 0.5, 2.0, 5.0, 13.0, 30.0]))
    def wait(self, seconds):
        self.simulation.wait(seconds)

    @rule()
    def sample(self):
        if not self.looked:
            # An end within the skew of the first look is on either side of it.
            self.simulation.wait((SKEW + LAG).total_seconds())
        self.simulation.sample()
        if not self.looked:
            self.simulation.wait(SKEW.total_seconds())
            self.looked = True

    def teardown(self):
        if getattr(self, "looked", False):
            self.simulation.settle()
            assert self.simulation.differences() == []


AnyHistory.TestCase.settings = settings(
    settings.default, max_examples=40, stateful_step_count=60
)  # fmt: skip
TestEveryTryOfAnyHistoryIsCountedOnce = AnyHistory.TestCase


def test_a_try_that_ended_since_the_last_sample_is_counted():
    assert outcomes(MEMORY, row()) == ["success"]


def test_an_end_up_to_an_overlap_before_the_last_sample_is_counted():
    assert outcomes(MEMORY, row(start=-130, end=-125)) == ["success"]
    assert outcomes(MEMORY, row(start=-130, end=-125.001)) == []


def test_a_begun_try_is_counted_whatever_its_end_says():
    assert outcomes(begun("running", -9000), row(start=-9000, end=-8000)) == ["success"]


def test_another_start_than_the_begun_one_is_not_the_begun_try():
    assert outcomes(begun("running", -9000), row(start=-9001, end=-8000)) == []


def test_nothing_that_ended_before_the_first_look_is_counted():
    memory = replace(MEMORY, first_look=second(-0.5))
    assert outcomes(memory, row(end=-0.6)) == []
    assert outcomes(memory, row(end=-0.5)) == ["success"]


def test_a_counted_try_is_not_counted_again():
    memory = replace(MEMORY, counted={TryKey(KEY, second(-3)): second(-1)})
    assert outcomes(memory, row(start=-3)) == []


@pytest.mark.parametrize("state", ["upstream_failed", "removed", "running", "up_for_retry", None])
def test_a_row_that_is_no_finished_try_is_not_counted(state):
    assert outcomes(MEMORY, row(state)) == []


@pytest.mark.parametrize("missing", [{"start": None}, {"end": None}, {"pid": None}])
def test_a_row_without_a_start_an_end_or_a_pid_never_ran(missing):
    assert outcomes(MEMORY, row(**missing)) == []


def test_a_cleared_task_skipped_from_upstream_did_not_run_though_it_has_a_pid():
    assert outcomes(MEMORY, row("skipped", start=-1, end=-1)) == []


def test_a_failure_in_the_history_was_retried_and_one_in_the_live_row_is_final():
    assert outcomes(MEMORY, row("failed", archived=True)) == ["up_for_retry"]
    assert outcomes(MEMORY, row("failed")) == ["failed"]


def test_a_copy_of_an_old_try_with_a_new_end_is_not_counted():
    # Cleared long after it ended, and cleared again in the queue: Airflow before 3.3 archives the
    # queued row with the old start and pid, and an end of now.
    old = row(start=LONG_AGO, end=LONG_AGO + timedelta(seconds=9), archived=True)
    copy = row("failed", start=LONG_AGO, end=-1, archived=True)
    assert outcomes(MEMORY, old, copy, row("running", start=-0.5, end=None)) == []


def test_of_a_try_and_its_copies_the_try_itself_is_counted():
    rows = [
        row("success", archived=True, duration=7.0),
        row("failed", end=-0.5, archived=True, duration=99.0),
        row("failed", end=-0.1, duration=100.0),
    ]
    found = finished(MEMORY, rows, OVERLAP)
    assert [(each.outcome, each.duration_seconds) for each in found.values()] == [("success", 7.0)]


def test_the_duration_is_the_stored_one_else_the_span_and_never_negative():
    durations = [
        each.duration_seconds
        for stored in (12.5, None, -4.0)
        for each in finished(MEMORY, [row(duration=stored)], OVERLAP).values()
    ]
    assert durations == [12.5, 2.0, 0.0]


@pytest.mark.parametrize("now", [{}, active("up_for_retry", -9), active("running", -1)])
def test_a_begun_try_that_is_no_longer_as_it_was_is_a_suspect(now):
    assert suspects(begun("running", -9), now) == {KEY}


def test_a_begun_try_that_goes_on_is_no_suspect():
    assert suspects(begun("running", -9), active("running", -9)) == set()


def test_a_resumed_try_cleared_and_queued_again_is_a_suspect_by_its_try_number():
    # State and start are as before: only the try number tells that the try has ended.
    assert suspects(begun("queued", -9), active("queued", -9, try_number=2)) == {KEY}


def test_a_start_that_is_new_in_the_queue_is_a_suspect_until_it_is_known_to_be_old():
    queued = active("queued", LONG_AGO)
    assert suspects(MEMORY, queued) == {KEY}
    rows = [row(start=LONG_AGO, end=LONG_AGO, archived=True)]
    after = advanced(MEMORY, NOW, queued, rows, {}, OVERLAP)
    assert after.begun == {}
    assert suspects(after, queued) == set()


def test_a_resumed_try_first_seen_in_the_queue_is_begun():
    after = advanced(MEMORY, NOW, active("queued", -900), [row("queued", -900, None)], {}, OVERLAP)
    assert outcomes(after, row("failed", -900, -800, archived=True)) == ["up_for_retry"]


def test_a_try_that_was_cleared_while_running_before_the_first_look_is_not_begun():
    old = row("failed", start=-9, end=-6, archived=True)
    live = row("restarting", start=-9, end=-6)
    first = Memory(first_look=NOW, since=NOW)
    after = advanced(first, NOW, active("restarting", -9), [old, live], {}, OVERLAP)
    assert after.begun == {}
    assert outcomes(after, old, row("up_for_retry", start=-9, end=1)) == []


def test_a_skipped_tasks_start_is_remembered_as_nothing_when_it_is_queued_again():
    queued = active("queued", -60)
    after = advanced(MEMORY, NOW, queued, [row("queued", -60, -60)], {}, OVERLAP)
    assert outcomes(after, row("failed", -60, 1, archived=True)) == []


def test_a_counted_key_is_kept_for_two_overlaps_and_while_its_task_instance_is_active():
    settled = finished(MEMORY, [row()], OVERLAP)
    after = advanced(MEMORY, NOW, {}, [], settled, OVERLAP)
    assert set(after.counted) == {TryKey(KEY, second(-3))}
    later = NOW + 2 * OVERLAP
    assert advanced(after, later, active("queued", -3), [], {}, OVERLAP).counted
    assert not advanced(after, later, {}, [], {}, OVERLAP).counted
