"""The protobuf format: one delimited `io.prometheus.client.MetricFamily` after the other.

Source: prometheus/client_model, `metrics.proto`. A histogram is one message with its classic and
its native buckets: scrapers that know native ones take those, the others never see them.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Callable, Iterable
from typing import Final

from exporter.catalogue import Kind
from exporter.samples import Labels
from exporter.telemetry.exemplar import Exemplar
from exporter.telemetry.native import ZERO_THRESHOLD, Native
from exporter.telemetry.table import Child, Table
from exporter.telemetry.wire import counted, double, nested, signed, text, varint, zigzag

_TYPES: Final = {"counter": 0, "gauge": 1, "histogram": 4}
# Fields, by message.
_FAMILY_NAME, _FAMILY_HELP, _FAMILY_TYPE, _FAMILY_METRIC = 1, 2, 3, 4
_LABEL, _GAUGE, _COUNTER, _HISTOGRAM = 1, 2, 3, 7
_NAME, _VALUE = 1, 2
_GAUGE_VALUE = 1
_COUNTER_VALUE, _COUNTER_CREATED = 1, 3
_COUNT, _SUM, _BUCKET, _SCHEMA, _ZERO_THRESHOLD, _ZERO_COUNT = 1, 2, 3, 5, 6, 7
_POSITIVE_SPAN, _POSITIVE_DELTA, _CREATED, _EXEMPLARS = 12, 13, 15, 16
_BUCKET_COUNT, _BUCKET_BOUND, _BUCKET_EXEMPLAR = 1, 2, 3
_SPAN_OFFSET, _SPAN_LENGTH = 1, 2
_EXEMPLAR_LABEL, _EXEMPLAR_VALUE, _EXEMPLAR_TIMESTAMP = 1, 2, 3
_SECONDS, _NANOSECONDS = 1, 2

_NO_OBSERVATION: Final = Native()


class Protobuf:
    """Write families as messages that begin with their length."""

    framed = True
    end = b""

    def header(self, table: Table, length: int) -> bytes:
        """Return what stands before a family's metrics: its length, name, help and type."""
        family = table.family
        head = (
            text(_FAMILY_NAME, table.name)
            + text(_FAMILY_HELP, family.help)
            + counted(_FAMILY_TYPE, _TYPES[family.exposed_type])
        )
        return varint(len(head) + length) + head

    def children(self, table: Table, children: Iterable[Child]) -> bytes:
        """Return some metrics of the family."""
        names = table.family.labels
        value = _value_of(table)
        return b"".join(
            nested(_FAMILY_METRIC, _labels(names, child.labels) + value(child))
            for child in children
        )


PROTOBUF: Final = Protobuf()


def _labels(names: tuple[str, ...], values: Labels) -> bytes:
    return b"".join(
        nested(_LABEL, text(_NAME, name) + text(_VALUE, value))
        for name, value in zip(names, values, strict=True)
        if value is not None
    )


def _value_of(table: Table) -> Callable[[Child], bytes]:
    """Return what writes the value of a child."""
    kind = table.family.kind
    if kind is Kind.GAUGE:
        return lambda child: nested(_GAUGE, double(_GAUGE_VALUE, child.total))
    if kind is Kind.HISTOGRAM:
        bounds = (*table.family.buckets, math.inf)
        edges = tuple(double(_BUCKET_BOUND, bound) for bound in bounds)
        return lambda child: nested(_HISTOGRAM, _histogram(child, bounds, edges))
    return lambda child: nested(
        _COUNTER, double(_COUNTER_VALUE, child.total) + _timestamp(_COUNTER_CREATED, child.created)
    )


def _histogram(child: Child, bounds: tuple[float, ...], edges: tuple[bytes, ...]) -> bytes:
    exemplar = b"" if child.exemplar is None else _exemplar(child.exemplar)
    place = -1 if child.exemplar is None else bisect_left(bounds, child.exemplar.value)
    buckets: list[bytes] = []
    running = 0
    for at, (edge, count) in enumerate(zip(edges, child.counts or (), strict=True)):
        running += count
        noted = nested(_BUCKET_EXEMPLAR, exemplar) if at == place else b""
        buckets.append(nested(_BUCKET, counted(_BUCKET_COUNT, running) + edge + noted))
    return b"".join(
        (
            counted(_COUNT, running),
            double(_SUM, child.total),
            *buckets,
            _native(_NO_OBSERVATION if child.native is None else child.native),
            _timestamp(_CREATED, child.created),
            nested(_EXEMPLARS, exemplar) if exemplar else b"",
        )
    )


def _native(native: Native) -> bytes:
    spans = (
        nested(_POSITIVE_SPAN, signed(_SPAN_OFFSET, gap) + counted(_SPAN_LENGTH, length))
        for gap, length in native.spans()
    )
    deltas = b"".join(map(zigzag, native.deltas()))
    return b"".join(
        (
            signed(_SCHEMA, native.schema),
            double(_ZERO_THRESHOLD, ZERO_THRESHOLD),
            counted(_ZERO_COUNT, native.zero),
            *spans,
            nested(_POSITIVE_DELTA, deltas) if deltas else b"",
        )
    )


def _exemplar(exemplar: Exemplar) -> bytes:
    label = text(_NAME, exemplar.label) + text(_VALUE, exemplar.run_id)
    return (
        nested(_EXEMPLAR_LABEL, label)
        + double(_EXEMPLAR_VALUE, exemplar.value)
        + _timestamp(_EXEMPLAR_TIMESTAMP, exemplar.wall)
    )


def _timestamp(field: int, wall: float | None) -> bytes:
    """Return a google.protobuf.Timestamp; what is not known is left out."""
    if wall is None:
        return b""
    seconds, rest = divmod(round(wall * 1000), 1000)
    return nested(field, counted(_SECONDS, seconds) + counted(_NANOSECONDS, rest * 1_000_000))
