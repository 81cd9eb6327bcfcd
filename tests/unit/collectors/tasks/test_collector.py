"""Readings of tries to batches: told once, every few seconds, restarts and filters included."""

from __future__ import annotations

import re
import shutil

import pytest

from exporter import catalogue
from exporter.collectors.tasks.collector import (
    FIRST_LOOK,
    LINGER_SECONDS,
    TELL_SECONDS,
    TasksCollector,
)
from exporter.errors import SourceUnavailableError
from exporter.filters import DagFilter
from exporter.kernel.exits import ExitWatch
from tests.unit.collectors.tasks.proc import Proc

UUID = "019d3a6e-0c5b-7cd1-8f5e-5b1b2f6f9f5e"
LOG = "/l/dag_id=d/run_id=r/task_id=t/attempt=1.log"
TASK = ("d", "t")


class Host:
    """A collector of a proc file system in a directory."""

    def __init__(self, root, entries=None, dags=None, hand_over=None):
        self.proc = Proc(root)
        self.dags = dags or DagFilter()
        self.collector = TasksCollector(
            lambda remembered, first_look: self.proc.follower(
                first_look=first_look, remembered=remembered
            ),
            entries or {},
            self.proc.clock,
            exits=ExitWatch("test-exits", self.proc.descriptors),
            dags=lambda: self.dags,
            hand_over=hand_over,
        )

    def start(self, **figures):
        self.proc.put(50, f"airflow worker -- LocalExecutor: {UUID}")
        self.proc.put(60, f"airflow worker -- {UUID}", parent=50, **figures)
        self.proc.link(60, 4, LOG)

    def sample(self, after=0.0, *, accept=True):
        self.proc.now += after
        batch = self.collector.sample()
        if accept:
            self.collector.accepted()
        return batch


@pytest.fixture
def host(tmp_path):
    host = Host(tmp_path)
    yield host
    host.collector.close()


def gauges(batch):
    return {(each.family, each.labels): each.value for each in batch.gauges["tasks"]}


def told(batch, family):
    return [each.value for each in batch.increments if each.family is family]


def test_gauges_are_of_each_sample_and_counters_grow_every_few_seconds(host):
    host.start(kib=400)
    first = host.sample()
    assert gauges(first)[catalogue.TASK_RUNNING, TASK] == 1.0
    assert gauges(first)[catalogue.TASK_PROCESSES, TASK] == 1.0
    assert gauges(first)[catalogue.TASK_MEMORY, TASK] == 400 * 1024
    assert (catalogue.TASK_CPU, TASK) in first.announced
    host.proc.put(60, parent=50, own=50)
    second = host.sample(1.0)
    assert gauges(second)[catalogue.TASK_CPU_PERCENT, TASK] == 50.0
    assert not second.increments
    assert second.checkpoint is None
    third = host.sample(TELL_SECONDS)
    assert told(third, catalogue.TASK_CPU) == [0.5]
    assert not host.sample(TELL_SECONDS).increments


def test_what_runs_is_a_snapshot_that_goes_by_the_filters(host):
    host.start(kib=400)
    assert host.collector.running is None
    host.sample()
    (running,) = host.collector.running.tries
    assert (running.dag_id, running.task_id, running.memory_bytes) == (*TASK, 400 * 1024)
    host.dags = DagFilter(exclude=re.compile("d"))
    host.sample(1.0)
    assert (host.collector.running.tries, host.collector.running.total) == ([], 0)


def test_nothing_is_shown_to_run_once_the_host_cannot_be_read(host):
    host.start()
    host.sample()
    shutil.rmtree(host.proc.root)
    with pytest.raises(SourceUnavailableError):
        host.sample(1.0)
    assert host.collector.running is None


def test_what_was_not_accepted_is_told_again(host):
    host.start()
    host.sample()
    host.proc.put(60, parent=50, own=50)
    assert told(host.sample(TELL_SECONDS, accept=False), catalogue.TASK_CPU) == [0.5]
    assert told(host.sample(TELL_SECONDS), catalogue.TASK_CPU) == [0.5]


def test_an_end_is_told_at_once_with_the_peak(host):
    host.start(kib=400)
    host.sample()
    host.proc.put(60, parent=50, own=70, state="Z", kib=0)
    batch = host.sample(1.0)
    assert told(batch, catalogue.TASK_CPU) == [0.7]
    assert told(batch, catalogue.TASK_PEAK_MEMORY) == [400.0 * 1024]
    host.proc.end(60)
    assert told(host.sample(TELL_SECONDS), catalogue.TASK_PEAK_MEMORY) == []


def test_last_values_stay_for_a_scrape_to_see_them(host):
    host.start(kib=400)
    host.sample()
    host.proc.put(60, parent=50, own=70, state="Z", kib=0)
    host.sample(1.0)
    host.proc.end(60)
    lingering = gauges(host.sample(LINGER_SECONDS - 2.0))
    assert lingering[catalogue.TASK_MEMORY, TASK] == 400 * 1024
    assert lingering[catalogue.TASK_RUNNING, TASK] == 0.0
    assert gauges(host.sample(3.0)).keys() == {(catalogue.TASK_UNATTRIBUTED, ())}


def test_memory_of_a_try_that_no_sample_saw_alive_is_its_last(host):
    host.proc.put(1, "init")
    host.sample()
    host.start(kib=400)
    (host.proc.root / "loadavg").write_text("0 0 0 1/1 60\n")
    host.collector._follower.glance()
    host.proc.put(60, parent=50, own=70, state="Z", kib=0)
    ended = gauges(host.sample(1.0))
    assert (ended[catalogue.TASK_MEMORY, TASK], ended[catalogue.TASK_RUNNING, TASK]) == (409600, 0)


def test_a_new_life_goes_on_where_the_ledger_says(tmp_path):
    (tmp_path / "one").mkdir()
    host = Host(tmp_path / "one")
    host.start(own=30)
    checkpoint = host.sample().checkpoint
    entries = dict(checkpoint.everything())
    assert entries == checkpoint.put
    assert FIRST_LOOK in entries
    host.collector.close()
    again = Host(tmp_path / "one", entries)
    again.proc.put(60, parent=50, own=90)
    batch = again.sample()
    assert told(batch, catalogue.TASK_CPU) == [0.6]
    again.proc.put(60, parent=50, state="Z")
    again.sample(1.0)
    again.proc.end(60)
    ended = again.sample(TELL_SECONDS).checkpoint
    assert [*ended.everything()] == [FIRST_LOOK]
    again.collector.close()


def test_a_first_look_that_makes_no_sense_is_now(tmp_path):
    host = Host(tmp_path, {FIRST_LOOK: "x"})
    host.proc.put(1, "init")
    assert host.sample().checkpoint.everything()[FIRST_LOOK] == repr(1000.0)


def test_a_filtered_dag_is_nowhere(host):
    host.dags = DagFilter(exclude=re.compile("d"))
    host.start(own=50)
    batch = host.sample()
    assert gauges(batch).keys() == {(catalogue.TASK_UNATTRIBUTED, ())}
    assert not batch.increments
    assert not batch.announced


def test_what_is_handed_over_is_not_counted_here(tmp_path):
    ends = []
    host = Host(tmp_path, hand_over=ends.append)
    host.start(kib=400)
    host.sample()
    host.proc.put(60, parent=50, own=70, state="Z", kib=0)
    batch = host.sample(1.0)
    assert not batch.increments
    assert not batch.announced
    (ended,) = ends
    assert (ended.task.dag_id, ended.task.task_id, ended.task.try_number) == ("d", "t", 1)
    assert (ended.used.cpu_seconds, ended.peak_bytes) == (0.7, 400 * 1024)
    host.collector.close()
    assert len(ends) == 1


def test_what_still_runs_at_the_end_is_handed_over_as_counted_by_then(tmp_path):
    ends = []
    host = Host(tmp_path, hand_over=ends.append)
    host.start()
    host.sample()
    host.proc.put(60, parent=50, own=40)
    host.collector.close()
    assert [each.used.cpu_seconds for each in ends] == [0.4]


def test_a_new_life_without_a_ledger_hands_over_only_what_was_used_since(tmp_path):
    ends = []
    host = Host(tmp_path, hand_over=ends.append)
    host.start(own=300)
    host.sample()
    host.proc.put(60, parent=50, own=600)
    host.sample(TELL_SECONDS)
    host.collector.close()
    again = Host(tmp_path, hand_over=ends.append)
    again.proc.now = host.proc.now
    again.sample()
    again.proc.put(60, parent=50, own=700, state="Z")
    again.sample(TELL_SECONDS)
    again.collector.close()
    assert [each.used.cpu_seconds for each in ends] == [3.0, 1.0]


def test_an_end_that_a_sample_under_way_tells_is_handed_over_once(tmp_path):
    ends = []
    host = Host(tmp_path, hand_over=ends.append)
    host.start()
    host.sample()
    host.proc.put(60, parent=50, own=40, state="Z")
    host.sample(1.0, accept=False)
    host.collector.close()
    host.collector.accepted()
    assert len(ends) == 1
