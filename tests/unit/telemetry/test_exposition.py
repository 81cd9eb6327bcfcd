"""The exposition: a form is rendered once it is asked for, and what did not change never again."""

from __future__ import annotations

import gzip
from concurrent.futures import Future

import pytest

from exporter.catalogue import Family, Kind
from exporter.samples import Batch, Sample
from exporter.telemetry.exposition import IDLE_SECONDS
from exporter.telemetry.ledger import Ledger
from exporter.telemetry.limits import Limits
from exporter.telemetry.process import ProcessTables
from exporter.telemetry.scrape import Scrape
from exporter.telemetry.store import Store
from tests.support.clock import HandClock
from tests.support.exposed import PACKED, PLAIN, body

COUNTER = Family("things_total", Kind.COUNTER, "Things.", ("dag_id",))
HISTOGRAM = Family("waits_seconds", Kind.HISTOGRAM, "Waits.", ("dag_id",), buckets=(1.0, 5.0))
DAGS = 100


class World:
    """A store with some children, and a clock turned by hand."""

    def __init__(self):
        self.time = HandClock()
        clock = self.time.clock
        self.store = Store((COUNTER, HISTOGRAM), Limits(0.0), Ledger(None, clock), clock)
        self.exposition = self.store.exposition
        self.scrape = Scrape(self.exposition, ProcessTables(clock))
        self.count(*range(DAGS))

    def count(self, *dags):
        samples = [
            Sample(family, (f"dag{n}",), 1.0) for family in (COUNTER, HISTOGRAM) for n in dags
        ]
        self.store.put("c", Batch(increments=samples))
        self.store.publish()


@pytest.fixture
def world():
    return World()


def test_nothing_is_rendered_before_it_is_asked_for(world):
    assert set(world.exposition._renderings) == set()
    body(world.store, PACKED)
    assert set(world.exposition._renderings) == {PACKED}


def test_who_asks_for_a_new_form_gets_it_with_the_next_publication(world):
    first, second = (world.exposition.body(PLAIN) for _ in range(2))
    assert isinstance(first, Future)
    assert not first.done()
    world.exposition.wait(60)  # The supervisor is called at once.
    world.store.publish()
    assert first.result(timeout=0) is second.result(timeout=0) is world.exposition.body(PLAIN)


def test_a_form_is_there_as_soon_as_it_is_rendered(world):
    plain, packed = world.exposition.body(PLAIN), world.exposition.body(PACKED)
    seen = []
    plain.add_done_callback(lambda _: seen.append((packed.done(), set(world.exposition.forms()))))
    world.store.publish()
    assert seen == [(False, {PLAIN})]
    assert set(world.exposition.forms()) == {PLAIN, PACKED}


def test_a_form_that_nobody_asks_for_any_more_is_forgotten(world):
    for form in (PLAIN, PACKED):
        body(world.store, form)
    world.time.pass_seconds(IDLE_SECONDS)
    world.exposition.body(PACKED)
    world.time.pass_seconds(1.0)
    world.store.publish()
    assert set(world.exposition._renderings) == {PACKED}
    assert isinstance(world.exposition.body(PLAIN), Future)
    assert set(world.exposition.forms()) == {PACKED}


def test_members_of_changed_and_unchanged_blocks_unpack_to_the_text(world):
    body(world.store, PACKED)
    before = body(world.store, PACKED).blocks
    world.count(0)
    packed = body(world.store, PACKED).blocks
    assert gzip.decompress(b"".join(packed)) == b"".join(body(world.store, PLAIN).blocks)
    same = sum(a is b for a, b in zip(before, packed, strict=True))
    assert same == len(packed) - 2, "one block of each family has changed"


@pytest.mark.parametrize("form", [PLAIN, PACKED])
def test_a_publication_hands_on_what_did_not_change_in_rows(world, form):
    world.count(*range(4_000))
    before = body(world.store, form).families
    world.count(0)
    after = body(world.store, form).families
    for old, new in zip(before, after, strict=True):
        differing = [a is not b for a, b in zip(old.rows, new.rows, strict=True)]
        assert len(new.rows) == 1 + 8, "a header, and 500 blocks in rows of 64"
        assert differing[1:] == [True] + [False] * 7


def test_a_published_body_never_changes(world):
    before = body(world.store)
    text = b"".join(before.blocks)
    world.count(*range(DAGS))
    assert b"".join(before.blocks) == text != b"".join(body(world.store).blocks)


@pytest.mark.parametrize("packed", [False, True])
def test_a_scrape_has_the_series_of_the_process(world, packed):
    form = PACKED if packed else PLAIN
    body(world.store, form)
    whole = b"".join(world.scrape(form))
    text = gzip.decompress(whole) if packed else whole
    assert b'things_total{dag_id="dag1"} 1\n' in text
    assert b"\n# TYPE process_cpu_seconds_total counter\nprocess_cpu_seconds_total " in text
    assert b'\npython_gc_collections_total{generation="2"} ' in text


@pytest.mark.parametrize(
    ("names", "families"),
    [
        (["things_total"], {b"things_total"}),
        (["things"], {b"things_total"}),
        (["waits_seconds_bucket", "process_open_fds"], {b"waits_seconds", b"process_open_fds"}),
        (["waits_seconds_total", "nothing", ""], set()),
    ],
)  # fmt: skip
def test_a_scrape_may_ask_for_some_families_by_any_name_they_go_by(world, names, families):
    body(world.store)
    text = b"".join(world.scrape(PLAIN, names))
    typed = {line.split()[2] for line in text.splitlines() if line.startswith(b"# TYPE")}
    assert typed == families


def test_a_scrape_of_a_new_form_is_filtered_as_well(world):
    waiting = world.scrape(PLAIN, ["things"])
    assert isinstance(waiting, Future)
    world.store.publish()
    assert waiting.result(timeout=0) == world.scrape(PLAIN, ["things"])


def test_the_process_is_read_once_a_second_at_most(world):
    tables = ProcessTables(world.time.clock)
    first = tables()
    world.time.pass_seconds(0.5)
    assert tables() is first
    world.time.pass_seconds(0.5)
    assert tables() is not first
