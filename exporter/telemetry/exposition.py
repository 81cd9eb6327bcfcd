"""Text exposition, format 0.0.4: tables to bytes, rendering only the blocks that changed.

Source of the format: Prometheus documentation, "Exposition formats", text-based format.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

from exporter.catalogue import Family, Kind
from exporter.samples import Labels
from exporter.telemetry.table import Block, Child, Table

_LABEL_ESCAPES = str.maketrans({"\\": r"\\", "\n": r"\n", '"': r"\""})
_HELP_ESCAPES = str.maketrans({"\\": r"\\", "\n": r"\n"})
_EXACT_INTEGERS = 2.0**53


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Everything that a scrape gets, as ready bytes that never change."""

    text: tuple[bytes, ...] = ()


def rendered(tables: Iterable[Table]) -> Snapshot:
    """Render what changed in the tables and return the whole as one snapshot."""
    pieces: list[bytes] = []
    for table in tables:
        if not table.children:
            continue
        pieces.append(header(table.name, table.family))
        pieces.extend(_text(block) for block in table.blocks if block.children)
    return Snapshot(tuple(pieces))


def header(name: str, family: Family) -> bytes:
    """Return the HELP and TYPE lines of a family exposed under this name."""
    meaning = family.help.translate(_HELP_ESCAPES)
    lines = f"# HELP {name} {meaning}\n# TYPE {name} {family.exposed_type}\n"
    return lines.encode()


def number(value: float) -> str:
    """Write a value: whole numbers without a fraction, infinities as Prometheus spells them."""
    if value.is_integer() and abs(value) < _EXACT_INTEGERS:
        return str(int(value))
    if math.isinf(value):
        return "+Inf" if value > 0 else "-Inf"
    return "NaN" if math.isnan(value) else repr(value)


def _text(block: Block) -> bytes:
    if block.text is None:
        table = block.table
        lines = _histogram if table.family.kind is Kind.HISTOGRAM else _scalar
        block.text = "".join([lines(table, child) for child in block.children]).encode()
    return block.text


def _pairs(names: tuple[str, ...], values: Labels) -> str:
    return ",".join(
        f'{name}="{value.translate(_LABEL_ESCAPES)}"'
        for name, value in zip(names, values, strict=True)
        if value is not None
    )


def _scalar(table: Table, child: Child) -> str:
    pairs = _pairs(table.family.labels, child.labels)
    braces = f"{{{pairs}}}" if pairs else ""
    return f"{table.name}{braces} {number(child.total)}\n"


def _histogram(table: Table, child: Child) -> str:
    name, buckets = table.name, table.family.buckets
    pairs = _pairs(table.family.labels, child.labels)
    lead = f"{pairs}," if pairs else ""
    braces = f"{{{pairs}}}" if pairs else ""
    lines: list[str] = []
    running = 0
    for bound, count in zip((*buckets, math.inf), child.counts or (), strict=True):
        running += count
        # `le` keeps its fraction ("1.0"): the form that OpenMetrics and Prometheus 3 normalise to.
        edge = "+Inf" if math.isinf(bound) else repr(bound)
        lines.append(f'{name}_bucket{{{lead}le="{edge}"}} {running}\n')
    lines.append(f"{name}_sum{braces} {number(child.total)}\n")
    lines.append(f"{name}_count{braces} {running}\n")
    return "".join(lines)
