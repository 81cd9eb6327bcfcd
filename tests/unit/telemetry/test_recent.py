"""The rings of the last hour."""

from __future__ import annotations

import sys
from math import isnan

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter import catalogue
from exporter.clock import Clock
from exporter.samples import Batch, Sample
from exporter.telemetry.ledger import Ledger
from exporter.telemetry.limits import Limits
from exporter.telemetry.recent import CURVES, EVERY_SECONDS, POINTS, Recent, Ring
from exporter.telemetry.store import Store
from tests.unit.running.tries import one, several

TASK = ("d", "t")


class World:
    """A store, a host, and what remembers of both."""

    def __init__(self, limits=None):
        self.now = 1000.0
        self.here = None
        clock = Clock(wall=lambda: self.now, monotonic=lambda: self.now)
        limits = limits or Limits(hold_seconds=0.0)
        self.store = Store(catalogue.FAMILIES, limits, Ledger(None, clock), clock)
        self.recent = Recent(self.store, lambda: self.here, clock)

    def put(self, *gauges, increments=()):
        self.store.put("test", Batch(gauges={"all": gauges}, increments=increments))
        self.store.publish()
        self.store.advance()

    def observe(self, after=0.0):
        self.now += after
        self.recent.observe()
        return {name: values[-1] for name, values in self.recent.curves().items()}


@pytest.fixture
def world():
    return World()


@given(st.lists(st.floats(allow_nan=False), max_size=3 * POINTS))
def test_a_ring_holds_the_last_values_and_no_more(values):
    ring = Ring()
    for each in values:
        ring.add(each)
    held = [*ring.values()]
    assert len(held) == POINTS
    known = [each for each in held if not isnan(each)]
    assert known == values[-POINTS:]
    assert held[POINTS - len(known) :] == known


def test_all_rings_take_less_than_twelve_kilobytes_for_ever(world):
    before = sum(map(len, world.recent.curves().values()))
    for _ in range(2 * POINTS):
        world.observe(EVERY_SECONDS)
    curves = world.recent.curves()
    assert sum(map(len, curves.values())) == before == POINTS * len(CURVES)
    assert sum(map(sys.getsizeof, curves.values())) < 12_000


def test_points_are_taken_in_their_time(world):
    world.put(Sample(catalogue.TASK_QUEUE_SIZE, ("default",), 3.0))
    assert world.observe()["queued"] == 3.0
    world.put(Sample(catalogue.TASK_QUEUE_SIZE, ("default",), 4.0))
    assert world.observe(EVERY_SECONDS - 1)["queued"] == 3.0
    assert world.observe(1)["queued"] == 4.0
    assert [each for each in world.recent.curves()["queued"] if not isnan(each)] == [3.0, 4.0]


def test_queues_are_summed_and_only_running_is_told_of_the_states(world):
    world.put(
        Sample(catalogue.TASK_QUEUE_SIZE, ("default",), 3.0),
        Sample(catalogue.TASK_QUEUE_SIZE, ("large",), 2.0),
        Sample(catalogue.TASK_INSTANCE_STATE, ("running",), 7.0),
        Sample(catalogue.TASK_INSTANCE_STATE, ("queued",), 5.0),
    )
    point = world.observe()
    assert (point["queued"], point["running"]) == (5.0, 7.0)


def test_what_counters_grow_by_is_told_a_minute(world):
    def grow(tries, rows):
        world.put(
            increments=[
                Sample(catalogue.TASK_FINISHED, (*TASK, "Op", "success"), tries),
                Sample(catalogue.ROWS_PROCESSED, ("p", "s", *TASK), rows),
            ]
        )

    grow(5.0, 100.0)
    first = world.observe()
    assert isnan(first["tries"])
    grow(2.0, 50.0)
    second = world.observe(2 * EVERY_SECONDS)
    assert second["tries"] == pytest.approx(2 * 60 / (2 * EVERY_SECONDS))
    assert second["rows"] == pytest.approx(50 * 60 / (2 * EVERY_SECONDS))
    assert world.observe(EVERY_SECONDS)["tries"] == 0.0


def test_a_host_without_a_database_tells_its_own_tries(world):
    world.here = several(one(cpu_percent=150.0), one(cpu_percent=50.0, memory_bytes=1))
    point = world.observe()
    assert (point["running"], point["cpu"], point["memory"]) == (2.0, 2.0, 2.0**30 + 1)
    world.here = None
    assert {
        name for name, value in world.observe(EVERY_SECONDS).items() if not isnan(value)
    } == set()


def test_a_task_has_the_rate_of_the_fastest_stage_that_it_writes_to(world):
    world.here = several(one(*TASK), one("other", "task"))
    world.put(
        *(Sample(catalogue.TASK_INFO, (*TASK, "p", stage), 1.0) for stage in ("bronze", "gold")),
        Sample(catalogue.PROCESSING_ROWS_PER_SECOND, ("p", "bronze"), 10.0),
        Sample(catalogue.PROCESSING_ROWS_PER_SECOND, ("p", "gold"), 20.0),
    )
    world.observe()
    assert world.recent.rows_per_second(*TASK) == 20.0
    assert world.recent.rows_per_second("other", "task") is None


def test_children_that_expire_take_nothing_below_zero(world):
    world = World(Limits(hold_seconds=0.0, idle_expiry_seconds=1.0))
    labels = (*TASK, "Op", "success")
    world.put(increments=[Sample(catalogue.TASK_FINISHED, labels, 5.0)])
    world.observe()
    world.now += 120.0
    world.store.advance()
    world.put(increments=[Sample(catalogue.TASK_FINISHED, labels, 1.0)])
    assert world.observe()["tries"] == 0.0
