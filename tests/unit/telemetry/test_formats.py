"""Every format tells the same: what is parsed of one is what is parsed of the others."""

from __future__ import annotations

import gzip
import math

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from prometheus_client.openmetrics.parser import (
    text_string_to_metric_families as openmetrics_families,
)
from prometheus_client.parser import text_string_to_metric_families as text_families

from exporter.catalogue import Family, Kind
from exporter.samples import Batch, Sample
from exporter.telemetry.exemplar import FRESH_SECONDS
from exporter.telemetry.forms import Form
from exporter.telemetry.ledger import Ledger
from exporter.telemetry.limits import Limits
from exporter.telemetry.native import ZERO_THRESHOLD
from exporter.telemetry.openmetrics import OPENMETRICS
from exporter.telemetry.protobuf import PROTOBUF
from exporter.telemetry.rendering import Body, Rendering, rendered
from exporter.telemetry.store import Store
from exporter.telemetry.table import Table
from exporter.telemetry.text import TEXT
from tests.support.clock import HandClock
from tests.support.exposed import body
from tests.support.metric_families import decoded
from tests.support.openmetrics import without_exemplars
from tests.unit.telemetry.test_text import HOSTILE

HELP = 'A "help" with \\ and\nnewline.'
COUNTER = Family("things_total", Kind.COUNTER, HELP, ("one", "two"))
MIRROR = Family("others_total", Kind.MIRRORED, "Others.", ("one", "two"))
HISTOGRAM = Family("waits_seconds", Kind.HISTOGRAM, HELP, ("one", "two"), buckets=(0.5, 1.0))
GAUGE = Family("level", Kind.GAUGE, "Level.", ("one", "two"))
FAMILIES = (COUNTER, MIRROR, HISTOGRAM, GAUGE)
VALUES = st.one_of(st.floats(0, 1e300), st.integers(0, 2**60).map(float), st.just(0.0))
SAMPLES = st.tuples(st.sampled_from([COUNTER, HISTOGRAM]), HOSTILE, HOSTILE, VALUES, HOSTILE)
LEVELS = st.tuples(HOSTILE, HOSTILE, st.floats(allow_nan=False))


def filled(samples, levels=()):
    time = HandClock(1_700_000_000.25)
    store = Store(FAMILIES, Limits(0.0), Ledger(None, time.clock), time.clock)
    gauges = [Sample(GAUGE, (one, two), value) for one, two, value in levels]
    mirrored = [Sample(MIRROR, (one, two), abs(value)) for one, two, value in levels]
    increments = [
        Sample(family, (one, two), value, run_id) for family, one, two, value, run_id in samples
    ]
    store.put("c", Batch({"levels": gauges, "mirrored": mirrored}, increments))
    return store, time


def whole(store, format_, *, packed=False):
    data = b"".join(body(store, Form(format_, packed)).blocks)
    return gzip.decompress(data) if packed else data


def told_by_text(families):
    samples, kinds = {}, {}
    for family in families:
        kinds[family.name] = (family.type, family.documentation)
        for each in family.samples:
            key = (each.name, frozenset(each.labels.items()))
            assert key not in samples
            samples[key] = each.value
    return samples, kinds


def told_by_protobuf(families):
    samples, kinds = {}, {}
    for family in families:
        name = family.name.removesuffix("_total") if family.kind == "COUNTER" else family.name
        kinds[name] = (family.kind.lower(), family.help)
        for metric in family.metrics:
            for (suffix, labels), value in metric.samples.items():
                assert (family.name + suffix, labels) not in samples
                samples[family.name + suffix, labels] = value
    return samples, kinds


def parsed(store):
    text = told_by_text(text_families(whole(store, TEXT).decode()))
    plain, _ = without_exemplars(whole(store, OPENMETRICS).decode())
    open_ = told_by_text(openmetrics_families(plain + OPENMETRICS.end.decode()))
    return text, open_, told_by_protobuf(decoded(whole(store, PROTOBUF)))


@given(st.lists(SAMPLES), st.lists(LEVELS))
@example([(HISTOGRAM, 'a"\\\n', None, 0.5, '"\\\n{}')], [("\ud800", "x" * 300, -math.inf)])
def test_every_format_tells_the_same(samples, levels):
    store, _ = filled(samples, levels)
    text, open_, protobuf = parsed(store)
    assert text == open_ == protobuf
    for format_ in (TEXT, OPENMETRICS, PROTOBUF):
        assert whole(store, format_, packed=True) == whole(store, format_)


FORMS = [
    Form(format_, packed) for format_ in (TEXT, OPENMETRICS, PROTOBUF) for packed in (False, True)
]


@given(st.lists(st.lists(SAMPLES, max_size=5), min_size=1, max_size=4))
def test_what_is_rendered_step_by_step_is_what_is_rendered_at_once(steps):
    store, _ = filled([])
    for form in FORMS:
        body(store, form)
    for step in steps:
        store.put("c", Batch(increments=[Sample(f, (a, b), v, run) for f, a, b, v, run in step]))
        store.publish()
    at_once, _ = filled([sample for step in steps for sample in step])
    for form in FORMS:
        assert whole(store, form.format, packed=form.packed) == whole(at_once, form.format)


ROW_CHILDREN = 512
SPANS = st.builds(
    range, st.integers(0, 20), st.sampled_from([0, 1, 9, ROW_CHILDREN, ROW_CHILDREN + 9])
)


@settings(max_examples=20)
@given(st.lists(SPANS, min_size=2, max_size=6))
@example([range(ROW_CHILDREN + 1), range(0), range(3)])
def test_what_came_and_went_leaves_nothing_behind_in_any_form(steps):
    tables = [Table(family) for family in (COUNTER, GAUGE)]
    kept = {form: [Rendering(form, table) for table in tables] for form in FORMS}
    for there in steps:
        for table in tables:
            for labels in table.children.keys() - {(str(n), "") for n in there}:
                table.remove(table.children[labels])
            for n in there:
                if (str(n), "") not in table.children:
                    table.add((str(n), ""))
        changed = [table.taken() for table in tables]
        for form, renderings in kept.items():
            for rendering, blocks in zip(renderings, changed, strict=True):
                rendering.update(blocks)
            data = b"".join(Body.of(each.family for each in renderings).blocks)
            data = gzip.decompress(data) if form.packed else data
            assert data == b"".join(rendered(form.format, tables).blocks)


def buckets_of(values):
    """Count values by the definition: bucket `i` ends at 2 ** (i / 8)."""
    counts: dict[int, int] = {}
    for value in values:
        if value > ZERO_THRESHOLD:
            index = math.ceil(math.log2(value) * 8 - 1e-9)
            counts[index] = counts.get(index, 0) + 1
    return counts


@given(st.lists(st.floats(1e-3, 1e6) | st.just(0.0), min_size=1, max_size=60))
def test_native_buckets_hold_the_exact_values(values):
    store, time = filled([(HISTOGRAM, "a", None, value, None) for value in values])
    ((metric,),) = (family.metrics for family in decoded(whole(store, PROTOBUF)))
    assert metric.native == buckets_of(values)
    assert (metric.schema, metric.zero) == (3, (ZERO_THRESHOLD, values.count(0.0)))
    assert metric.created == time.clock.wall()


def test_a_histogram_that_has_seen_nothing_is_native_as_well():
    store, _ = filled([])
    store.put("c", Batch(announced=[(HISTOGRAM, ("a", "b"))]))
    ((metric,),) = (family.metrics for family in decoded(whole(store, PROTOBUF)))
    assert (metric.native, metric.zero) == ({}, (ZERO_THRESHOLD, 0))


def test_openmetrics_is_exactly_this():
    store, _ = filled(
        [(COUNTER, "a", None, 2.0, None), (HISTOGRAM, "a", "b", 0.75, 'manual"1')],
        [(None, None, 0.1)],
    )
    assert whole(store, OPENMETRICS).decode() == (
        '# HELP things A \\"help\\" with \\\\ and\\nnewline.\n'
        "# TYPE things counter\n"
        'things_total{one="a"} 2\n'
        "# HELP others Others.\n"
        "# TYPE others counter\n"
        "others_total 0.1\n"
        '# HELP waits_seconds A \\"help\\" with \\\\ and\\nnewline.\n'
        "# TYPE waits_seconds histogram\n"
        'waits_seconds_bucket{one="a",two="b",le="0.5"} 0\n'
        'waits_seconds_bucket{one="a",two="b",le="1.0"} 1 '
        '# {run_id="manual\\"1"} 0.75 1700000000.250\n'
        'waits_seconds_bucket{one="a",two="b",le="+Inf"} 1\n'
        'waits_seconds_sum{one="a",two="b"} 0.75\n'
        'waits_seconds_count{one="a",two="b"} 1\n'
        "# HELP level Level.\n"
        "# TYPE level gauge\n"
        "level 0.1\n"
    )


def exemplar(store):
    """Return the one exemplar that OpenMetrics and both places of protobuf tell."""
    _, (of_text,) = without_exemplars(whole(store, OPENMETRICS).decode())
    ((metric,),) = (family.metrics for family in decoded(whole(store, PROTOBUF)))
    (of_bucket,) = metric.bucket_exemplars.values()
    assert metric.exemplars == [of_bucket]
    run_id, value, wall = of_text
    told = {"labels": {"run_id": run_id}, "value": value, "timestamp": pytest.approx(wall)}
    assert of_bucket == told
    return run_id, value


def test_prometheus_client_reads_the_exemplar():
    store, time = filled([(HISTOGRAM, "a", "b", 0.75, "scheduled__2026-11-22T00:00:00+00:00")])
    text = whole(store, OPENMETRICS).decode() + OPENMETRICS.end.decode()
    (found,) = (
        each.exemplar
        for family in openmetrics_families(text)
        for each in family.samples
        if each.exemplar
    )
    assert found.labels == {"run_id": "scheduled__2026-11-22T00:00:00+00:00"}
    assert (found.value, float(found.timestamp)) == (0.75, time.clock.wall())


def test_the_exemplar_is_the_run_of_the_slowest_try_of_late():
    store, time = filled([(HISTOGRAM, "a", "b", 0.75, "slow"), (HISTOGRAM, "a", "b", 0.5, "quick")])
    assert exemplar(store) == ("slow", 0.75)
    time.pass_seconds(FRESH_SECONDS + 1)
    store.put("c", Batch(increments=[Sample(HISTOGRAM, ("a", "b"), 0.25, "today")]))
    store.publish()
    assert exemplar(store) == ("today", 0.25)


def test_a_held_observation_brings_its_exemplar_when_it_is_counted():
    time = HandClock()
    store = Store(FAMILIES, Limits(60.0), Ledger(None, time.clock), time.clock)
    store.put("c", Batch(increments=[Sample(HISTOGRAM, ("a", "b"), 9.0, "run")]))
    assert b"run_id" not in whole(store, OPENMETRICS)
    time.pass_seconds(60.0)
    store.advance()
    store.publish()
    assert exemplar(store) == ("run", 9.0)


@given(st.text() | HOSTILE.filter(bool))
def test_an_exemplar_has_at_most_128_characters(run_id):
    store, _ = filled([(HISTOGRAM, "a", "b", 0.75, run_id)])
    told, _ = exemplar(store)
    assert len("run_id") + len(told) <= 128


def test_the_text_format_has_no_exemplars():
    store, _ = filled([(HISTOGRAM, "a", "b", 0.75, "run")])
    assert b"run" not in whole(store, TEXT)
