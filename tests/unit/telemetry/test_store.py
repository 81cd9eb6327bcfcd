"""The store: whole batches, sets of gauges, holding, folding, expiry."""

from __future__ import annotations

import math
import re
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter import catalogue
from exporter.catalogue import Family, Kind
from exporter.errors import RejectedError
from exporter.samples import Batch, Checkpoint, Sample
from exporter.telemetry.labels import canonical
from exporter.telemetry.ledger import Ledger
from exporter.telemetry.limits import Limits
from exporter.telemetry.store import Store
from tests.support.clock import HandClock
from tests.support.exposed import PLAIN, body, text

COUNTER = Family("things_total", Kind.COUNTER, "Things.", ("dag_id", "state"))
HISTOGRAM = Family("waits_seconds", Kind.HISTOGRAM, "Waits.", ("dag_id",), buckets=(1.0, 5.0))
GAUGE = Family("level", Kind.GAUGE, "Level.", ("dag_id",))
FAMILIES = (COUNTER, HISTOGRAM, GAUGE)


class World:
    """A store in memory with a clock turned by hand."""

    def __init__(self, **limits):
        self.time = HandClock()
        self.limits = Limits(**{"hold_seconds": 0.0, **limits})
        clock = self.time.clock
        self.store = Store(FAMILIES, self.limits, Ledger(None, clock), clock)
        self.store.exposition.body(PLAIN)

    def put(self, *increments, gauges=None, announced=(), known_dags=None):
        sets = {} if gauges is None else {"levels": gauges}
        batch = Batch(sets, increments, announced, known_dags=known_dags)
        self.store.put("c", batch)
        self.store.publish()

    def count(self, *labels):
        return self.store.children(COUNTER)[labels][0]

    def text(self):
        return text(self.store)


def one(*labels, value=1.0):
    return Sample(COUNTER, labels, value)


def test_increments_add_up():
    world = World()
    world.put(one("a", "success"), one("a", "success", value=2.5))
    assert world.count("a", "success") == 3.5


def test_an_observation_falls_into_the_bucket_whose_bound_it_equals():
    world = World()
    world.put(*[Sample(HISTOGRAM, ("a",), value) for value in (0.5, 1.0, 1.5, 5.0, 99.0)])
    assert world.store.children(HISTOGRAM) == {("a",): (107.0, (2, 2, 1))}


def test_a_batch_with_one_bad_sample_is_not_applied_at_all():
    world = World()
    bad = Sample(COUNTER, ("a",), 1.0)
    with pytest.raises(RejectedError, match="has 2 labels, not 1"):
        world.put(one("a", "success"), bad, gauges=[Sample(GAUGE, ("a",), 1.0)])
    assert world.store.children(COUNTER) == {}
    assert world.store.children(GAUGE) == {}


@pytest.mark.parametrize("value", [-1.0, math.nan, math.inf, -math.inf])
def test_a_counter_refuses_what_would_spoil_it(value):
    with pytest.raises(RejectedError):
        World().put(one("a", "success", value=value))


def test_a_gauge_cannot_be_incremented_nor_a_counter_set():
    with pytest.raises(RejectedError, match="takes no increments"):
        World().put(Sample(GAUGE, ("a",), 1.0))
    with pytest.raises(RejectedError, match="cannot be set"):
        World().put(gauges=[one("a", "success")])


def test_a_family_that_is_not_declared_is_refused():
    stranger = Family("stranger", Kind.GAUGE, "?")
    with pytest.raises(RejectedError, match="not in the catalogue"):
        World().put(gauges=[Sample(stranger, (), 1.0)])


def test_a_set_of_gauges_replaces_its_predecessor():
    world = World()
    world.put(gauges=[Sample(GAUGE, ("a",), 1.0), Sample(GAUGE, ("b",), 2.0)])
    world.put(gauges=[Sample(GAUGE, ("b",), 3.0)])
    assert world.store.children(GAUGE) == {("b",): (3.0, ())}
    assert 'level{dag_id="a"}' not in world.text()


# A pool of samples, so that the same objects come again, in the same place or in another.
LEVELS = [Sample(GAUGE, (name,), float(n)) for name in ("a", "b", "", "é" * 200) for n in (1, 2)]
SETS = st.lists(st.sampled_from(LEVELS), max_size=4, unique_by=lambda sample: sample.labels)


@given(st.lists(st.tuples(st.sampled_from(["one", "two"]), SETS), max_size=12))
def test_a_set_holds_what_it_was_last_made_of_whatever_came_before(changes):
    world = World()
    held: dict[tuple[str | None, ...], tuple[str, float]] = {}
    for name, samples in changes:
        world.store.put("c", Batch({name: samples}))
        now = {canonical(each.labels): (name, each.value) for each in samples}
        held = {labels: at for labels, at in held.items() if at[0] != name} | now
        told = {labels: total for labels, (total, _) in world.store.children(GAUGE).items()}
        assert told == {labels: value for labels, (_, value) in held.items()}


def test_a_dropped_set_is_there_again_with_the_same_samples():
    world = World()
    levels = [Sample(GAUGE, ("a",), 1.0)]
    world.put(gauges=levels)
    world.store.drop_gauges("c")
    world.put(gauges=levels)
    assert 'level{dag_id="a"} 1\n' in world.text()


def test_a_sample_that_found_no_room_is_taken_when_there_is_some():
    world = World(max_per_family=1)
    levels = [Sample(GAUGE, (name,), 1.0) for name in ("a", "b")]
    world.put(gauges=levels)
    world.put(gauges=levels)
    assert world.store.sizes()["level"] == (1, 2)
    world.put(gauges=[])
    world.put(gauges=levels[1:])
    assert world.store.children(GAUGE) == {("b",): (1.0, ())}


def test_a_set_that_a_batch_does_not_name_stays():
    world = World()
    world.put(gauges=[Sample(GAUGE, ("a",), 1.0)])
    world.put(one("a", "success"))
    assert world.store.children(GAUGE) == {("a",): (1.0, ())}


def test_dropping_one_set_leaves_another_collectors_gauges():
    world = World()
    world.store.put("c", Batch({"levels": [Sample(GAUGE, ("a",), 1.0)]}))
    world.store.put("d", Batch({"levels": [Sample(GAUGE, ("b",), 2.0)]}))
    world.store.drop_gauges("c")
    assert list(world.store.children(GAUGE)) == [("b",)]


def test_a_series_is_published_at_zero_before_it_counts():
    world = World(hold_seconds=60.0)
    world.put(one("a", "success"))
    assert 'things_total{dag_id="a",state="success"} 0' in world.text()
    world.time.pass_seconds(59.0)
    world.store.advance()
    assert world.count("a", "success") == 0
    world.time.pass_seconds(1.0)
    world.store.advance()
    assert world.count("a", "success") == 1


def test_a_series_announced_early_counts_at_once_when_its_hold_is_over():
    world = World(hold_seconds=60.0)
    world.put(announced=[(COUNTER, ("a", "success"))])
    world.time.pass_seconds(60.0)
    world.put(one("a", "success"))
    assert world.count("a", "success") == 1


def test_a_hold_counts_from_the_first_publication_not_from_the_first_observation():
    world = World(hold_seconds=60.0)
    world.store.put("c", Batch(increments=[one("a", "success")]))
    world.time.pass_seconds(60.0)
    world.store.advance()
    assert world.count("a", "success") == 0


def test_label_sets_above_the_cap_are_folded_and_counted():
    world = World(max_per_family=2)
    world.put(*[one(dag, "success") for dag in "abcd"])
    assert world.count("__other__", "success") == 2
    assert world.store.sizes()["things_total"] == (3, 2)


def test_folding_is_sticky_until_the_family_has_room_again():
    world = World(max_per_family=2, idle_expiry_seconds=100.0)
    world.put(*[one(dag, "success") for dag in "abc"])
    world.put(one("c", "success"))
    assert world.count("__other__", "success") == 2
    world.time.pass_seconds(101.0)
    world.store.advance()
    world.put(one("c", "success"))
    assert world.count("c", "success") == 1


def test_histograms_have_a_cap_of_their_own():
    world = World(max_histogram_children=1)
    world.put(Sample(HISTOGRAM, ("a",), 1.0), Sample(HISTOGRAM, ("b",), 1.0))
    assert set(world.store.children(HISTOGRAM)) == {("a",), ("__other__",)}


def test_gauges_above_the_cap_are_dropped_and_counted():
    world = World(max_per_family=2)
    world.put(gauges=[Sample(GAUGE, (dag,), 1.0) for dag in "abc"])
    assert set(world.store.children(GAUGE)) == {("a",), ("b",)}
    assert world.store.sizes()["level"] == (2, 1)


def test_what_is_above_a_cap_counts_at_each_sample_for_as_long_as_it_lasts():
    world = World(max_per_family=1)
    for times in range(1, 4):
        levels = [Sample(GAUGE, (dag,), 1.0) for dag in "abc"]
        world.put(one("a", "success"), one("b", "success"), gauges=levels)
        sizes = world.store.sizes()
        assert (sizes["level"][1], sizes["things_total"][1]) == (2 * times, times)


def test_an_idle_counter_expires_and_a_busy_one_stays():
    world = World(idle_expiry_seconds=100.0)
    world.put(one("idle", "success"), one("busy", "success"))
    world.time.pass_seconds(90.0)
    world.put(one("busy", "success"))
    world.time.pass_seconds(20.0)
    world.store.advance()
    assert set(world.store.children(COUNTER)) == {("busy", "success")}


def test_the_counters_of_a_dag_that_is_gone_expire_sooner():
    world = World()
    world.put(one("gone", "success"), one("kept", "success"), known_dags=frozenset({"kept"}))
    world.time.pass_seconds(3601.0)
    world.store.advance()
    assert set(world.store.children(COUNTER)) == {("kept", "success")}


def test_a_label_that_is_unknown_is_left_out():
    world = World()
    world.put(one("a", None), one("b", ""))
    assert 'things_total{dag_id="a"} 1' in world.text()
    assert 'things_total{dag_id="b"} 1' in world.text()


def test_a_disabled_family_takes_nothing_and_refuses_nothing():
    time = HandClock()
    clock = time.clock
    store = Store(FAMILIES, Limits(0.0), Ledger(None, clock), clock, disabled=["things_total"])
    announced = [(COUNTER, ("a", "success"))]
    store.put("c", Batch(increments=[one("a", "success")], announced=announced))
    assert store.children(COUNTER) == {}


def test_what_did_not_change_is_not_rendered_again():
    world = World()
    world.put(*[one(f"dag{number}", "success") for number in range(100)])
    before = body(world.store).blocks
    world.put(one("dag0", "success"))
    after = body(world.store).blocks
    same = [a is b for a, b in zip(before, after, strict=True)]
    # Of the family's header and its blocks of children, one block is not the same bytes.
    assert same.count(False) == 1 < same.count(True)


def test_a_checkpoint_is_kept_by_collector_until_the_next_one():
    world = World()
    world.store.put("c", Batch(checkpoint=Checkpoint({}, (), lambda: {("begun", "x"): "1"})))
    world.store.put("c", Batch())
    assert world.store.checkpoint("c") == {("begun", "x"): "1"}
    world.store.put("c", Batch(checkpoint=Checkpoint({}, (), lambda: {("begun", "x"): "2"})))
    assert world.store.checkpoint("c") == {("begun", "x"): "2"}
    assert world.store.checkpoint("d") == {}


def test_every_catalogued_family_has_a_help_that_ends_in_a_full_stop_and_safe_labels():
    for family in catalogue.FAMILIES:
        assert family.help.endswith("."), family.name
        assert not {"instance", "job", "type", "le"} & set(family.labels), family.name
        if family.kind in (Kind.COUNTER, Kind.MIRRORED):
            assert family.name.endswith("_total"), family.name


def test_a_family_can_be_exposed_under_another_name():
    clock = HandClock().clock
    renamed = {COUNTER.name: "other_total", HISTOGRAM.name: "others"}
    store = Store(FAMILIES, Limits(0.0), Ledger(None, clock), clock, renamed=renamed)
    store.put("c", Batch(increments=[one("a", "success"), Sample(HISTOGRAM, ("a",), 2.0)]))
    names = set(re.findall(r"^(?:# \w+ )?(\w+)", text(store), re.MULTILINE))
    assert names == {"other_total", "others", "others_bucket", "others_sum", "others_count"}
    assert store.sizes()["other_total"] == (1, 0)


def test_sizes_are_told_while_a_batch_is_being_written():
    world = World()
    locked, written = threading.Event(), threading.Event()

    def write():
        with world.store._lock:
            locked.set()
            assert written.wait(10)

    writer = threading.Thread(target=write)
    writer.start()
    try:
        assert locked.wait(10)
        with ThreadPoolExecutor(1) as pool:
            asked = pool.submit(world.store.sizes)
            try:
                assert COUNTER.name in asked.result(timeout=5)
            finally:
                written.set()
    finally:
        written.set()
        writer.join(10)
