"""The text format: parsed by prometheus_client it means exactly what the store holds."""

from __future__ import annotations

import math

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families

from exporter.catalogue import Family, Kind
from exporter.samples import Batch, Sample
from exporter.telemetry.labels import MAX_BYTES, canonical
from exporter.telemetry.ledger import Ledger
from exporter.telemetry.limits import Limits
from exporter.telemetry.store import Store
from exporter.telemetry.text import number
from tests.support.clock import HandClock
from tests.support.exposed import text

COUNTER = Family("things_total", Kind.COUNTER, 'A "help" with \\ and\nnewline.', ("one", "two"))
HISTOGRAM = Family("waits_seconds", Kind.HISTOGRAM, "Waits.", ("one", "two"), buckets=(0.5, 1.0))
GAUGE = Family("level", Kind.GAUGE, "Level.", ("one", "two"))

HOSTILE = st.one_of(
    st.none(),
    st.sampled_from(["\n", '"', "\\", "a\\nb", "x" * 65536, "\U0001f600", "\0", "\ud800", "é\udfff",
                     '",le="1"} 5\n#', "\r\n", "\x85", "\u2028", "{}", "é" * 200]),
    st.text(max_size=40),
    st.text(st.characters(), min_size=0, max_size=20),
)  # fmt: skip
FINITE = st.floats(0, 1e300, allow_nan=False)


def exposed(samples, gauges):
    time = HandClock()
    store = Store((COUNTER, HISTOGRAM, GAUGE), Limits(0.0), Ledger(None, time.clock), time.clock)
    store.put("c", Batch({"levels": gauges}, samples))
    return store, text(store)


def parsed(text):
    """Return every line once: a series that stands twice fails here."""
    found = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            key = (sample.name, frozenset(sample.labels.items()))
            assert key not in found, f"twice: {key}"
            found[key] = sample.value
    return found


def held(store):
    found = {}
    for family in (COUNTER, HISTOGRAM, GAUGE):
        for labels, (total, counts) in store.children(family).items():
            pairs = [(n, v) for n, v in zip(family.labels, labels, strict=True) if v is not None]
            if family.kind is not Kind.HISTOGRAM:
                found[family.name, frozenset(pairs)] = total
                continue
            running = 0
            for bound, count in zip(("0.5", "1.0", "+Inf"), counts, strict=True):
                running += count
                found[f"{family.name}_bucket", frozenset([*pairs, ("le", bound)])] = running
            found[f"{family.name}_sum", frozenset(pairs)] = total
            found[f"{family.name}_count", frozenset(pairs)] = running
    return found


@given(
    st.lists(st.tuples(st.sampled_from([COUNTER, HISTOGRAM]), HOSTILE, HOSTILE, FINITE)),
    st.lists(st.tuples(HOSTILE, HOSTILE, st.floats(allow_nan=False))),
)
@example([(COUNTER, "a\ud800", "\ud801", 1.0)], [("x" * 300, None, math.inf)])
def test_what_a_scraper_parses_is_what_the_store_holds(increments, levels):
    samples = [Sample(family, (one, two), value) for family, one, two, value in increments]
    gauges = [Sample(GAUGE, (one, two), value) for one, two, value in levels]
    store, told = exposed(samples, gauges)
    assert parsed(told) == held(store)


@given(HOSTILE, HOSTILE)
def test_label_values_are_valid_bounded_and_never_empty(one, two):
    for value in canonical((one, two)):
        assert value is None or 0 < len(value.encode()) <= MAX_BYTES


def test_values_that_must_be_cut_or_cleaned_stay_apart():
    long = "x" * 1000
    values = [long + "a", long + "b", "\ud800", "\ud801", "\ufffd"]
    assert len({canonical((value,)) for value in values}) == len(values)


def test_the_text_is_exactly_this():
    _, told = exposed(
        [Sample(COUNTER, ("a", None), 2.0), Sample(HISTOGRAM, ("a", "b"), 0.75)],
        [Sample(GAUGE, (None, None), 0.1)],
    )
    assert told == (
        '# HELP things_total A "help" with \\\\ and\\nnewline.\n'
        "# TYPE things_total counter\n"
        'things_total{one="a"} 2\n'
        "# HELP waits_seconds Waits.\n"
        "# TYPE waits_seconds histogram\n"
        'waits_seconds_bucket{one="a",two="b",le="0.5"} 0\n'
        'waits_seconds_bucket{one="a",two="b",le="1.0"} 1\n'
        'waits_seconds_bucket{one="a",two="b",le="+Inf"} 1\n'
        'waits_seconds_sum{one="a",two="b"} 0.75\n'
        'waits_seconds_count{one="a",two="b"} 1\n'
        "# HELP level Level.\n"
        "# TYPE level gauge\n"
        "level 0.1\n"
    )


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.0, "0"), (-3.0, "-3"), (1e15, "1000000000000000"), (0.1, "0.1"), (1e300, "1e+300"),
     (math.inf, "+Inf"), (-math.inf, "-Inf"), (math.nan, "NaN")],
)  # fmt: skip
def test_numbers_are_written_as_prometheus_reads_them(value, text):
    assert number(value) == text


def test_a_family_without_children_is_not_exposed():
    _, told = exposed([], [])
    assert told == ""
