"""Finding, naming and counting on proc trees in a directory."""

from __future__ import annotations

import re

import pytest
from structlog.testing import capture_logs

from exporter.collectors.tasks.members import all_read
from exporter.collectors.tasks.naming import Sources
from exporter.collectors.tasks.use import Use
from exporter.errors import SourceUnavailableError
from exporter.model import Task
from tests.unit.collectors.tasks.proc import SMAPS, Proc

UUID = "019d3a6e-0c5b-7cd1-8f5e-5b1b2f6f9f5e"
OTHER = "019d3a6e-0c5b-7cd1-8f5e-5b1b2f6f9f5f"
LOG = "/l/dag_id=d/run_id=r/task_id=t/attempt=1.log"
NAMED = Task("d", "t", "r", -1, 1)
KIB = 1024


@pytest.fixture
def proc(tmp_path):
    return Proc(tmp_path)


def supervised(proc, title=f"airflow worker -- {UUID}", *, log=LOG, **figures):
    """Make a supervisor (50) with a task process (60)."""
    proc.put(50, f"airflow worker -- LocalExecutor: {UUID}")
    proc.put(60, title, parent=50, **figures)
    if log:
        proc.link(60, 4, log)


def store(proc, pid, read_bytes, written_bytes):
    (proc.root / str(pid) / "io").write_text(
        f"wchar: 1\nread_bytes: {read_bytes}\nwrite_bytes: {written_bytes}\n"
        "cancelled_write_bytes: 0\n"
    )


def read(follower):
    reading = follower.read()
    follower.accepted()
    return reading


def test_a_real_tree_of_airflow_3_is_named_by_its_log_and_measured(proc):
    proc.copy("airflow-3")
    follower = proc.follower()
    reading = follower.read()
    (running,) = [reading.running["orders", "group.load"]]
    assert (running.instances, running.processes) == (1, 2)
    pss = sum(
        int(re.search(r"^Pss: +(\d+)", (proc.root / pid / "smaps_rollup").read_text(), re.M)[1])
        for pid in ("24345", "24346")
    )
    assert running.memory_bytes == pytest.approx(pss * KIB, rel=0.05)
    assert reading.used["orders", "group.load"].cpu_seconds == 0.01
    assert reading.unattributed == 0


def test_a_real_tree_of_airflow_2_is_named_by_its_titles(proc):
    proc.copy("airflow-2")
    follower = proc.follower()
    assert [*follower.read().running] == [("d2", "group.t2")]
    # The map index is the supervisor's knowledge.
    assert next(iter(follower._tries)).task == Task("d2", "group.t2", "manual run", 3)


def test_a_try_is_counted_until_it_has_ended(proc):
    supervised(proc)
    follower = proc.follower()
    read(follower)
    proc.now += 2
    proc.put(60, parent=50, own=50, kib=400)
    reading = read(follower)
    running = reading.running["d", "t"]
    assert (running.cpu_percent, running.memory_bytes) == (25.0, 400 * KIB)
    proc.now += 1
    proc.put(60, parent=50, own=70, state="Z", kib=0)
    reading = read(follower)
    assert reading.used["d", "t"].cpu_seconds == pytest.approx(0.2)
    (ended,) = reading.ended
    assert ended.task == NAMED
    assert ended.peak_bytes == 400 * KIB
    assert ended.used.cpu_seconds == pytest.approx(0.7)
    proc.now += 1
    reading = read(follower)
    assert (reading.running, reading.ended, reading.used) == ({}, [], {})
    follower.close()
    assert len(proc.descriptors) == 1  # loadavg


def test_every_running_try_is_told_by_itself(proc):
    supervised(proc, kib=400)
    proc.put(70, f"airflow worker -- {OTHER}", kib=100)
    proc.link(70, 4, LOG.replace("attempt=1", "attempt=2"))
    follower = proc.follower()
    read(follower)
    proc.now += 2
    proc.put(60, parent=50, own=50, kib=300)
    first, second = read(follower).tries
    assert (first.dag_id, first.task_id, first.map_index, first.try_number) == ("d", "t", -1, 1)
    assert (first.cpu_percent, first.memory_bytes, first.peak_bytes) == (25.0, 300 * KIB, 400 * KIB)
    assert (second.try_number, second.cpu_percent, second.processes) == (2, 0.0, 1)
    assert first.age_seconds >= 0
    proc.end(60)
    assert [each.try_number for each in read(follower).tries] == [2]


def test_what_was_not_accepted_is_told_again(proc):
    supervised(proc, own=30)
    follower = proc.follower()
    assert follower.read().used["d", "t"] == Use(0.3)
    proc.end(60)
    for _ in range(2):
        reading = follower.read()
        assert reading.used["d", "t"].cpu_seconds == pytest.approx(0.3)
        assert len(reading.ended) == 1
    follower.accepted()
    assert not follower.read().ended


def test_the_last_figures_are_found_at_the_supervisor(proc):
    supervised(proc, own=30)
    follower = proc.follower()
    read(follower)
    proc.now += 1
    proc.end(60)
    proc.put(50, inherited=75)
    assert read(follower).ended[0].used.cpu_seconds == pytest.approx(0.75)


def test_the_last_bytes_are_found_at_the_supervisor_that_waited_unseen(proc):
    supervised(proc)
    store(proc, 50, 10, 20)
    store(proc, 60, 1000, 100)
    follower = proc.follower()
    read(follower)
    proc.now += 1
    proc.put(60, parent=50, own=1)
    store(proc, 60, 1500, 100)
    store(proc, 50, 11, 20)
    assert read(follower).used["d", "t"][1:] == (500, 0)
    proc.now += 1
    proc.end(60)
    proc.put(50, inherited=1)
    store(proc, 50, 11 + 1700, 20 + 900)
    (ended,) = read(follower).ended
    assert ended.used[1:] == (1700, 900)


def test_hidden_bytes_are_not_taken_from_the_supervisor(proc):
    supervised(proc)
    store(proc, 50, 10, 20)
    follower = proc.follower()
    read(follower)
    proc.end(60)
    store(proc, 50, 5000, 5000)
    (ended,) = read(follower).ended
    assert ended.used[1:] == (0, 0)


def test_more_than_the_processors_can_do_is_not_believed(proc):
    supervised(proc, own=30)
    follower = proc.follower()
    read(follower)
    proc.now += 1
    proc.end(60)
    proc.put(50, inherited=1_000_000)
    assert read(follower).ended[0].used.cpu_seconds == pytest.approx(0.3)


def test_an_idle_worker_that_still_holds_a_log_is_no_try(proc):
    for pid, title in ((50, "airflow worker -- LocalExecutor: <idle>"), (51, "airflow scheduler")):
        proc.put(pid, title)
        proc.link(pid, 4, LOG)
    reading = proc.follower().read()
    assert (reading.running, reading.unattributed) == ({}, 0)


def test_a_title_that_outlived_its_try_is_no_try(proc):
    proc.put(50, f"airflow supervisor: {UUID}")
    proc.link(50, 4, LOG)
    reading = proc.follower().read()
    assert (reading.running, reading.unattributed) == ({}, 0)


def test_a_fork_with_its_supervisors_title_is_told_once_it_shows_what_it_is(proc):
    supervised(proc, f"airflow worker -- LocalExecutor: {UUID}", own=20)
    follower = proc.follower()
    assert read(follower).running == {}
    proc.now += 1
    proc.put(60, f"airflow worker -- {UUID}", parent=50, own=30)
    reading = read(follower)
    assert reading.running["d", "t"].instances == 1
    assert reading.used["d", "t"].cpu_seconds == pytest.approx(0.3)


def test_a_supervisor_below_the_supervisor_of_another_try_is_no_task_process(proc):
    supervised(proc, f"airflow worker -- LocalExecutor: {OTHER}")
    follower = proc.follower()
    read(follower)
    assert [*follower._tries] == []


def test_a_worker_that_was_idle_when_it_was_described_is_looked_at_again(proc):
    proc.put(50, "airflow worker -- LocalExecutor: <idle>")
    follower = proc.follower()
    read(follower)
    proc.now += 60
    read(follower)
    supervised(proc, f"airflow worker -- LocalExecutor: {UUID}")
    read(follower)
    proc.now += 1
    proc.put(60, parent=50, own=10, state="Z")
    assert [one.task for one in read(follower).ended] == [NAMED]


def test_another_child_of_a_supervisor_is_given_up(proc):
    supervised(proc, f"airflow worker -- LocalExecutor: {UUID}", own=20)
    follower = proc.follower()
    read(follower)
    proc.now += 1
    proc.put(60, "git\0status", parent=50, own=30)
    read(follower)
    proc.end(60)
    reading = read(follower)
    assert (reading.used, reading.ended, reading.unattributed) == ({}, [], 0)


def test_a_process_may_take_seconds_to_be_titled(proc):
    supervised(proc, "celery worker")
    proc.put(70, "sh", parent=60, own=11)
    follower = proc.follower()
    assert read(follower).running == {}
    for _ in range(6):
        proc.now += 1
        proc.put(60, f"airflow worker -- {UUID}", parent=50, own=20)
        reading = read(follower)
    assert reading.running["d", "t"].processes == 2
    proc.now += 1
    assert read(follower).running["d", "t"].instances == 1


def test_a_fork_of_a_task_process_belongs_to_it(proc):
    supervised(proc)
    follower = proc.follower()
    read(follower)
    proc.put(70, f"airflow worker -- {UUID}", parent=60, own=10)
    proc.put(80, f"airflow worker -- {OTHER}", parent=70, own=10)
    running = read(follower).running["d", "t"]
    assert (running.instances, running.processes) == (1, 3)


def test_two_tries_of_a_task_are_summed(proc):
    supervised(proc, own=10)
    proc.put(51, f"airflow supervisor: {OTHER}")
    proc.put(61, f"airflow worker -- {OTHER}", parent=51, own=20)
    proc.link(61, 4, LOG.replace("attempt=1", "attempt=2"))
    reading = proc.follower().read()
    running = reading.running["d", "t"]
    assert (running.instances, running.processes, running.memory_bytes) == (2, 2, 80 * KIB)
    assert reading.used["d", "t"].cpu_seconds == pytest.approx(0.3)


@pytest.mark.parametrize("kept", [100, 0])
def test_a_number_that_is_used_again_is_another_process(proc, kept):
    proc.descriptors.cap = kept
    supervised(proc, own=30)
    follower = proc.follower()
    read(follower)
    proc.end(60)
    proc.put(60, "sleep", start=999, own=50)
    reading = read(follower)
    assert (reading.running["d", "t"].instances, reading.used["d", "t"].cpu_seconds) == (0, 0)
    assert read(follower).running == {}


def test_when_numbers_begin_anew_everybody_is_described_again(proc):
    (proc.root / "loadavg").write_text("0 0 0 1/1 900\n")
    proc.put(50, f"airflow worker -- LocalExecutor: {UUID}")
    proc.put(60, "sleep")
    follower = proc.follower()
    read(follower)
    proc.now += 20
    read(follower)
    supervised(proc, own=30)
    assert read(follower).running == {}
    (proc.root / "loadavg").write_text("0 0 0 1/1 70\n")
    assert read(follower).running["d", "t"].instances == 1


def test_a_glance_lists_only_after_the_kernel_has_made_a_process(proc):
    proc.put(1, "init")
    follower = proc.follower()
    read(follower)
    supervised(proc, own=30)
    follower.glance()
    assert [*follower._tries] == []
    (proc.root / "loadavg").write_text("0 0 0 1/1 60\n")
    follower.glance()
    assert len([*follower._tries]) == 1


@pytest.mark.parametrize(
    ("sources", "expected"),
    [
        (Sources(), None),
        (Sources(pod=lambda: Task("pod", "p")), ("pod", "p")),
        (Sources(identity={UUID: Task("db", "i")}.get), ("db", "i")),
        (Sources(read_environ=True, identity={UUID: Task("db", "i")}.get), ("env", "e")),
    ],
)
def test_sources_are_asked_in_order(proc, sources, expected):
    supervised(proc, log=None)
    proc.put(70, "sh", parent=60)
    environ = b"SECRET=1\0AIRFLOW_CTX_DAG_ID=env\0AIRFLOW_CTX_TASK_ID=e\0"
    (proc.root / "70" / "environ").write_bytes(environ)
    follower = proc.follower(sources)
    read(follower)
    reading = read(follower)
    assert [*reading.running] == ([expected] if expected else [])
    assert reading.unattributed == (not expected)


def test_the_pod_wins_over_the_log_and_the_log_over_the_database(proc):
    supervised(proc)
    identity = {UUID: Task("db", "i")}.get
    assert [*proc.follower(Sources(identity=identity)).read().running] == [("d", "t")]
    pod = Sources(pod=lambda: Task("pod", "p"), identity=identity)
    assert [*proc.follower(pod).read().running] == [("pod", "p")]


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        (Task("d", "t"), NAMED),
        (Task("d", "t", "r", 4), Task("d", "t", "r", 4, 1)),
        (Task("d", "t", "other run"), Task("d", "t", "other run")),
        (Task("d", "other task"), Task("d", "other task")),
        (Task("d", "t", "own run", 2, 3), Task("d", "t", "own run", 2, 3)),
    ],
)
def test_what_a_pod_does_not_tell_of_its_try_is_told_by_the_log(proc, told, expected):
    supervised(proc)
    follower = proc.follower(Sources(pod=lambda: told))
    read(follower)
    assert next(iter(follower._tries)).task == expected


def test_the_supervisors_log_names_a_task_process_that_holds_none(proc):
    supervised(proc, log=None)
    proc.link(50, 4, LOG)
    assert [*proc.follower().read().running] == [("d", "t")]


def test_the_log_of_another_try_does_not_name_a_task_process(proc):
    supervised(proc, f"airflow worker -- {OTHER}", log=None)
    proc.link(50, 4, LOG)
    reading = proc.follower().read()
    assert (reading.running, reading.unattributed) == ({}, 1)


@pytest.mark.parametrize("bad", ["a\nb", "\x1b[2J", "x" * 251])
def test_ids_that_airflow_does_not_allow_name_nothing(proc, bad):
    supervised(proc, log=LOG.replace("dag_id=d", f"dag_id={bad}"))
    proc.put(61, f"airflow task runner: d {bad} r 7")
    proc.put(70, "sh", parent=60)
    environ = f"AIRFLOW_CTX_DAG_ID={bad}\0AIRFLOW_CTX_TASK_ID=e\0".encode()
    (proc.root / "70" / "environ").write_bytes(environ)
    reading = proc.follower(Sources(read_environ=True)).read()
    assert (reading.running, reading.unattributed) == ({}, 2)


def test_what_was_shared_with_a_child_that_has_ended_makes_no_peak(proc):
    supervised(proc, kib=40_000)
    proc.put(70, "sh", parent=60, kib=40_000)
    for pid in (60, 70):
        (proc.root / str(pid) / "smaps_rollup").write_text(SMAPS.format(40_000, 20_000))
    follower = proc.follower()
    read(follower)
    proc.now += 16
    proc.end(70)
    proc.put(60, parent=50, kib=4_000)
    read(follower)
    proc.end(60)
    (ended,) = read(follower).ended
    assert ended.peak_bytes == 40_000 * KIB


def test_what_ends_without_a_name_is_logged_once(proc):
    follower = proc.follower()
    with capture_logs() as logs:
        for start in (60, 61):
            supervised(proc, log=None, start=start)
            read(follower)
            assert len(logs) == (start > 60)
            proc.end(60)
            read(follower)
    assert [log["event"] for log in logs] == ["tasks.nameless"]


def test_a_title_of_a_hundred_kilobytes_is_read_to_its_bound(proc):
    proc.put(60, f"airflow task runner: d t {'r' * 100_000} 7")
    proc.put(61, f"airflow worker -- {UUID}{' ' * 100_000}")
    reading = proc.follower().read()
    assert [*reading.running] == [("d", "t")]
    assert reading.unattributed == 1


def test_titles_of_other_users_mean_nothing_where_users_are_named(proc):
    supervised(proc)
    proc.put(70, "airflow task runner: d2 t2 r 7")
    for pid, user in ((50, 50000), (60, 50000), (70, 1000)):
        (proc.root / str(pid) / "status").write_text(f"Name:\tx\nUid:\t{user}\t0\t0\t0\n")
    assert [*proc.follower(Sources(users={50000})).read().running] == [("d", "t")]
    assert {*proc.follower().read().running} == {("d", "t"), ("d2", "t2")}


def test_of_two_open_logs_the_one_that_was_opened_last_counts(proc):
    supervised(proc)
    proc.link(60, 11, LOG.replace("task_id=t", "task_id=new"))
    proc.link(60, 3, LOG.replace("task_id=t", "task_id=old"))
    assert [*proc.follower().read().running] == [("d", "new")]


def test_a_fork_that_ends_before_it_shows_what_it_is_is_a_try(proc):
    supervised(proc, f"airflow worker -- LocalExecutor: {UUID}", own=20)
    follower = proc.follower()
    read(follower)
    proc.now += 1
    (proc.root / "60" / "cmdline").write_bytes(b"")
    read(follower)
    proc.end(60)
    assert [one.task for one in read(follower).ended] == [NAMED]


def test_who_vanishes_while_a_tree_is_read_makes_it_be_read_again():
    answers = {"parent": [1, 2], "child": [None]}
    found, vanished = all_read(["parent", "child"], lambda each: answers[each].pop(0))
    assert (found, vanished) == ({"parent": 2}, set())


def test_a_name_stays_when_files_and_title_are_gone(proc):
    supervised(proc, f"airflow worker -- LocalExecutor: {UUID}")
    follower = proc.follower()
    read(follower)
    proc.now += 1
    (proc.root / "60" / "fd" / "4").unlink()
    proc.put(60, f"airflow worker -- {UUID}", parent=50)
    assert read(follower).running["d", "t"].instances == 1
    proc.now += 1
    proc.put(60, "", parent=50)
    assert read(follower).running["d", "t"].instances == 1


def test_what_was_used_before_the_first_look_is_not_counted(proc):
    supervised(proc, own=500)  # began 0.6 s after boot
    follower = proc.follower(first_look=900.0)
    assert read(follower).used["d", "t"] == Use()
    proc.now += 1
    proc.put(60, parent=50, own=520)
    reading = read(follower)
    assert reading.used["d", "t"].cpu_seconds == pytest.approx(0.2)
    assert reading.running["d", "t"].cpu_percent == pytest.approx(20)


def test_a_restart_goes_on_from_what_is_remembered(proc):
    supervised(proc, own=500)
    proc.put(70, "sh", parent=60, own=100)
    before = proc.follower()
    read(before)
    proc.put(60, parent=50, own=505)
    remembered = read(before).remembered
    proc.end(70)
    proc.put(60, parent=50, own=510, inherited=130)
    after = proc.follower(first_look=900.0, remembered=remembered)
    proc.now += 1
    reading = after.read()
    assert reading.used["d", "t"].cpu_seconds == pytest.approx(0.35)
    assert reading.running["d", "t"].cpu_percent == 0  # over a time that nobody knows
    assert [*reading.remembered] == ["boot 1:60:60"]


def test_a_number_and_a_start_of_before_a_boot_are_another_process(proc):
    supervised(proc, own=500)
    before = proc.follower()
    read(before)
    remembered = read(before).remembered
    (proc.root / "sys/kernel/random/boot_id").write_text("boot 2\n")
    proc.put(60, parent=50, own=10)
    assert read(proc.follower(remembered=remembered)).used["d", "t"].cpu_seconds == 0.1


def test_a_try_that_begins_while_another_is_given_up_is_measured(proc):
    supervised(proc, f"airflow worker -- LocalExecutor: {UUID}")
    follower = proc.follower()
    read(follower)
    proc.now += 1
    proc.put(60, "git\0status", parent=50)
    proc.put(61, f"airflow worker -- {OTHER}", parent=51, own=20, kib=400)
    proc.link(61, 4, LOG)
    running = read(follower).running["d", "t"]
    assert (running.instances, running.memory_bytes) == (1, 400 * KIB)


def test_what_a_try_leaves_behind_goes_on_counting(proc):
    supervised(proc)
    proc.put(70, "daemon", parent=60, own=10)
    follower = proc.follower()
    read(follower)
    proc.end(60)
    proc.put(70, parent=1, own=30)
    reading = read(follower)
    assert len(reading.ended) == 1
    assert reading.used["d", "t"].cpu_seconds == pytest.approx(0.2)
    running = reading.running["d", "t"]
    assert (running.instances, running.processes) == (0, 1)
    proc.end(70)
    assert read(follower).ended == []
    assert read(follower).running == {}


def test_the_end_is_read_when_it_is_told(proc):
    calls = {}

    def watch(pid, ended):
        calls[pid] = ended
        return True

    supervised(proc, own=10)
    follower = proc.follower(watch=watch)
    read(follower)
    proc.put(60, parent=50, own=40, state="Z")
    calls[60]()
    proc.end(60)
    assert read(follower).used["d", "t"].cpu_seconds == pytest.approx(0.3)
    follower.close()
    supervised(proc, log=None)
    (proc.root / "loadavg").write_text("0 0 0 1/1 60\n")
    follower.glance()
    calls[60]()
    assert len(proc.descriptors) == 1  # loadavg


def test_storage_is_counted_where_it_can_be_read(proc):
    supervised(proc)
    store(proc, 60, 4096, 100)
    follower = proc.follower()
    assert read(follower).used["d", "t"][1:] == (4096, 100)
    store(proc, 60, 5000, 100)
    proc.now += 1
    assert read(follower).used["d", "t"][1:] == (0, 0)  # no sign of work
    proc.now += 15
    assert read(follower).used["d", "t"][1:] == (904, 0)
    store(proc, 60, 5500, 100)
    proc.put(60, parent=50, own=1)
    proc.now += 1
    assert read(follower).used["d", "t"][1:] == (500, 0)
    store(proc, 60, 5500, 170)
    proc.now += 1
    proc.put(60, parent=50, own=1, state="Z")
    assert read(follower).used["d", "t"][1:] == (0, 70)


def test_no_proc_file_system_is_said_so(tmp_path):
    follower = Proc(tmp_path).follower()
    follower._tries._table._procfs._root = str(tmp_path / "nothing")
    with pytest.raises(SourceUnavailableError, match="cannot be listed"):
        follower.read()
