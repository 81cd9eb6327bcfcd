"""Which containers are exposed, and that what did not change is not made again."""

from __future__ import annotations

import re
from types import MappingProxyType, SimpleNamespace

import pytest

from exporter import catalogue
from exporter.collectors.containers.engine_messages import EngineContainer
from exporter.collectors.containers.identity import Naming
from exporter.collectors.containers.member import Member
from exporter.collectors.containers.names import SETTLE_SECONDS, Names
from exporter.collectors.containers.shown import Shown
from exporter.collectors.containers.sources import Found
from exporter.filters import DagFilter
from exporter.identity.labels import LabelKeys
from exporter.identity.safe_names import SafeNames
from exporter.kernel.cgroup import Fast
from exporter.kernel.kept import Descriptors
from exporter.kernel.layout import Place


class World:
    """Containers that an engine tells of, as the collector would hold them."""

    def __init__(self):
        self.engine = SimpleNamespace(containers=MappingProxyType({}), trouble=None)
        naming = Naming(LabelKeys(), SafeNames(set), DagFilter)
        self.shown = Shown(Names(naming, engine=self.engine))
        self.living = []
        self.ended = []

    def member(self, digit, since=0.0, used=1):
        identifier = digit * 64
        place = Place(identifier, None, "docker", f"/docker/{identifier}", "/docker")
        member = Member(Found(place, {}), Descriptors(0), since)
        member.fast = Fast(1.0, used, 9, 0)
        self.living.append(member)
        return member

    def tell(self, member, name):
        identifier = member.place.container_id
        told = EngineContainer(identifier, name, "image", {})
        self.engine.containers = MappingProxyType({**self.engine.containers, identifier: told})

    def end(self, member, now):
        self.living.remove(member)
        self.ended.append(member)
        member.end(now)

    def update(self, now=1.0):
        return self.shown.update(self.living, self.ended, now)

    def used(self):
        """Return the memory in use by name, in the order of exposition."""
        samples = self.shown.usage()
        return {s.labels[2]: s.value for s in samples if s.family is catalogue.CONTAINER_USAGE}


@pytest.fixture
def world():
    return World()


def test_a_container_is_shown_from_its_name_on(world):
    member = world.member("a")
    world.update()
    assert world.used() == {}
    world.tell(member, "etl")
    assert world.update()
    assert world.used() == {"etl": 1.0}
    assert not world.update()


def test_who_waits_for_a_name_is_looked_at_again_though_nobody_told_anything(world):
    world.member("a", since=0.0)
    world.update(SETTLE_SECONDS - 0.1)
    assert world.used() == {}
    assert world.update(SETTLE_SECONDS)
    assert world.used() == {"a" * 12: 1.0}


def test_a_rename_is_a_change(world):
    member = world.member("a")
    world.tell(member, "before")
    world.update()
    world.tell(member, "after")
    assert world.update()
    assert world.used() == {"after": 1.0}


def test_other_wanted_dags_are_news():
    dags = [DagFilter()]
    names = Names(Naming(LabelKeys(), SafeNames(set), lambda: dags[-1]))
    assert names.news()
    assert not names.news()
    dags.append(DagFilter())
    assert not names.news()
    dags.append(DagFilter(include=re.compile("x")))
    assert names.news()


def test_of_several_with_the_same_name_the_newest_that_lives_is_shown(world):
    old, new = world.member("a", since=1.0, used=1), world.member("b", since=2.0, used=2)
    for member in (old, new):
        world.tell(member, "etl")
    world.update()
    assert world.used() == {"etl": 2.0}
    world.end(new, 3.0)
    assert world.update()
    assert world.used() == {"etl": 1.0}
    world.end(old, 4.0)
    assert world.update()
    assert world.used() == {"etl": 1.0}
    world.ended.remove(old)
    assert world.update()
    assert world.used() == {"etl": 2.0}


def test_who_ends_keeps_the_place_in_the_order_and_loses_the_info_series(world):
    members = [world.member(digit, since=float(n)) for n, digit in enumerate("abc")]
    for member in members:
        world.tell(member, member.place.container_id[0])
    world.update()
    world.end(members[1], 5.0)
    assert world.update()
    assert list(world.used()) == ["a", "b", "c"]
    told = [s.labels[2] for s in world.shown.details() if s.family is catalogue.TASK_CONTAINER_INFO]
    assert told == ["a", "c"]


def test_only_the_samples_whose_value_changed_are_made_again(world):
    member = world.member("a", used=1)
    world.tell(member, "etl")
    world.update()
    first = world.shown.usage()
    assert all(new is old for new, old in zip(world.shown.usage(), first, strict=True))
    member.fast = Fast(1.0, 2, 9, 0)
    second = world.shown.usage()
    assert [new is old for new, old in zip(second, first, strict=True)] == [True, False, True, True]
    member.fast = Fast(None, 2, 9, 0)
    assert second[1:] == world.shown.usage()


def test_a_new_name_makes_all_samples_anew(world):
    member = world.member("a")
    world.tell(member, "before")
    world.update()
    world.shown.usage()
    world.tell(member, "after")
    world.update()
    assert {sample.labels[2] for sample in world.shown.usage()} == {"after"}


def test_what_was_used_stays_when_the_cgroup_is_half_removed(world):
    member = world.member("a")
    readings = [Fast(5.0, 2, 9, 0), Fast(None, 1, 9, 0), None]
    member.cgroup = SimpleNamespace(fast=lambda: readings.pop(0))
    assert [member.read() for _ in range(3)] == [True, True, False]
    assert member.cpu_seconds == 5.0
