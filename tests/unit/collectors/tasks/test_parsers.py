"""The kernel's files, titles, paths and environments: total parsers, whatever the bytes."""

from __future__ import annotations

import json
import re
from dataclasses import astuple
from random import Random

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from exporter.collectors.tasks.account import Used
from exporter.collectors.tasks.logfile import MAX_PATH_BYTES, task_of_log, task_of_logs
from exporter.collectors.tasks.naming import task_of_environ
from exporter.collectors.tasks.process_id import ProcessId
from exporter.collectors.tasks.stat import (
    Resident,
    Stat,
    Storage,
    parsed_high_water,
    parsed_resident,
    parsed_stat,
    parsed_storage,
)
from exporter.collectors.tasks.titles import Title, titled
from exporter.collectors.tasks.use import Remembered, Use, dumped, loaded
from exporter.model import Task

UUID = "019d3a6e-0c5b-7cd1-8f5e-5b1b2f6f9f5e"
STAT = (
    b"4321 (airflow worker) S 4300 4321 4300 0 -1 4194560 9001 77 3 0 250 50 1200 34 20 0 5 0 "
    b"987654 226760704 15558 18446744073709551615 1 1 0 0 0 0 0 16781312 134234626 0 0 0 17 1 0\n"
)
PARSED = Stat(b"S", 4300, 9001, 300, 1234, 987654, 15558)
SMAPS = b"56525decc000-7fff0bcf2000 ---p 00000000 00:00 0    [rollup]\nRss: 1700 kB\nPss:  241 kB\n"
STATUS = b"Name:\tx\nVmPeak:\t  90 kB\nVmHWM:\t   12844 kB\nVmRSS:\t 12000 kB\n"
IO = b"rchar: 9\nread_bytes: 4096\nwrite_bytes: 8192\ncancelled_write_bytes: 1\n"
LOG = b"/opt/logs/dag_id=d/run_id=manual__2026-11-22T07:26:21+00:00/task_id=g.t/attempt=2.log"
SUPERVISOR = b"airflow task supervisor: ['airflow', 'tasks', 'run', 'd', 't', 'r 1', '--local']"
SEEDS = [
    STAT, SMAPS, STATUS, IO, LOG, SUPERVISOR,
    b"airflow task runner: d t r 1 41",
    f"airflow worker -- {UUID}".encode(),
    b"AIRFLOW_CTX_DAG_ID=d\0AIRFLOW_CTX_TASK_ID=t\0",
]  # fmt: skip
PARSERS = [
    parsed_stat, parsed_resident, parsed_high_water, parsed_storage, titled, task_of_log,
    task_of_environ,
    lambda data: loaded(data.decode(errors="replace")),
]  # fmt: skip


MIDDLES = [b")", b"-1", b"9" * 5000, b"\xff", b"=", b"\n", b"[" * 5000, b""]


def malformed(chance):
    """Real content with something cut out, put in or repeated; or anything at all."""
    data = chance.choice(SEEDS)
    start, end = sorted(chance.randrange(len(data) + 1) for _ in range(2))
    middle = chance.choice([*MIDDLES, chance.randbytes(chance.randrange(40))])
    return chance.choice([data[:start] + middle + data[end:], middle, data[:end] * 3])


def assert_harmless(data):
    for parser in PARSERS:
        parser(data)
    if (stat := parsed_stat(data)) is not None:
        assert all(0 <= number < 2**65 for number in stat[1:])
    for task in (task_of_log(data), task_of_environ(data)):
        assert task is None or (task.dag_id and task.task_id)
        json.dumps(task and astuple(task)).encode()  # no lone surrogates


def test_ten_thousand_malformed_contents_are_harmless():
    chance = Random(7)
    for _ in range(10_000):
        assert_harmless(malformed(chance))


@example(b"(" + b"9" * 5000)
@given(st.binary(max_size=300))
def test_any_bytes_are_harmless(data):
    assert_harmless(data)


@pytest.mark.parametrize("name", [b"airflow worker", b") S 1 (", b"((", b" ) ) ", b"", b"\xff\n"])
def test_the_name_in_stat_may_hold_anything(name):
    assert parsed_stat(STAT.replace(b"airflow worker", name)) == PARSED


@pytest.mark.parametrize("data", [b"", b"1 (x) S 1", STAT[:100], STAT.replace(b"250", b"-25")])
def test_a_stat_that_the_kernel_did_not_write_is_none(data):
    assert parsed_stat(data) is None


def test_the_other_files_tell_bytes():
    assert parsed_resident(SMAPS) == Resident(1700 * 1024, 241 * 1024)
    assert parsed_high_water(STATUS) == 12844 * 1024
    assert parsed_storage(IO) == Storage(4096, 8192)


def test_a_number_that_was_cut_is_none():
    assert parsed_resident(SMAPS[:-5]) is None
    assert parsed_high_water(STATUS[:40]) is None
    assert parsed_storage(IO[: IO.index(b"192")]) is None


def test_a_name_that_holds_a_line_of_status_is_no_line():
    assert parsed_high_water(b"Name:\tVmHWM: 5 kB\n") is None


@pytest.mark.parametrize(
    ("cmdline", "expected"),
    [
        (f"airflow worker -- {UUID}", Title(True, UUID, UUID, None)),
        (f"airflow worker -- {UUID}\0\0  ", Title(True, UUID, UUID, None)),
        (f"airflow worker -- LocalExecutor: {UUID}", Title(False, UUID, UUID, None)),
        (f"airflow supervisor: {UUID}", Title(False, UUID, UUID, None)),
        ("airflow worker -- LocalExecutor: <idle>", None),
        ("airflow worker -- LocalExecutor: ['airflow', 'tasks', 'run', 'd', 't', 'r']", None),
        (f"airflow worker -- {UUID}x", None),
        (f"vi airflow worker -- {UUID}", None),
        ("airflow\0scheduler\0", None),
        ("", None),
        ("airflow task runner: d g.t r 1 41", Title(True, "d g.t", "41", Task("d", "g.t", "r 1"))),
        ("airflow task runner: d t run", Title(True, "d t", None, Task("d", "t"))),
        ("airflow task runner: d t 41", Title(True, "d t", None, Task("d", "t"))),
        ("airflow task runner: d tas", None),
        ("airflow task runner:  t r 4", None),
        (SUPERVISOR.decode(), Title(False, "d t", None, Task("d", "t", "r 1", -1))),
        (
            SUPERVISOR.decode()[:-1] + ", '--map-index', '3']",
            Title(False, "d t", None, Task("d", "t", "r 1", 3)),
        ),
        ("airflow task supervisor: ['airflow', 'tasks', 'run', 'd', 't", None),
        ("airflow task supervisor: ['airflow', 'tasks', 'test', 'd', 't', 'r']", None),
    ],
)
def test_a_title_says_who_works_on_what(cmdline, expected):
    assert titled(cmdline.encode()) == expected


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        (LOG, Task("d", "g.t", "manual__2026-11-22T07:26:21+00:00", -1, 2)),
        (LOG + b" (deleted)", Task("d", "g.t", "manual__2026-11-22T07:26:21+00:00", -1, 2)),
        (b"/l/dag_id=a=b/run_id=r/task_id=t t/map_index=7/attempt=1.log",
         Task("a=b", "t t", "r", 7, 1)),
        (b"/l/dag_id=\xff/run_id=r/task_id=t/attempt=1.log", Task("\ufffd", "t", "r", -1, 1)),
        (b"/l/dag_id=d/run_id=r/task_id=t/attempt=1.log.trigger.7.log", None),
        (b"/l/dag_id=/run_id=r/task_id=t/attempt=1.log", None),
        (b"socket:[123]", None),
        (b"/l/" * MAX_PATH_BYTES + LOG, None),
    ],
)  # fmt: skip
def test_a_log_file_names_its_try(path, expected):
    assert task_of_log(path) == expected


def test_another_template_needs_only_dag_and_task():
    template = re.compile(r"/(?P<dag_id>[^/]+)/(?P<task_id>[^/]+)/[^/]+/(?P<try_number>\d+)\.log$")
    assert task_of_log(b"/logs/d/t/2026/3.log", template) == Task("d", "t", None, None, 3)
    assert task_of_log(LOG, re.compile("(?P<dag_id>d)ag")) is None


def test_of_several_logs_the_highest_descriptor_counts():
    paths = [b"pipe:[1]", LOG, LOG.replace(b"=d/", b"=old/")]
    assert task_of_logs(paths).dag_id == "d"


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        (b"A=1\0AIRFLOW_CTX_TASK_ID=t\0B=\0AIRFLOW_CTX_DAG_ID=d=1\0", Task("d=1", "t")),
        (b"AIRFLOW_CTX_DAG_ID=d\0AIRFLOW_CTX_TASK_ID=\0", None),
        (b"XAIRFLOW_CTX_DAG_ID=d\0AIRFLOW_CTX_TASK_ID=t\0", None),
    ],
)
def test_an_environment_names_a_task_by_two_keys(environ, expected):
    assert task_of_environ(environ) == expected


def test_what_is_remembered_comes_back():
    last = {ProcessId(5, 77): Used(1, 2, 3), ProcessId(6, 78): Used(5, 0, 0)}
    remembered = Remembered(last, {}, last, Use(1.5, 2, 3), Use(0.5, 1, 1), 99)
    assert loaded(dumped(remembered)) == remembered
    assert loaded("") is None
    assert loaded("[[], [], [], [1, 2], [1, 2, 3], 5]") is None
