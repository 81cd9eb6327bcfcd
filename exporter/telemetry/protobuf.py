"""The protobuf format: one delimited `io.prometheus.client.MetricFamily` after the other.

Source: prometheus/client_model, `metrics.proto`. A histogram is one message with its classic and
its native buckets: scrapers that know native ones take those, the others never see them.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Callable
from functools import lru_cache
from itertools import accumulate
from typing import Final

from exporter.catalogue import Kind
from exporter.samples import Labels
from exporter.telemetry.exemplar import Exemplar
from exporter.telemetry.forms import Writer
from exporter.telemetry.native import ZERO_THRESHOLD, Native
from exporter.telemetry.table import Child, Table
from exporter.telemetry.wire import (
    BYTES,
    VARINT,
    counted,
    double,
    nested,
    signed,
    tag,
    text,
    varint,
    zigzag,
)

_TYPES: Final = {"counter": 0, "gauge": 1, "histogram": 4}
# Fields, by message.
_FAMILY_NAME, _FAMILY_HELP, _FAMILY_TYPE, _METRIC = text(1), text(2), counted(3), nested(4)
_LABEL, _GAUGE, _COUNTER, _HISTOGRAM = nested(1), nested(2), nested(3), nested(7)
_NAME, _VALUE = text(1), text(2)
_GAUGE_VALUE = double(1)
_COUNTER_VALUE, _COUNTER_CREATED = double(1), nested(3)
_COUNT, _SUM = counted(1), double(2)
_SCHEMA, _ZERO_THRESHOLD, _ZERO_COUNT = signed(5), double(6), counted(7)
_POSITIVE_SPAN, _POSITIVE_DELTA = nested(12), nested(13)
_CREATED, _EXEMPLARS = nested(15), nested(16)
_BUCKET_TAG, _BUCKET_COUNT_TAG = tag(3, BYTES), tag(1, VARINT)
_BUCKET_BOUND, _BUCKET_EXEMPLAR = double(2), nested(3)
_SPAN_OFFSET, _SPAN_LENGTH = signed(1), counted(2)
_EXEMPLAR_LABEL, _EXEMPLAR_VALUE, _EXEMPLAR_TIMESTAMP = nested(1), double(2), nested(3)
_SECONDS, _NANOSECONDS = counted(1), counted(2)

_THRESHOLD: Final = _ZERO_THRESHOLD(ZERO_THRESHOLD)
_RUN: Final = _NAME(Exemplar.label)
_MOST_SPANS: Final = 1024
_NO_OBSERVATION: Final = Native()


class Protobuf:
    """Write families as messages that begin with their length."""

    framed = True
    end = b""

    def header(self, table: Table, length: int) -> bytes:
        """Return what stands before a family's metrics: its length, name, help and type."""
        family = table.family
        head = (
            _FAMILY_NAME(table.name)
            + _FAMILY_HELP(family.help)
            + _FAMILY_TYPE(_TYPES[family.exposed_type])
        )
        return varint(len(head) + length) + head

    def writer(self, table: Table) -> Writer:
        """Return what writes metrics of the family."""
        labels, value = _labels_of(table), _value_of(table)
        return lambda children: b"".join(
            [_METRIC(labels(child.labels) + value(child)) for child in children]
        )


PROTOBUF: Final = Protobuf()


def _labels_of(table: Table) -> Callable[[Labels], bytes]:
    """Return what writes the labels of a child; those that are not known are left out."""
    names = [_NAME(name) for name in table.family.labels]
    return lambda values: b"".join(
        [
            _LABEL(name + _VALUE(value))
            for name, value in zip(names, values, strict=True)
            if value is not None
        ]
    )


def _value_of(table: Table) -> Callable[[Child], bytes]:
    """Return what writes the value of a child."""
    kind = table.family.kind
    if kind is Kind.GAUGE:
        return lambda child: _GAUGE(_GAUGE_VALUE(child.total))
    if kind is Kind.HISTOGRAM:
        return _histogram_of(table.family.buckets)
    return lambda child: _COUNTER(
        _COUNTER_VALUE(child.total) + _timestamp(_COUNTER_CREATED, child.created)
    )


def _histogram_of(bounds: tuple[float, ...]) -> Callable[[Child], bytes]:
    """Return what writes a histogram of these bounds."""
    classic, native = _classic_of(bounds), _native_of()

    def write(child: Child) -> bytes:
        exemplar = b"" if child.exemplar is None else _exemplar(child.exemplar)
        counts = list(accumulate(child.counts or ()))
        at = -1 if child.exemplar is None else bisect_left(bounds, child.exemplar.value)
        return _HISTOGRAM(
            _COUNT(counts[-1])
            + _SUM(child.total)
            + classic(counts, at, exemplar)
            + native(_NO_OBSERVATION if child.native is None else child.native)
            + _timestamp(_CREATED, child.created)
            + (_EXEMPLARS(exemplar) if exemplar else b"")
        )

    return write


def _classic_of(bounds: tuple[float, ...]) -> Callable[[list[int], int, bytes], bytes]:
    """Return what writes cumulated counts, and an exemplar in the bucket that is its place.

    One `%` over all the buckets is what CPython does fastest: length, count and exemplar of each.
    """
    edges = (_BUCKET_BOUND(bound) for bound in (*bounds, math.inf))
    template = b"".join(
        _BUCKET_TAG + b"%b" + _BUCKET_COUNT_TAG + b"%b" + edge.replace(b"%", b"%%") + b"%b"
        for edge in edges
    )
    fixed = len(_BUCKET_COUNT_TAG) + len(_BUCKET_BOUND(0.0))

    def write(counts: list[int], place: int, exemplar: bytes) -> bytes:
        parts: list[bytes] = []
        for at, count in enumerate(counts):
            number = varint(count)
            noted = _BUCKET_EXEMPLAR(exemplar) if at == place else b""
            parts += (varint(fixed + len(number) + len(noted)), number, noted)
        return template % tuple(parts)

    return write


def _native_of() -> Callable[[Native], bytes]:
    """Return what writes native buckets; most children have spans like their neighbours'."""

    @lru_cache(_MOST_SPANS)
    def span(gap: int, length: int) -> bytes:
        return _POSITIVE_SPAN(_SPAN_OFFSET(gap) + _SPAN_LENGTH(length))

    def write(native: Native) -> bytes:
        head = _SCHEMA(native.schema) + _THRESHOLD + _ZERO_COUNT(native.zero)
        spans = b"".join([span(gap, length) for gap, length in native.spans()])
        deltas = b"".join(map(zigzag, native.deltas()))
        return head + spans + (_POSITIVE_DELTA(deltas) if deltas else b"")

    return write


def _exemplar(exemplar: Exemplar) -> bytes:
    return (
        _EXEMPLAR_LABEL(_RUN + _VALUE(exemplar.run_id))
        + _EXEMPLAR_VALUE(exemplar.value)
        + _timestamp(_EXEMPLAR_TIMESTAMP, exemplar.wall)
    )


def _timestamp(field: Callable[[bytes], bytes], wall: float | None) -> bytes:
    """Return a google.protobuf.Timestamp; what is not known is left out."""
    if wall is None:
        return b""
    seconds, rest = divmod(round(wall * 1000), 1000)
    return field(_SECONDS(seconds) + _NANOSECONDS(rest * 1_000_000))
