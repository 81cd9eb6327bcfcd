"""Tests of what one tick reads of a cgroup: little, and what it says is so."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from exporter.kernel.cgroup import Cgroup, Fast
from exporter.kernel.kept import Descriptors, KeptFile
from tests.unit.kernel.kernel import everywhere
from tests.unit.kernel.layouts import cid, hierarchies

RECORDED = f"/docker/{cid('docker-a')}"
V2 = f"/system.slice/docker-{cid('systemd-a')}.scope"


def opened_path(descriptor: int) -> str:
    return str(Path(f"/proc/self/fd/{descriptor}").readlink())


@pytest.fixture
def files_read(monkeypatch) -> list[str]:
    """The names of the files that ticks read, in their order."""
    names: list[str] = []

    def read(descriptor: int, *rest: int) -> bytes:
        names.append(Path(opened_path(descriptor)).name)
        return os.pread(descriptor, *rest)

    monkeypatch.setattr("exporter.kernel.cgroup.pread", read)
    return names


def test_a_tick_reads_each_file_once_and_opens_nothing(writable, files_read, monkeypatch):
    directory, cgroup = writable
    names = ["cpu.stat", "memory.current", "memory.peak", "memory.events"]
    for name in names:
        (directory / name).write_text("1\n")
    cgroup.fast()
    monkeypatch.setattr(os, "open", None)
    (directory / "cpu.stat").write_text("2\n")
    cgroup.fast()
    assert files_read == names


def test_while_nothing_has_run_neither_peak_nor_kills_are_read(writable, files_read):
    directory, cgroup = writable
    (directory / "cpu.stat").write_text("usage_usec 1000000\n")
    (directory / "memory.current").write_text("5\n")
    (directory / "memory.peak").write_text("7\n")
    (directory / "memory.events").write_text("oom_kill 0\n")
    first = cgroup.fast()
    assert cgroup.fast() is first
    # The kernel may take memory back from who sleeps.
    (directory / "memory.current").write_text("4\n")
    assert cgroup.fast() == Fast(1.0, 4, 7, 0)
    assert files_read == ["cpu.stat", "memory.current"] * 2
    (directory / "cpu.stat").write_text("usage_usec 1000001\n")
    (directory / "memory.peak").write_text("8\n")
    (directory / "memory.events").write_text("oom_kill 1\n")
    assert cgroup.fast() == Fast(1.000001, 4, 8, 1)
    cgroup.close()


def test_after_the_details_all_is_read_once_though_nothing_has_run(writable):
    directory, cgroup = writable
    (directory / "cpu.stat").write_text("usage_usec 1000000\n")
    (directory / "memory.peak").write_text("7\n")
    assert cgroup.fast() == Fast(1.0, None, 7, None)
    (directory / "memory.peak").write_text("8\n")
    assert cgroup.fast() == Fast(1.0, None, 7, None)
    cgroup.slow()
    assert cgroup.fast() == Fast(1.0, None, 8, None)
    cgroup.close()


def test_without_a_figure_of_cpu_all_is_read_at_each_tick(writable):
    directory, cgroup = writable
    for peak in (7, 8, 9):
        (directory / "memory.peak").write_text(f"{peak}\n")
        assert cgroup.fast() == Fast(None, None, peak, None)
    cgroup.close()


def test_what_has_not_changed_is_the_same_object_and_what_has_is_seen(writable):
    directory, cgroup = writable

    def runs(microseconds: int) -> None:
        (directory / "cpu.stat").write_text(f"usage_usec {microseconds}\n")

    runs(1_000_000)
    (directory / "memory.current").write_text("5\n")
    (directory / "memory.events").write_text("oom 0\noom_kill 0\n")
    first = cgroup.fast()
    assert first == Fast(1.0, 5, None, 0)
    assert cgroup.fast() is first
    (directory / "memory.current").write_text("6\n")
    assert cgroup.fast() == Fast(1.0, 6, None, 0)
    runs(2_000_000)
    (directory / "memory.events").write_text("oom 1\noom_kill 1\n")
    assert cgroup.fast() == Fast(2.0, 6, None, 1)
    (directory / "memory.current").write_text("-6\n")
    assert cgroup.fast() == Fast(2.0, None, None, 1)
    runs(3_000_000)
    (directory / "memory.peak").write_text("7\n")
    assert cgroup.fast().memory_peak_bytes is None
    cgroup.slow()
    assert cgroup.fast() == Fast(3.0, None, 7, 1)
    cgroup.close()


def test_above_the_cap_of_descriptors_a_tick_reads_all_the_same(tmp_path):
    (tmp_path / "cpu.stat").write_text("usage_usec 1000000\n")
    (tmp_path / "memory.current").write_text("5\n")
    descriptors = Descriptors(1)
    cgroup = Cgroup(everywhere(2, tmp_path), descriptors)
    for used in (5, 6, 7):
        (tmp_path / "memory.current").write_text(f"{used}\n")
        assert cgroup.fast() == Fast(1.0, used, None, None)
        assert len(descriptors) == 1
    cgroup.close()


def test_the_first_reading_sees_no_more_of_a_file_than_the_next(writable):
    directory, cgroup = writable
    (directory / "memory.events").write_text("high 0\n" * 1000 + "oom_kill 1\n")
    (directory / "cpu.stat").write_text("usage_usec 1000000\n" + "other 0\n" * 1000)
    assert cgroup.fast() == cgroup.fast() == Fast(1.0, None, None, None)
    cgroup.close()


def test_a_descriptor_that_went_to_another_file_meanwhile_is_not_believed(
    tmp_path, descriptors, monkeypatch
):
    mine, other = tmp_path / "mine", tmp_path / "other"
    for directory, used in ((mine, 5), (other, 999)):
        directory.mkdir()
        (directory / "memory.current").write_text(f"{used}\n")
    cgroup = Cgroup(everywhere(2, mine), descriptors)
    cgroup.fast()
    reopened = []

    def read(descriptor, *rest):
        # As if the thread were interrupted between its choice of descriptor and the call.
        cgroup.close()
        reopened.append(os.open(other / "memory.current", os.O_RDONLY))
        assert reopened == [descriptor]
        return os.pread(descriptor, *rest)

    monkeypatch.setattr("exporter.kernel.cgroup.pread", read)
    assert cgroup.fast() is None
    os.close(reopened[0])


def test_a_look_reads_each_file_once(descriptors, monkeypatch):
    calls = []
    read = KeptFile.read
    monkeypatch.setattr(KeptFile, "read", lambda file: calls.append(file.path) or read(file))
    for layout, path in (("docker-systemd", V2), ("docker-cgroupfs", RECORDED)):
        cgroup = Cgroup(hierarchies(layout).at(path), descriptors)
        cgroup.slow()
        cgroup.close()
    assert len(calls) == len(set(calls))
