"""Tests of /proc/PID/cgroup."""

from __future__ import annotations

import os

import pytest
from hypothesis import given, settings

from exporter.kernel.layout import identified
from exporter.kernel.membership import UNIFIED, membership, memberships
from tests.unit.kernel.hostile import SEEDS, contents
from tests.unit.kernel.layouts import LAYOUTS, PLACES


def test_controllers_that_are_mounted_together_share_a_path():
    data = b"5:cpu,cpuacct:/docker/x\n4:memory:/y\n1:name=systemd:/z\n0::/w\n"
    assert memberships(data) == {
        "cpu": "/docker/x",
        "cpuacct": "/docker/x",
        "memory": "/y",
        "name=systemd": "/z",
        UNIFIED: "/w",
    }


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"0::/a:b\n", {UNIFIED: "/a:b"}),
        (b"0::/gone (deleted)\n", {UNIFIED: "/gone"}),
        (b"0::/../docker-x.scope\n", {UNIFIED: "/../docker-x.scope"}),
        (b"0::/\xff\n", {UNIFIED: "/\udcff"}),
        (b"0::/first\n0::/second\n", {UNIFIED: "/first"}),
        (b"0::/cut", {}),
        (b"0:\n0\nx::/a\n-1::/a\n0::relative\n0::\n\n", {}),
        (b"0:memory:/a\n3::/a\n", {}),
        (b"0::/a\0b\n", {}),
        (b"", {}),
    ],
)
def test_lines_are_read_whole_or_not_at_all(data, expected):
    assert memberships(data) == expected


def test_our_own_membership_is_told():
    found = membership("/proc", os.getpid())
    assert found
    assert all(path.startswith("/") for path in found.values())


def test_a_process_that_is_gone_has_none(tmp_path):
    assert membership(str(tmp_path), 1) is None


@pytest.mark.parametrize("layout", sorted(PLACES))
def test_a_process_of_every_layout_leads_to_its_container(layout):
    pids = [
        int(entry.name) for entry in (LAYOUTS / layout / "proc").iterdir() if entry.name != "self"
    ]
    ids = set()
    for pid in pids:
        found = membership(str(LAYOUTS / layout / "proc"), pid)
        named = found.get("memory", found.get(UNIFIED))
        ids.add(identified(named).container_id)
    assert ids <= {place.container_id for place in PLACES[layout]}
    assert ids


@settings(max_examples=800)
@given(SEEDS)
def test_no_content_raises(seed):
    for data in contents(seed):
        for path in memberships(data).values():
            assert path.startswith("/")
            assert "\0" not in path
