"""A decoder of delimited `io.prometheus.client.MetricFamily` messages, as our tests need it.

Written from prometheus/client_model's metrics.proto; shares nothing with what writes them.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

Fields = dict[int, list[Any]]
Labels = frozenset[tuple[str, str]]


@dataclass
class Metric:
    """One metric: its value as samples by suffix, and what only protobuf has."""

    labels: Labels
    samples: dict[tuple[str, Labels], float]
    created: float | None = None
    native: dict[int, int] | None = None
    """Counts by bucket of the schema."""
    schema: int | None = None
    zero: tuple[float, int] | None = None
    exemplars: list[dict[str, Any]] = field(default_factory=list)
    bucket_exemplars: dict[float, dict[str, Any]] = field(default_factory=dict)


@dataclass
class MetricFamily:
    """One family; `kind` is COUNTER, GAUGE or HISTOGRAM."""

    name: str
    help: str
    kind: str
    metrics: list[Metric]


def decoded(data: bytes) -> list[MetricFamily]:
    """Return the families; raise ValueError when bytes are left or missing."""
    families = []
    at = 0
    while at < len(data):
        length, at = _varint(data, at)
        families.append(_family(_fields(_cut(data, at, length))))
        at += length
    return families


def _family(fields: Fields) -> MetricFamily:
    kind = {0: "COUNTER", 1: "GAUGE", 4: "HISTOGRAM"}[fields[3][0]]
    metrics = [_metric(kind, _fields(raw)) for raw in fields.get(4, [])]
    return MetricFamily(fields[1][0].decode(), fields[2][0].decode(), kind, metrics)


def _metric(kind: str, fields: Fields) -> Metric:
    labels = _labels(fields.get(1, []))
    if kind == "HISTOGRAM":
        return _histogram(labels, _fields(fields[7][0]))
    value = _fields(fields[3 if kind == "COUNTER" else 2][0])
    return Metric(labels, {("", labels): _double(value[1][0])}, _timestamp(value.get(3)))


def _histogram(labels: Labels, fields: Fields) -> Metric:
    count = fields[1][0]
    samples = {("_count", labels): float(count), ("_sum", labels): _double(fields[2][0])}
    metric = Metric(labels, samples, _timestamp(fields.get(15)))
    for raw in fields.get(3, []):
        bucket = _fields(raw)
        bound = _double(bucket[2][0])
        edge = "+Inf" if bound == float("inf") else repr(bound)
        samples["_bucket", labels | {("le", edge)}] = float(bucket[1][0])
        if 3 in bucket:
            metric.bucket_exemplars[bound] = _exemplar(_fields(bucket[3][0]))
    metric.exemplars = [_exemplar(_fields(raw)) for raw in fields.get(16, [])]
    metric.schema = _signed(fields[5][0])
    metric.zero = (_double(fields[6][0]), fields[7][0])
    metric.native = dict(_buckets(fields))
    if sum(metric.native.values()) + fields[7][0] != count:
        raise ValueError("native buckets do not add up")
    return metric


def _buckets(fields: Fields) -> Iterator[tuple[int, int]]:
    deltas = [_signed(raw) for raw in _varints(b"".join(fields.get(13, [])))]
    index = count = 0
    for number, raw in enumerate(fields.get(12, [])):
        span = _fields(raw)
        offset, length = _signed(span[1][0]), span[2][0]
        if number and offset <= 0:
            raise ValueError("spans overlap or touch")
        index += offset
        for _ in range(length):
            count += deltas.pop(0)
            yield index, count
            index += 1
    if deltas:
        raise ValueError("more deltas than buckets")


def _exemplar(fields: Fields) -> dict[str, Any]:
    return {
        "labels": dict(_labels(fields[1])),
        "value": _double(fields[2][0]),
        "timestamp": _timestamp(fields.get(3)),
    }


def _labels(raw: list[bytes]) -> Labels:
    pairs = [(each[1][0].decode(), each[2][0].decode()) for each in map(_fields, raw)]
    if len({name for name, _ in pairs}) != len(pairs):
        raise ValueError("a label stands twice")
    return frozenset(pairs)


def _timestamp(raw: list[bytes] | None) -> float | None:
    if raw is None:
        return None
    fields = _fields(raw[0])
    return fields.get(1, [0])[0] + fields.get(2, [0])[0] / 1e9


def _fields(data: bytes) -> Fields:
    found: Fields = {}
    at = 0
    while at < len(data):
        tag, at = _varint(data, at)
        kind = tag & 7
        value: Any
        if kind == 0:
            value, at = _varint(data, at)
        else:
            length, at = (8, at) if kind == 1 else _varint(data, at)
            value = _cut(data, at, length)
            at += length
        found.setdefault(tag >> 3, []).append(value)
    return found


def _cut(data: bytes, at: int, length: int) -> bytes:
    if at + length > len(data):
        raise ValueError("a message is cut short")
    return data[at : at + length]


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            return value, at


def _varints(data: bytes) -> Iterator[int]:
    at = 0
    while at < len(data):
        value, at = _varint(data, at)
        yield value


def _signed(value: int) -> int:
    return (value >> 1) ^ -(value & 1)


def _double(data: bytes) -> float:
    return float(struct.unpack("<d", data)[0])
