"""What the follower tells of real process trees, against what the kernel told their parents."""

from __future__ import annotations

from time import sleep

import pytest

from exporter.collectors.tasks.naming import Sources
from exporter.model import Task
from tests.integration.collectors.tasks import supervisor
from tests.support.require import require

MIB = 1024 * 1024


@pytest.mark.parametrize(
    ("workload", "amount", "polls"),
    [("burn", 2, "1"), ("children", 1.8, ""), ("nested", 1.8, "1"), ("burn", 0.4, "")],
)
def test_cpu_time_is_what_the_kernel_told_the_parent(host, start, workload, amount, polls):
    watcher = host()
    each = start("t", workload, amount, POLLS=polls)
    watcher.read_until(each.done)
    truth = each.truth()
    assert watcher.used[each.name].cpu_seconds == pytest.approx(truth["cpu"], rel=0.05, abs=0.02)
    (ended,) = each.ended(watcher)
    assert ended.task == Task(*each.name, "r 1", -1, 2)
    assert ended.used == watcher.used[each.name]


def test_polling_alone_finds_the_last_figures_at_the_supervisor(host, start):
    watcher = host(exits=False)
    each = start("t", "children", 1.8)
    watcher.read_until(each.done)
    truth = each.truth()
    assert watcher.used[each.name].cpu_seconds == pytest.approx(truth["cpu"], rel=0.05)


def test_a_grandchild_that_nobody_waits_for_is_counted(host, start):
    watcher = host()
    each = start("t", "orphan", 2.0)
    watcher.read_until(each.done, tick=0.2)
    # Its last moments are lost: no more than a tick of them.
    assert 1.7 <= watcher.used[each.name].cpu_seconds <= each.truth()["cpu"] + 2.05


@pytest.mark.parametrize(("workload", "mib"), [("hold", 200), ("spike", 200), ("share", 200)])
def test_peak_memory_is_what_the_process_saw_itself(host, start, workload, mib):
    watcher = host()
    each = start("t", workload, mib)
    watcher.read_until(each.done)
    peak = each.truth()["peak"]
    assert peak > mib * MIB
    assert each.ended(watcher)[0].peak_bytes == pytest.approx(peak, rel=0.1)


def test_the_rate_is_what_was_used_over_the_time_between_two_readings(host, start):
    watcher = host()
    each = start("t", "burn", 2)
    while not each.done():
        sleep(0.4)
        began = watcher.read_at
        watcher.read()
        if began and each.name in watcher.readings[-1].running:
            used = watcher.readings[-1].used[each.name].cpu_seconds
            rate = watcher.readings[-1].running[each.name].cpu_percent
            assert rate == pytest.approx(100 * used / (watcher.read_at - began), rel=0.1, abs=0.5)
    assert each.ended(watcher)


@pytest.mark.parametrize("polls", ["1", ""], ids=["polls", "waits"])
@pytest.mark.parametrize("exits", [True, False])
def test_bytes_written_are_those_that_the_parent_was_told(host, start, tmp_path, exits, polls):
    watcher = host(exits=exits)
    each = start("t", "write", 8, POLLS=polls, SCRATCH=str(tmp_path / "scratch"))
    watcher.read_until(each.done)
    truth = each.truth()["written"]
    require(truth >= 8 * MIB, "the file system of the temporary directory counts no writes")
    assert watcher.used[each.name].written_bytes == pytest.approx(truth, rel=0.05)


@pytest.mark.parametrize("style", ["3", "celery", "fresh"])
def test_a_short_try_that_is_titled_late_is_seen(host, start, style):
    watcher = host()
    each = start("t", "burn", 0.3, style=style, UNTITLED="0.2")
    watcher.read_until(each.done)
    assert [one.task for one in each.ended(watcher)] == [Task(*each.name, "r 1", -1, 2)]
    assert watcher.used[each.name].cpu_seconds == pytest.approx(each.truth()["cpu"], abs=0.03)


def test_a_title_of_airflow_2_names_the_task_without_a_log(host, start):
    watcher = host()
    each = start("t", "burn", 1.5, style="2", log=False)
    watcher.read_until(each.done)
    each.name = ("d2", "group.t2")
    (ended,) = each.ended(watcher)
    assert ended.task == Task("d2", "group.t2", "manual run", 3)
    assert ended.used.cpu_seconds == pytest.approx(each.truth()["cpu"], rel=0.05)


def test_without_log_or_database_a_task_process_is_unattributed(host, start):
    watcher = host()
    each = start("t", "burn", 1.5, log=False)
    watcher.read_until(each.done)
    assert max(one.unattributed for one in watcher.readings) == 1
    assert each.name not in watcher.used


def test_the_database_names_what_has_been_counted_before_it_answered(host, start):
    known = {}
    watcher = host(Sources(identity=known.get))
    each = start("t", "burn", 3, log=False)
    for _ in range(2):
        watcher.read_until(lambda: True)
    watcher.read_until(lambda: watcher.readings[-1].unattributed)
    known[supervisor.UUID] = Task("from", "database")
    watcher.read_until(each.done)
    used = watcher.used["from", "database"]
    assert used.cpu_seconds == pytest.approx(each.truth()["cpu"], rel=0.05)


def test_a_restart_of_the_exporter_loses_nothing_and_counts_nothing_twice(host, start):
    before = host()
    first_look = before.follower._clock.wall()
    each = start("t", "nested", 4.5)
    before.read_until(lambda: before.readings[-1].running)
    for _ in range(10):
        before.read_until(lambda: True)
    before.read_until(lambda: sum(u.cpu_seconds for u in before.used.values()) > 1)
    remembered = before.readings[-1].remembered
    after = host(first_look=first_look, remembered=remembered)
    after.read_until(each.done)
    told = before.used[each.name].cpu_seconds + after.used[each.name].cpu_seconds
    assert told == pytest.approx(each.truth()["cpu"], rel=0.05)


def test_what_ran_before_the_first_look_counts_from_there(host, start):
    each = start("t", "burn", 4)
    early = host()
    early.read_until(lambda: sum(u.cpu_seconds for u in early.used.values()) > 1)
    late = host()
    used_before = early.read() and early.used[each.name].cpu_seconds
    late.read_until(each.done)
    left = each.truth()["cpu"] - used_before
    assert late.used[each.name].cpu_seconds == pytest.approx(left, abs=0.15)
