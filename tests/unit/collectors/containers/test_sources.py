"""Which containers are found in recorded trees, which cgroup is read, and that bounds are told."""

from __future__ import annotations

import pytest
from structlog.testing import capture_logs

from exporter.collectors.containers import sources
from exporter.collectors.containers.sources import WALK_SECONDS, HostTree, Siblings
from exporter.kernel import tree
from exporter.kernel.cgroup import Cgroup
from exporter.kernel.hierarchies import Hierarchies, Hierarchy
from exporter.kernel.kept import Descriptors
from tests.unit.kernel.layouts import LAYOUTS, PLACES, cid, hierarchies


@pytest.mark.parametrize(
    ("module", "bound"), [(tree, "MOST_DIRECTORIES"), (sources, "MAX_CONTAINERS")]
)
def test_that_not_all_are_measured_is_told_once(tmp_path, monkeypatch, module, bound):
    monkeypatch.setattr(module, bound, 3)
    host = HostTree(Hierarchies({"memory": Hierarchy(1, str(tmp_path))}))
    with capture_logs() as logs:
        for moment, digits in enumerate(("ab", "cd", "e")):
            for digit in digits:
                (tmp_path / "docker" / (digit * 64)).mkdir(parents=True)
            host.found(moment * WALK_SECONDS)
            assert [log["event"] for log in logs] == ["containers.bounded"] * (moment > 0)


@pytest.mark.parametrize("layout", sorted(PLACES))
def test_every_layout_is_found(layout):
    found = HostTree(hierarchies(layout)).found(0.0)
    assert found.keys() == {place.container_id for place in PLACES[layout]}


def test_crun_is_read_where_it_sets_limits_and_the_kernel_counts_throttling():
    (found,) = HostTree(hierarchies("podman-systemd")).found(0.0).values()
    cgroup = Cgroup(found.homes, Descriptors(100))
    fast, slow = cgroup.fast(), cgroup.slow()
    assert slow.memory_limit_bytes == fast.memory_peak_bytes == 48 * 2**20
    assert fast.oom_kills == 1
    assert (slow.cpu_quota_us, slow.cfs_periods, slow.cfs_throttled_periods) == (50_000, 51, 43)
    assert slow.cfs_throttled_seconds == 1.258478
    assert slow.processes == 1
    cgroup.close()


def test_a_container_found_by_its_id_is_read_in_the_same_place():
    tree = HostTree(hierarchies("podman-systemd"))
    assert tree.find(cid("podman-a")) == tree.found(0.0)[cid("podman-a")]


def test_beside_us_is_found_what_may_be_looked_into():
    siblings = Siblings(str(LAYOUTS / "sidecar-v2" / "proc"))
    assert siblings.found().keys() == {cid("systemd-a")}
    assert siblings.trouble is None
