"""Containers without cgroup files: missed in a sentence, or told by the engine where allowed."""

from __future__ import annotations

from types import SimpleNamespace

from exporter import catalogue
from exporter.collectors.containers.engine_messages import EngineContainer
from exporter.collectors.containers.identity import Naming
from exporter.collectors.containers.last_resort import MISSING_SECONDS, LastResort
from exporter.collectors.containers.stats_api import StatsReading
from exporter.filters import DagFilter
from exporter.identity.labels import LabelKeys
from exporter.identity.safe_names import SafeNames

ID = "ab" * 32
ENGINE = SimpleNamespace(containers={ID: EngineContainer(ID, "etl", "image:1", {})})
NAMING = Naming(LabelKeys(), SafeNames(set), DagFilter)


class Stats:
    def __init__(self):
        self.asked = []
        self.closed = False

    def read(self, ids):
        self.asked.append(set(ids))
        return {each: StatsReading(12.5, 3000, 1000) for each in ids}

    def close(self):
        self.closed = True


def test_a_container_out_of_sight_is_missed_after_a_while():
    last = LastResort(ENGINE, NAMING, None)
    last.update((), 0.0)
    last.update((), MISSING_SECONDS - 0.1)
    assert last.trouble is None
    last.update((), MISSING_SECONDS)
    assert "cgroups of 1 running containers are not in sight" in last.trouble
    assert not [*last.samples()]
    last.update({ID}, MISSING_SECONDS + 1)
    assert last.trouble is None


def test_where_it_is_allowed_the_engine_tells():
    stats = Stats()
    last = LastResort(ENGINE, NAMING, stats)
    last.update((), 0.0)
    last.update((), MISSING_SECONDS)
    last._ask()
    last.update((), MISSING_SECONDS + 1)
    values = {each.family: each.value for each in last.samples()}
    assert values[catalogue.CONTAINER_CPU] == 12.5
    assert values[catalogue.CONTAINER_USAGE] == 3000.0
    assert values[catalogue.CONTAINER_WORKING_SET] == 2000.0
    assert last.trouble is None
    assert stats.asked == [{ID}]
    last.update({ID}, MISSING_SECONDS + 2)
    assert not [*last.samples()]
    last.stop()
    assert stats.closed
