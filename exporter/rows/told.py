"""What a task returned, pushed or printed, read as a claim: only fields of known names count."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from exporter.rows.claim import MAX_AMOUNT, MAX_SECONDS, Claim, Source
from exporter.rows.names import is_name

T = TypeVar("T")
RETURN_VALUE = "return_value"
"""The XCom key of what a task returns: a bare number there may be anything, and does not count."""
MAX_TEXT = 16 * 1024
"""Longest text that is looked into, in characters."""
_MOST_TEXTS = 2
"""How often a text may hold a text: what is JSON already may have been encoded once more."""


@dataclass(frozen=True, slots=True)
class Names:
    """What the fields of an object and the keys of an XCom are called; the first found counts."""

    rows: tuple[str, ...] = ("rows", "row_count", "rows_processed", "records_processed")
    bytes: tuple[str, ...] = ("bytes", "bytes_processed")
    seconds: tuple[str, ...] = ("seconds", "processing_seconds")

    @property
    def amounts(self) -> tuple[str, ...]:
        """Every name of an amount."""
        return (*self.rows, *self.bytes, *self.seconds)

    @property
    def fields(self) -> tuple[str, ...]:
        """Every field of an object that is read."""
        return (*self.amounts, "pipeline", "stage")

    @property
    def keys(self) -> tuple[str, ...]:
        """Every key of an XCom that is read."""
        return (RETURN_VALUE, *self.amounts)


def told(value: object, names: Names, source: Source = Source.XCOM) -> Claim | None:
    """Read an object with rows or bytes, or a text that is one as JSON; None when it is not."""
    fields = _object(value)
    if fields is None:
        return None
    claim = Claim(
        source,
        pipeline=name(fields.get("pipeline")),
        stage=name(fields.get("stage")),
        rows=_first(fields, names.rows, amount),
        bytes=_first(fields, names.bytes, amount),
        seconds=_first(fields, names.seconds, seconds),
    )
    return claim if claim.tells else None


def told_under(key: str, value: object, names: Names) -> Claim | None:
    """Read the value of an XCom key: an object, or the bare number that the key is the name of."""
    if key != RETURN_VALUE and isinstance(value, (int, float)):
        value = {key: value}
        claim = Claim(
            Source.XCOM,
            rows=_first(value, names.rows, amount),
            bytes=_first(value, names.bytes, amount),
            seconds=_first(value, names.seconds, seconds),
        )
        return claim if claim.tells or claim.seconds is not None else None
    return told(value, names)


def amount(value: object) -> int | None:
    """Return a number of rows or bytes; None for what cannot be one."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    # dbt and database drivers say -1 for what they do not know.
    if not 0 <= value <= MAX_AMOUNT or value != math.floor(value):
        return None
    return int(value)


def seconds(value: object) -> float | None:
    """Return a duration; None for what cannot be one."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    return float(value) if 0 <= value <= MAX_SECONDS else None


def name(value: object) -> str | None:
    """Return the name of a pipeline or a stage; None for what cannot be one."""
    text = value.strip() if isinstance(value, str) else ""
    return text if is_name(text) else None


def _object(value: object) -> Mapping[str, Any] | None:
    for _ in range(_MOST_TEXTS):
        if not isinstance(value, str):
            break
        if len(value) > MAX_TEXT:
            return None
        try:
            value = json.loads(value)
        except (ValueError, RecursionError):
            return None
    return value if isinstance(value, dict) else None


def _first(
    fields: Mapping[str, Any], of: Iterable[str], read: Callable[[object], T | None]
) -> T | None:
    found = (read(fields.get(each)) for each in of)
    return next((each for each in found if each is not None), None)
