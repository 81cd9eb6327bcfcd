"""The OpenMetrics text format, version 1.0, with exemplars and without `_created` series.

Source: OpenMetrics 1.0 specification (prometheus/OpenMetrics). What is written is valid in the
draft 0.0.1 as well, which some scrapers still ask for.
"""

from __future__ import annotations

from bisect import bisect_left
from typing import Final

from exporter.telemetry.exemplar import Exemplar
from exporter.telemetry.forms import Writer
from exporter.telemetry.table import Child, Table
from exporter.telemetry.text import escaped, lines_of, number


class OpenMetrics:
    """Write what the text format has, families of counters without their `_total`."""

    framed = False
    end = b"# EOF\n"

    def header(self, table: Table, length: int) -> bytes:  # noqa: ARG002 - nothing to be framed
        """Return the HELP and TYPE lines."""
        kind, name = table.family.exposed_type, table.name
        if kind == "counter":
            name = name.removesuffix("_total")
        meaning = escaped(table.family.help)
        return f"# HELP {name} {meaning}\n# TYPE {name} {kind}\n".encode()

    def writer(self, table: Table) -> Writer:
        """Return what writes the lines of children."""
        lines, bounds = lines_of(table), table.family.buckets

        def noted(child: Child) -> str:
            text = lines(child)
            return text if child.exemplar is None else _noted(text, child.exemplar, bounds)

        return lambda children: "".join(map(noted, children)).encode()


def _noted(lines: str, exemplar: Exemplar, bounds: tuple[float, ...]) -> str:
    """Put the exemplar at the end of its bucket's line; buckets come first, in order."""
    each = lines.split("\n")
    labels = f'{exemplar.label}="{escaped(exemplar.run_id)}"'
    told = f" # {{{labels}}} {number(exemplar.value)} {exemplar.wall:.3f}"
    each[bisect_left(bounds, exemplar.value)] += told
    return "\n".join(each)


OPENMETRICS: Final = OpenMetrics()
