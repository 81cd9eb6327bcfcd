"""What holds containers, read though nothing is in it, and when its pods are gone."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from exporter.collectors.containers.holders import Holders
from exporter.kernel.hierarchies import Hierarchies, Hierarchy
from exporter.kernel.kept import Descriptors

UID = "0a1b2c3d-0000-4000-8000-0123456789ab"
POD = f"/kubepods/burstable/pod{UID}"


class Container:
    """A container that has used so much by the last reading."""

    def __init__(self, parent, seconds):
        self.place = SimpleNamespace(parent=parent)
        self.cpu_seconds = seconds


class Host:
    """A tree of cgroups whose counters a test writes."""

    def __init__(self, root):
        self.root = root
        hierarchy = Hierarchy(2, str(root))
        self.there = set()
        self.holders = Holders(Hierarchies({"cpuacct": hierarchy}).at, Descriptors(100))

    def used(self, path, seconds):
        (self.root / path[1:]).mkdir(parents=True, exist_ok=True)
        (self.root / path[1:] / "cpu.stat").write_text(f"usage_usec {round(seconds * 1e6)}\n")

    def told(self, *containers):
        """Return what is left by class, when these containers are there and no others."""
        for each in self.there - {*containers}:
            self.holders.end(each)
        for each in {*containers} - self.there:
            self.holders.begin(each)
        self.there = {*containers}
        self.holders.read()
        self.holders.update()
        return {each.labels[0]: each.value for each in self.holders.samples()}


@pytest.fixture
def host(tmp_path):
    return Host(tmp_path)


def test_what_came_and_went_while_nothing_was_seen_is_told(host):
    host.used("/docker", 100)
    assert host.told() == {"docker": 0.0}
    host.used("/docker", 103)
    assert host.told() == {"docker": 3.0}
    host.used("/docker", 105)
    assert host.told(Container("/docker", 1.5)) == {"docker": 3.5}


def test_what_was_not_there_at_first_has_nothing_before_our_time(host):
    assert host.told() == {}
    host.used("/docker", 3)
    assert host.told(Container("/docker", 1.0)) == {"docker": 2.0}


def test_what_a_pod_used_before_it_was_removed_is_told_by_what_holds_all_pods(host):
    host.used("/kubepods", 50)
    container = Container(POD, 10.0)
    assert host.told(container) == {"pod": 0.0}
    host.used("/kubepods", 53)
    container.cpu_seconds = 12.0
    assert host.told(container) == {"pod": 1.0}
    host.used("/kubepods", 54)
    assert host.told() == {"pod": 2.0}


def test_what_a_container_used_between_the_two_first_readings_is_not_left_over(host):
    container = Container("/docker", 9.0)
    host.used("/docker", 10)
    host.holders.begin(container)
    host.holders.read()
    # It goes on, and is read after what holds it.
    container.cpu_seconds = 9.5
    host.used("/docker", 10.5)
    host.holders.update()
    host.there = {container}
    assert host.told(container) == {"docker": 0.0}


def test_where_services_run_beside_containers_nothing_is_told(host):
    host.used("/system.slice", 50)
    assert host.told(Container("/system.slice", 1.0), Container(None, 1.0)) == {}
    assert host.told() == {}
