"""The counting rules of DAG runs alone: any order of runs, commits, clears and samples."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import datetime, timedelta, timezone

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule

from exporter.collectors.airflow.runs import RunMemory, advanced_runs, finished_runs
from exporter.model import RUN_FINISHED_STATES, RUN_LIVE_STATES, RunKey, RunRow

OVERLAP = timedelta(seconds=12)
LAG = timedelta(seconds=3)
BEGIN = datetime(2026, 1, 1, tzinfo=timezone.utc)


def run(number, state="running", end=None, clear_number=0):
    return RunRow(number, "dag", f"run{number}", "manual", state, BEGIN, end, clear_number, None)


class AnyRuns(RuleBasedStateMachine):
    """Runs that begin, end, are cleared and commit late; an exporter that samples and restarts."""

    def __init__(self):
        super().__init__()
        self.now = BEGIN
        self.written: dict[int, RunRow] = {}
        self.visible: dict[int, RunRow] = {}
        self.open: dict[int, datetime] = {}
        self.moved: set[int] = set()
        """Runs that changed since the last sample: their tries name them."""
        self.memory = RunMemory()
        self.first_look: datetime | None = None
        self.since = BEGIN
        self.seen: set[RunKey] = set()
        self.counted: Counter[RunKey] = Counter()

    @rule(late=st.booleans())
    def begin(self, late):
        number = len(self.written) + 1
        self._write(run(number), late=late)

    @precondition(lambda self: self.written)
    @rule(
        choice=st.integers(0, 2**16),
        state=st.sampled_from(["success", "failed"]),
        late=st.booleans(),
    )
    def end(self, choice, state, late):
        row = self._chosen(choice)
        if row.state in RUN_LIVE_STATES:
            self._write(row._replace(state=state, end=self.now), late=late)

    @precondition(lambda self: self.written)
    @rule(choice=st.integers(0, 2**16), late=st.booleans())
    def clear(self, choice, late):
        row = self._chosen(choice)
        fresh = row._replace(state="queued", clear_number=row.clear_number + 1)
        self._write(fresh, late=late)

    @rule(seconds=st.sampled_from([0.1, 1.0, 5.0, 13.0, 40.0]))
    def wait(self, seconds):
        self.now += timedelta(seconds=seconds)
        for number, began in list(self.open.items()):
            if self.now - began > LAG:
                self._commit(number)

    @rule()
    def restart(self):
        # The ledger keeps everything but the marks.
        self.memory = replace(self.memory, marks=())

    @rule()
    def sample(self):
        self.now += timedelta(milliseconds=1)
        if self.first_look is None:
            for number in list(self.open):
                self._commit(number)
        live = [row for row in self.visible.values() if row.state in RUN_LIVE_STATES]
        ended = self._ended(live)
        first = self.first_look is None
        self.first_look = self.first_look or self.now
        floor = max(self.first_look, self.since - OVERLAP)
        found = finished_runs(self.memory, ended, self.first_look, floor)
        highest = max([0, *self.visible])
        before = replace(self.memory, cursor=highest) if first else self.memory
        self.memory = advanced_runs(
            before, self.now, live, found.keys(), highest=highest, overlap=OVERLAP
        )
        self._note(found, first=first)
        self.since = self.now
        self.moved.clear()

    def teardown(self):
        assert [key for key, times in self.counted.items() if times > 1] == []
        assert self.seen - self.counted.keys() == set()
        assert self.counted.keys() - self.seen == set()

    def _note(self, found, *, first):
        for row in self.visible.values():
            key = RunKey(row.id, row.clear_number)
            # What is cleared before a sample saw it finished is seen by nobody.
            if not first and row.state in RUN_FINISHED_STATES and row.end >= self.first_look:
                self.seen.add(key)
        if not first:
            self.counted.update(found.keys())

    def _ended(self, live):
        """Return what `reading` would: new ids, what was active, what tries name."""
        wanted = {number for number in self.visible if number > self.memory.cursor}
        wanted |= self.memory.active.keys() | self.moved
        rows = [self.visible[number] for number in sorted(wanted & self.visible.keys())]
        return [row for row in rows if row not in live]

    def _chosen(self, choice):
        return self.written[1 + choice % len(self.written)]

    def _write(self, row, *, late):
        self._commit(row.id)
        self.now += timedelta(milliseconds=1)
        self.written[row.id] = row
        if late:
            self.open[row.id] = self.now
        else:
            self._commit(row.id)

    def _commit(self, number):
        self.open.pop(number, None)
        if number in self.written:
            self.visible[number] = self.written[number]
            self.moved.add(number)


AnyRuns.TestCase.settings = settings(settings.default, max_examples=100, stateful_step_count=50)
TestEveryFinishOfARunIsCountedOnce = AnyRuns.TestCase


def test_a_run_that_ended_is_counted_and_one_that_goes_on_is_not():
    ended = run(2, "success", BEGIN)
    found = finished_runs(RunMemory(cursor=1), [run(1), ended], BEGIN, BEGIN)
    assert found == {RunKey(2, 0): ended}


def test_a_cleared_run_counts_again_when_it_finishes_again():
    memory = RunMemory(cursor=9, counted={RunKey(2, 0): BEGIN}, active={2: RunKey(2, 1)})
    again = run(2, "success", BEGIN, clear_number=1)
    assert finished_runs(memory, [again], BEGIN, BEGIN) == {RunKey(2, 1): again}


def test_what_ended_before_the_first_look_is_not_counted():
    old = run(2, "success", BEGIN - timedelta(seconds=1))
    assert finished_runs(RunMemory(cursor=1), [old], BEGIN, BEGIN) == {}


def test_a_counted_run_above_the_cursor_is_remembered_through_a_long_downtime():
    memory = RunMemory(cursor=1, counted={RunKey(2, 0): BEGIN})
    late = BEGIN + timedelta(hours=1)
    after = advanced_runs(memory, late, [], [], highest=2, overlap=OVERLAP)
    assert finished_runs(after, [run(2, "success", BEGIN)], BEGIN, late) == {}
