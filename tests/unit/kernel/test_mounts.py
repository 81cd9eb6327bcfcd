"""Tests of /proc/self/mountinfo."""

from __future__ import annotations

import pytest
from hypothesis import given, settings

from exporter.kernel.mounts import Mount, mounted, mounts
from tests.unit.kernel.hostile import SEEDS, contents

V2 = b"31 24 0:27 / /sys/fs/cgroup rw,nosuid shared:9 master:2 - cgroup2 cgroup2 rw,nsdelegate\n"
V1 = b"33 31 0:30 /docker/x /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct\n"


def test_both_versions_are_read_and_the_rest_left_out():
    other = b"25 1 8:1 / / rw,relatime - ext4 /dev/sda1 rw\n"
    assert mounts(other + V2 + V1) == [
        Mount("/sys/fs/cgroup", "/", 2, frozenset({"rw", "nsdelegate"})),
        Mount("/sys/fs/cgroup/cpu,cpuacct", "/docker/x", 1, frozenset({"rw", "cpu", "cpuacct"})),
    ]


def test_octal_escapes_are_undone():
    line = rb"1 2 0:3 /a\134b /mnt/my\040cgroups\011x\012 rw - cgroup2 none rw" + b"\n"
    assert [(mount.root, mount.point) for mount in mounts(line)] == [
        ("/a\\b", "/mnt/my cgroups\tx\n")
    ]


def test_an_escape_beyond_a_byte_does_not_raise():
    assert len(mounts(rb"1 2 0:3 / /a\777 rw - cgroup2 none rw" + b"\n")) == 1


def test_a_cut_line_is_left_out():
    assert mounts(V2 + V1[:-1]) == mounts(V2)


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b" - cgroup2 none rw\n",
        b"1 2 0:3 / - cgroup2 none rw\n",
        b"1 2 0:3 root point rw - cgroup2 none rw\n",
        rb"1 2 0:3 / /\000 rw - cgroup2 none rw" + b"\n",
        b"1 2 0:3 / /x rw cgroup2 none rw\n",
        b"1 2 0:3 / /x rw - cgroup3 none rw\n",
    ],
)
def test_a_malformed_line_is_left_out(line):
    assert mounts(line) == []


def test_a_missing_table_has_no_mounts(tmp_path):
    assert mounted(str(tmp_path)) == []


def test_a_huge_table_is_read(tmp_path):
    (tmp_path / "self").mkdir()
    other = b"25 1 8:1 / /var/lib/docker/overlay2/x/merged rw - overlay overlay rw\n"
    (tmp_path / "self" / "mountinfo").write_bytes(other * 20_000 + V2)
    assert [mount.point for mount in mounted(str(tmp_path))] == ["/sys/fs/cgroup"]


@settings(max_examples=800)
@given(SEEDS)
def test_no_content_raises(seed):
    for data in contents(seed):
        for mount in mounts(data + b"\n"):
            assert mount.point.startswith("/")
            assert mount.version in (1, 2)
