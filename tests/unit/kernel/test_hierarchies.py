"""Tests of where each controller is: decided one by one, by the mounts or by the tree."""

from __future__ import annotations

from pathlib import Path

import pytest

from exporter.kernel.hierarchies import (
    CONTROLLERS,
    Hierarchies,
    Hierarchy,
    Home,
    found_hierarchies,
    hierarchies_in,
    hierarchies_seen_by,
)
from exporter.kernel.membership import UNIFIED
from tests.unit.kernel.layouts import LAYOUTS, hierarchies


def versions(found: Hierarchies) -> dict[str, tuple[int, str]]:
    return {
        controller: (hierarchy.version, Path(hierarchy.directory).name)
        for controller, hierarchy in found.by_controller.items()
    }


def table(tmp_path: Path, *lines: str) -> str:
    (tmp_path / "proc" / "self").mkdir(parents=True)
    (tmp_path / "proc" / "self" / "mountinfo").write_text("".join(f"{line}\n" for line in lines))
    return str(tmp_path / "proc")


def v1(point: Path, controllers: str, root: str = "/") -> str:
    return f"33 31 0:30 {root} {point} rw - cgroup cgroup rw,{controllers}"


def v2(point: Path, root: str = "/") -> str:
    return f"31 24 0:27 {root} {point} rw - cgroup2 cgroup2 rw"


ALL_V2 = dict.fromkeys((*CONTROLLERS, UNIFIED), (2, "cgroup"))


@pytest.mark.parametrize(
    ("layout", "expected"),
    [
        ("docker-systemd", ALL_V2),
        ("docker-cgroupfs", {controller: (1, controller) for controller in CONTROLLERS}),
        (
            "kubernetes-cgroupfs",
            {
                "cpu": (1, "cpu,cpuacct"),
                "cpuacct": (1, "cpu,cpuacct"),
                "memory": (1, "memory"),
                "pids": (1, "pids"),
            },
        ),
        (
            "hybrid",
            {controller: (1, controller) for controller in CONTROLLERS} | {UNIFIED: (2, "unified")},
        ),
    ],
)
def test_a_tree_that_is_bound_elsewhere_tells_by_itself(layout, expected):
    assert versions(hierarchies(layout)) == expected


def test_an_empty_tree_has_no_hierarchies(tmp_path):
    assert found_hierarchies(str(tmp_path), str(tmp_path)).by_controller == {}
    assert found_hierarchies(str(tmp_path), str(tmp_path / "missing")).by_controller == {}


def test_mounts_are_preferred_to_names(tmp_path):
    root = tmp_path / "cgroup"
    (root / "pids").mkdir(parents=True)
    procfs = table(tmp_path, v1(root / "a", "cpu,cpuacct"), v1(root / "b", "memory"))
    assert versions(found_hierarchies(procfs, str(root))) == {
        "cpu": (1, "a"),
        "cpuacct": (1, "a"),
        "memory": (1, "b"),
    }


def test_mounts_elsewhere_do_not_count(tmp_path):
    root = tmp_path / "cgroup"
    (root / "memory").mkdir(parents=True)
    procfs = table(tmp_path, v1(tmp_path / "cgroup2" / "cpu", "cpu"))
    assert versions(found_hierarchies(procfs, str(root))) == {"memory": (1, "memory")}


def test_in_a_hybrid_each_controller_is_where_it_is_enabled(tmp_path):
    root = tmp_path / "cgroup"
    (root / "unified").mkdir(parents=True)
    (root / "unified" / "cgroup.controllers").write_text("memory hugetlb\n")
    procfs = table(tmp_path, v2(root / "unified"), v1(root / "cpu", "cpu"))
    assert versions(found_hierarchies(procfs, str(root))) == {
        "cpu": (1, "cpu"),
        "cpuacct": (2, "unified"),
        "memory": (2, "unified"),
        UNIFIED: (2, "unified"),
    }


def test_a_later_mount_hides_the_earlier_on_its_directory(tmp_path):
    procfs = table(tmp_path, v1(tmp_path / "m", "cpu"), v1(tmp_path / "m", "memory"))
    assert versions(found_hierarchies(procfs, str(tmp_path))) == {"memory": (1, "m")}


def test_the_mount_that_shows_all_is_preferred(tmp_path):
    procfs = table(tmp_path, v1(tmp_path / "part", "memory", "/x"), v1(tmp_path / "all", "memory"))
    assert versions(found_hierarchies(procfs, str(tmp_path))) == {"memory": (1, "all")}


def test_a_path_cannot_lead_out_of_its_hierarchy():
    found = Hierarchies({"memory": Hierarchy(2, "/sys/fs/cgroup")})
    assert found.at("/a/b") == {"memory": Home(2, "/sys/fs/cgroup/a/b")}
    assert found.at("/") == {"memory": Home(2, "/sys/fs/cgroup")}
    assert found.at("/a/../../etc") == {}
    assert found.at("a") == {}


@pytest.mark.parametrize(
    ("layout", "expected"),
    [("sidecar-v2", ALL_V2), ("sidecar-v1", {c: (1, c) for c in CONTROLLERS})],
)
def test_a_sibling_shows_its_own_cgroup_and_a_host_tree_is_refused(layout, expected):
    procfs = str(LAYOUTS / layout / "proc")
    assert versions(hierarchies_seen_by(procfs, 7)) == expected
    assert hierarchies_seen_by(procfs, 8) is None
    assert hierarchies_seen_by(procfs, 9) is None


@pytest.mark.parametrize("layout", ["sidecar-v2", "sidecar-v1"])
def test_what_a_container_is_shown_of_itself_is_not_whole(layout, tmp_path):
    procfs = LAYOUTS / layout / "proc"
    assert not hierarchies_seen_by(str(procfs), 7).are_whole
    assert hierarchies_in(str(procfs / "8" / "root" / "sys" / "fs" / "cgroup")).are_whole
    assert not found_hierarchies(str(tmp_path), str(tmp_path)).are_whole


def test_a_link_made_in_a_container_is_not_followed(tmp_path):
    (tmp_path / "7" / "root" / "sys").mkdir(parents=True)
    theirs = LAYOUTS / "sidecar-v2" / "proc" / "7" / "root" / "sys" / "fs"
    (tmp_path / "7" / "root" / "sys" / "fs").symlink_to(theirs)
    assert hierarchies_in(str(theirs / "cgroup")).by_controller
    assert hierarchies_seen_by(str(tmp_path), 7) is None
