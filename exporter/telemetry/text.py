"""The text format, version 0.0.4.

Source: Prometheus documentation, "Exposition formats", text-based format. Version 1.0.0 differs in
how names outside of ASCII are written; there are none here.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Final

from exporter.catalogue import Family, Kind
from exporter.samples import Labels
from exporter.telemetry.forms import Writer
from exporter.telemetry.table import Child, Table

_ESCAPES = str.maketrans({"\\": r"\\", "\n": r"\n", '"': r"\""})
_HELP_ESCAPES = str.maketrans({"\\": r"\\", "\n": r"\n"})
_EXACT_INTEGERS = 2.0**53


class Text:
    """Write HELP and TYPE lines, and a line for every sample."""

    framed = False
    end = b""

    def header(self, table: Table, length: int) -> bytes:  # noqa: ARG002 - nothing to be framed
        """Return the HELP and TYPE lines."""
        family = table.family
        meaning = family.help.translate(_HELP_ESCAPES)
        lines = f"# HELP {table.name} {meaning}\n# TYPE {table.name} {family.exposed_type}\n"
        return lines.encode()

    def writer(self, table: Table) -> Writer:
        """Return what writes the lines of children."""
        lines = lines_of(table)
        return lambda children: "".join(map(lines, children)).encode()


TEXT: Final = Text()


def lines_of(table: Table) -> Callable[[Child], str]:
    """Return what writes the sample lines of a child of the table, as OpenMetrics has them too."""
    if table.family.kind is Kind.HISTOGRAM:
        names, template = table.family.labels, _histogram_template(table.name, table.family)
        return lambda child: _histogram(template, names, child)
    names, name = table.family.labels, table.name
    return lambda child: f"{name}{_braces(pairs(names, child.labels))} {number(child.total)}\n"


def number(value: float) -> str:
    """Write a value: whole numbers without a fraction, infinities as Prometheus spells them."""
    if value.is_integer() and abs(value) < _EXACT_INTEGERS:
        return str(int(value))
    if math.isinf(value):
        return "+Inf" if value > 0 else "-Inf"
    return "NaN" if math.isnan(value) else repr(value)


def escaped(value: str) -> str:
    """Return a label value, or OpenMetrics' help, as it stands between quotes or in a line."""
    # Hardly any value needs it, and to see that is ten times as fast.
    if '"' in value or "\\" in value or "\n" in value:
        return value.translate(_ESCAPES)
    return value


def pairs(names: tuple[str, ...], values: Labels) -> str:
    """Return the labels that are known, without the braces."""
    return ",".join(
        [f'{n}="{escaped(v)}"' for n, v in zip(names, values, strict=True) if v is not None]
    )


def _braces(labels: str) -> str:
    return f"{{{labels}}}" if labels else ""


def _histogram_template(name: str, family: Family) -> str:
    """Return a format string: one `%` over all the lines of a child is what CPython does fastest.

    `le` keeps its fraction ("1.0"): the form that OpenMetrics and Prometheus 3 normalise to.
    """
    edges = (*map(repr, family.buckets), "+Inf")
    buckets = "".join(f'{name}_bucket{{%sle="{edge}"}} %d\n' for edge in edges)
    return f"{buckets}{name}_sum%s %s\n{name}_count%s %d\n"


def _histogram(template: str, names: tuple[str, ...], child: Child) -> str:
    labels = pairs(names, child.labels)
    lead, braces = (f"{labels},", f"{{{labels}}}") if labels else ("", "")
    values: list[object] = []
    running = 0
    for count in child.counts or ():
        running += count
        values += (lead, running)
    return template % (*values, braces, number(child.total), braces, running)
