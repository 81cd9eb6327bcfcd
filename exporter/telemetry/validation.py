"""What a batch must be before any of it is applied."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import NoReturn

from exporter.catalogue import Family
from exporter.errors import RejectedError
from exporter.samples import Batch, Labels, Sample
from exporter.telemetry.table import Table


def validate(batch: Batch, gauges: Iterable[Sample], tables: Mapping[str, Table]) -> None:
    """Raise RejectedError for the first sample that the tables cannot take.

    Of the batch's gauges only `gauges` are looked at: those that are not held already.
    """
    for family, labels in batch.announced:
        _check(family, labels, tables)
    for sample in batch.increments:
        _check(sample.family, sample.labels, tables)
        _check_increment(sample)
    for sample in gauges:
        _check(sample.family, sample.labels, tables)
        if sample.family.accumulated:
            _reject(sample.family, "is accumulated: it cannot be set")


def _check(family: Family, labels: Labels, tables: Mapping[str, Table]) -> None:
    table = tables.get(family.name)
    if table is None or table.family is not family:
        _reject(family, "is not in the catalogue")
    if len(labels) != len(family.labels):
        _reject(family, f"has {len(family.labels)} labels, not {len(labels)}")


def _check_increment(sample: Sample) -> None:
    if not sample.family.accumulated:
        _reject(sample.family, "is not accumulated: it takes no increments")
    if not math.isfinite(sample.value) or sample.value < 0:
        _reject(sample.family, f"cannot grow by {sample.value}")


def _reject(family: Family, why: str) -> NoReturn:
    message = f"{family.name} {why}"
    raise RejectedError(message)
