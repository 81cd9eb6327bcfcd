"""Tests of one cgroup: definitions and units of both versions, on fixtures and the real kernel."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from threading import Thread

from hypothesis import given, settings
from hypothesis import strategies as st

from exporter.kernel.cgroup import Cgroup, Fast
from exporter.kernel.cgroup_files import CgroupFiles
from exporter.kernel.figures import BY_VERSION
from exporter.kernel.hierarchies import found_hierarchies, hierarchies_seen_by
from exporter.kernel.kept import Descriptors
from exporter.kernel.slow import Pressure, Slow
from tests.support.require import require
from tests.unit.kernel.hostile import SEEDS, contents
from tests.unit.kernel.kernel import everywhere, real_cgroup, remove
from tests.unit.kernel.layouts import LAYOUTS, PLACES, cid, hierarchies

RECORDED = f"/docker/{cid('docker-a')}"
V2 = f"/system.slice/docker-{cid('systemd-a')}.scope"
FILES = sorted(
    {source.file for figures in BY_VERSION.values() for source in figures}
    | {"cpu.max", "cpu.cfs_quota_us", "cpu.cfs_period_us", "cgroup.procs"}
    | {"cpu.pressure", "memory.pressure", "io.pressure"}
)


def test_version_1_is_read_in_its_own_units(descriptors):
    cgroup = Cgroup(hierarchies("docker-cgroupfs").at(RECORDED), descriptors)
    assert cgroup.fast() == Fast(1.086149879, 28667904, 50331648, 1)
    assert cgroup.slow() == Slow(
        memory_working_set_bytes=28667904 - 6328320,
        memory_rss_bytes=21741568,
        memory_cache_bytes=6459392,
        memory_limit_bytes=48 * 2**20,
        cpu_quota_us=50_000,
        cpu_period_us=100_000,
        cfs_periods=22,
        cfs_throttled_periods=21,
        cfs_throttled_seconds=0.940371409,
        pressure={},
        processes=1,
    )
    cgroup.close()


def test_version_2_is_read_in_its_own_units(descriptors):
    cgroup = Cgroup(hierarchies("docker-systemd").at(V2), descriptors)
    assert cgroup.fast() == Fast(7.371867, 33746944, 50331648, 1)
    assert cgroup.slow() == Slow(
        memory_working_set_bytes=33746944 - 6291456,
        memory_rss_bytes=16818176,
        memory_cache_bytes=6291456,
        memory_limit_bytes=48 * 2**20,
        cpu_quota_us=50_000,
        cpu_period_us=100_000,
        cfs_periods=140,
        cfs_throttled_periods=125,
        cfs_throttled_seconds=5.411449,
        pressure={
            "cpu": Pressure(4.433529, 4.312037),
            "memory": Pressure(0.685209, 0.685209),
            "io": Pressure(0.070389, 0.069846),
        },
        processes=1,
    )
    cgroup.close()


def test_in_version_2_the_whole_cache_is_more_than_its_inactive_part(descriptors):
    (place,) = PLACES["docker-parent-slice"]
    cgroup = Cgroup(hierarchies("docker-parent-slice").at(place.path), descriptors)
    slow = cgroup.slow()
    assert slow.memory_cache_bytes == 6344704
    assert slow.memory_working_set_bytes == 32776192 - 6291456
    assert slow.pressure["memory"].stalled_seconds == 0.001799
    cgroup.close()


def test_without_limits_there_are_none(descriptors):
    for layout, path in (
        ("docker-cgroupfs", f"/docker/{cid('docker-b')}"),
        ("podman-rootless", next(iter(PLACES["podman-rootless"])).path),
    ):
        cgroup = Cgroup(hierarchies(layout).at(path), descriptors)
        slow = cgroup.slow()
        assert (slow.memory_limit_bytes, slow.cpu_quota_us) == (None, None)
        assert slow.cpu_period_us == 100_000
        cgroup.close()


def test_version_1_counts_the_children_too(descriptors):
    cgroup = Cgroup(hierarchies("docker-cgroupfs").at(f"/docker/{cid('docker-b')}"), descriptors)
    slow = cgroup.slow()
    assert (slow.memory_rss_bytes, slow.memory_cache_bytes) == (12_000_000, 6_000_000)
    assert slow.memory_working_set_bytes == 16_000_000
    cgroup.close()


def test_in_a_hybrid_pressure_comes_from_version_2(descriptors):
    cgroup = Cgroup(hierarchies("hybrid").at(RECORDED), descriptors)
    assert cgroup.fast() == Fast(1.086149879, 28667904, 50331648, 1)
    assert cgroup.slow().pressure["cpu"] == Pressure(0.548859, 0.548819)
    cgroup.close()


def test_controllers_mounted_together_are_read_from_one_directory(descriptors):
    uid = "0f3b5a52-9c1d-4f0e-8a77-3d2c5b9e1a10"
    path = f"/kubepods/burstable/pod{uid}/{cid('burstable-a')}"
    cgroup = Cgroup(hierarchies("kubernetes-cgroupfs").at(path), descriptors)
    assert cgroup.fast().cpu_seconds == 1.5
    assert cgroup.slow().cfs_throttled_seconds == 0.25
    cgroup.close()


def test_a_sibling_is_read_through_its_process(descriptors):
    for layout, cpu_seconds in (("sidecar-v2", 3.162811), ("sidecar-v1", 1.5)):
        found = hierarchies_seen_by(str(LAYOUTS / layout / "proc"), 7)
        cgroup = Cgroup(found.at("/"), descriptors, keep_all=True)
        assert cgroup.fast().cpu_seconds == cpu_seconds
        assert cgroup.slow().processes == 1
        cgroup.close()


def test_what_was_opened_survives_the_loss_of_the_path(tmp_path, descriptors):
    theirs = LAYOUTS / "sidecar-v2" / "proc" / "7" / "root" / "sys" / "fs" / "cgroup"
    link = tmp_path / "root"
    link.symlink_to(theirs)
    cgroup = Cgroup(everywhere(2, link), descriptors, keep_all=True)
    fast, before = cgroup.fast(), cgroup.slow()
    link.unlink()
    assert cgroup.fast() == fast
    after = cgroup.slow()
    assert after.pressure == before.pressure
    assert after.memory_working_set_bytes == 34615296
    cgroup.close()


def test_few_descriptors_are_kept_unless_all_are_asked_for(descriptors):
    homes = hierarchies("docker-systemd").at(V2)
    few, all_kept = Cgroup(homes, descriptors), Cgroup(homes, descriptors, keep_all=True)
    assert len(descriptors) == 0
    few.fast()
    assert len(descriptors) == 4
    few.slow()
    assert len(descriptors) == 5
    few.close()
    all_kept.slow()
    all_kept.fast()
    assert len(descriptors) == 10
    all_kept.close()
    assert len(descriptors) == 0


def test_a_closed_cgroup_is_gone_and_opens_nothing(descriptors):
    cgroup = Cgroup(hierarchies("docker-systemd").at(V2), descriptors)
    cgroup.close()
    cgroup.close()
    assert cgroup.fast() is None
    assert cgroup.slow() is None
    assert len(descriptors) == 0


def test_a_cgroup_that_never_was_is_gone(tmp_path, descriptors):
    for homes in ({}, everywhere(2, tmp_path / "missing"), everywhere(1, tmp_path / "missing")):
        cgroup = Cgroup(homes, descriptors)
        assert (cgroup.fast(), cgroup.slow(), cgroup.pids()) == (None, None, None)
        assert len(descriptors) == 0


def test_each_missing_file_is_none_on_its_own(writable):
    directory, cgroup = writable
    (directory / "memory.current").write_text("5\n")
    assert cgroup.fast() == Fast(None, 5, None, None)
    (directory / "cpu.stat").write_text("usage_usec 2500000\n")
    assert cgroup.fast() == Fast(None, 5, None, None)
    cgroup.slow()
    assert cgroup.fast() == Fast(2.5, 5, None, None)
    cgroup.close()


def test_a_working_set_is_never_below_zero(writable):
    directory, cgroup = writable
    (directory / "memory.current").write_text("5\n")
    (directory / "memory.stat").write_text("anon 1\ninactive_file 6\n")
    assert cgroup.slow().memory_working_set_bytes == 0
    cgroup.close()


def test_half_of_a_working_set_is_none(writable):
    directory, cgroup = writable
    (directory / "memory.current").write_text("5\n")
    assert cgroup.slow().memory_working_set_bytes is None
    cgroup.close()


def test_processes_of_children_count(writable):
    directory, cgroup = writable
    (directory / "cgroup.procs").write_text("")
    (directory / "container" / "deeper").mkdir(parents=True)
    (directory / "container" / "cgroup.procs").write_text("5\n7\n0\n")
    (directory / "container" / "deeper" / "cgroup.procs").write_text("6\n")
    (directory / "link").symlink_to("container")
    assert sorted(cgroup.pids()) == [5, 6, 7]
    assert cgroup.slow().processes == 3
    cgroup.close()


def test_processes_are_bounded(writable):
    directory, cgroup = writable
    (directory / "cgroup.procs").write_text("123456\n" * 50_000)
    assert len(cgroup.pids()) <= 10_000
    for number in range(100):
        (directory / str(number)).mkdir()
        (directory / str(number) / "cgroup.procs").write_text("1\n")
    (directory / "cgroup.procs").write_text("1\n")
    assert len(cgroup.pids()) == 64


def test_threads_share_a_cgroup_that_one_of_them_closes(descriptors):
    homes = hierarchies("docker-systemd").at(V2)
    expected = Fast(7.371867, 33746944, 50331648, 1)
    wrong: list[object] = []
    for _ in range(50):
        cgroup = Cgroup(homes, descriptors)

        def read(cgroup: Cgroup = cgroup) -> None:
            while (found := cgroup.fast()) is not None:
                if found != expected:
                    wrong.append(found)

        threads = [Thread(target=read) for _ in range(3)]
        for thread in threads:
            thread.start()
        cgroup.fast()
        cgroup.close()
        for thread in threads:
            thread.join()
    assert wrong == []
    assert len(descriptors) == 0


def test_a_real_cgroup_counts_the_work_done_in_it_until_it_is_removed(descriptors):
    program = (
        "import sys,time; x=b'x'*30_000_000\nwhile time.process_time()<.3: pass\nsys.stdin.read()"
    )
    with real_cgroup() as (path, directories):
        homes = found_hierarchies().at(path)
        cgroup = Cgroup(homes, descriptors)
        before = cgroup.fast()
        child = subprocess.Popen(
            [sys.executable, "-c", "import sys; sys.stdin.readline(); " + program],
            stdin=subprocess.PIPE,
        )
        for directory in directories:
            (directory / "cgroup.procs").write_text(str(child.pid))
        assert cgroup.pids() == [child.pid]
        child.communicate(b"go\n")
        after, slow = cgroup.fast(), cgroup.slow()
        assert 0.2 < after.cpu_seconds - before.cpu_seconds < 5
        assert slow.processes == 0
        # Where version 2 hands no memory controller down there is nothing to compare.
        if after.memory_usage_bytes is not None:
            assert after.memory_peak_bytes > 30_000_000
            assert after.oom_kills == 0
        remove(directories)
        assert cgroup.fast() is None
        assert cgroup.slow() is None
        assert cgroup.pids() is None
        cgroup.close()
        assert len(descriptors) == 0


def test_the_peak_of_a_real_cgroup_is_the_kernels_after_each_step(descriptors):
    program = (
        "import sys\nheld = []\nfor line in sys.stdin:\n"
        "    held.append(bytearray(int(line)))\n    print(flush=True)\n"
    )
    with real_cgroup() as (path, directories):
        cgroup = Cgroup(found_hierarchies().at(path), descriptors)
        require(cgroup.fast().memory_usage_bytes is not None, "no memory controller here")
        child = subprocess.Popen(
            [sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        for directory in directories:
            (directory / "cgroup.procs").write_text(str(child.pid))
        told = CgroupFiles(found_hierarchies().at(path), descriptors, keep_all=False).look
        for size in (1, 5_000_000, 100, 20_000_000):
            child.stdin.write(b"%d\n" % size)
            child.stdin.flush()
            child.stdout.readline()
            # A page may be charged between two readings, not a step.
            assert abs(cgroup.fast().memory_peak_bytes - told().value("peak")) < 500_000
            assert cgroup.fast().memory_peak_bytes > size
        child.communicate()
        cgroup.close()


@settings(max_examples=500)
@given(st.lists(SEEDS, min_size=1, max_size=3), st.sampled_from([1, 2]))
def test_no_tree_raises_whatever_its_files_hold(tmp_path_factory, seeds, version):
    directory = tmp_path_factory.mktemp("hostile")
    bodies = [body for seed in seeds for body in contents(seed)]
    for number, name in enumerate(FILES):
        (directory / name).write_bytes(bodies[number % len(bodies)])
    descriptors = Descriptors(3)
    cgroup = Cgroup(everywhere(version, directory), descriptors)
    for _ in range(2):
        for found in (cgroup.fast(), cgroup.slow()):
            assert found is None or isinstance(found, Fast | Slow)
        assert isinstance(cgroup.pids(), list)
    cgroup.close()
    assert len(descriptors) == 0


def test_no_tree_raises_whatever_its_files_are(tmp_path, descriptors):
    kinds = [
        Path.mkdir,
        os.mkfifo,
        lambda path: path.symlink_to("loop"),
        lambda path: path.symlink_to("/etc/passwd"),
        lambda path: path.write_bytes(b"9" * 100_000),
    ]
    for shift in range(len(kinds)):
        directory = tmp_path / str(shift)
        directory.mkdir()
        for number, name in enumerate(FILES):
            kinds[(number + shift) % len(kinds)](directory / name)
        for version in (1, 2):
            cgroup = Cgroup(everywhere(version, directory), descriptors)
            cgroup.fast()
            cgroup.slow()
            cgroup.pids()
            cgroup.close()
    assert len(descriptors) == 0
