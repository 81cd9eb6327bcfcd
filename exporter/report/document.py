"""A report before it has a form: findings, tables of plain values, and what is missing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from functools import partial
from typing import Final

from exporter.history.extent import Extent, told
from exporter.insight.performance.findings import Finding
from exporter.insight.performance.kind import Kind
from exporter.quantities import clock, decimal, plain, share, size, whole

SCHEMA: Final = "airflow-perf-exporter.report/1"
"""Named in JSON; another number where a field changes its meaning or goes."""
TOP_FINDINGS: Final = 5
LISTED_OF_A_KIND: Final = 10
"""Findings that people are shown, of each kind; JSON has all."""


class Unit(Enum):
    """What a column holds: text, or numbers of what."""

    TEXT = "text"
    SECONDS = "seconds"
    BYTES = "bytes"
    SHARE = "share"
    COUNT = "count"
    RATIO = "ratio"
    CHANCE = "chance"


Value = str | float | int | None


@dataclass(frozen=True, slots=True)
class Column:
    """One column; `key` names it in JSON, with the unit."""

    key: str
    title: str
    unit: Unit = Unit.TEXT


@dataclass(frozen=True, slots=True)
class Section:
    """One table; `total` is how many rows there would be without a limit."""

    key: str
    title: str
    columns: Sequence[Column]
    rows: Sequence[Sequence[Value]]
    total: int
    note: str = ""


@dataclass(frozen=True, slots=True)
class Missing:
    """What the report cannot tell, and why."""

    what: str
    why: str
    kinds: frozenset[Kind] = frozenset()
    """Findings that there cannot be without it."""


@dataclass(frozen=True, slots=True)
class Report:
    """Everything that is told."""

    extent: Extent
    """The period told of, and the earlier one that it is compared with."""
    totals: Mapping[str, float]
    findings: Sequence[Finding]
    """The costliest first."""
    sections: Sequence[Section]
    missing: Sequence[Missing]
    running: Sequence[float] = field(default=())
    """Running tasks over the period: the highest minute of each stretch."""

    @property
    def period(self) -> str:
        """The time told of."""
        return told(self.extent.split, self.extent.end)

    @property
    def comparison(self) -> str:
        """The time that it is compared with."""
        if self.extent.earlier:
            return told(self.extent.begin, self.extent.split)
        return f"nothing, the database begins at {self.extent.begin:%Y-%m-%d %H:%M} UTC"

    @property
    def listed(self) -> Sequence[Finding]:
        """The findings that people are shown: many of one kind hide none of another."""
        seen = Counter[Kind]()
        listed = []
        for each in self.findings:
            seen[each.kind] += 1
            if seen[each.kind] <= LISTED_OF_A_KIND:
                listed.append(each)
        return listed

    @property
    def unlisted(self) -> str:
        """How many more there are, and where; empty where there are none."""
        left = Counter(each.kind for each in self.findings)
        left.subtract(each.kind for each in self.listed)
        told = ", ".join(f"{count:,} more of {kind.value}" for kind, count in (+left).items())
        return f"{told}: in the tables, and in --format json." if told else ""

    @property
    def verdict(self) -> str:
        """The whole in two sentences: what ran, and what is the worst of it."""
        tries, seconds = self.totals["tries"], self.totals["seconds"]
        ran = f"{whole(tries)} tries took {clock(seconds)} of task time."
        return f"{ran if tries else 'No try has ended in this period.'} {self._worst}".rstrip()

    @property
    def _worst(self) -> str:
        if not self.findings:
            return "Nothing stands out." if self.totals["tries"] else ""
        first, count = self.findings[0], len(self.findings)
        many = f"{count:,} findings" if count > 1 else "1 finding"
        if first.seconds <= 0:
            return f"{many}, none with a cost in time: {first.text}."
        which = f"{many}; the costliest" if count > 1 else many
        return f"{which} ({clock(first.seconds)}): {first.text}."


_FORMS: Final[Mapping[Unit, Callable[[float], str]]] = {
    Unit.SECONDS: clock,
    Unit.BYTES: size,
    Unit.SHARE: share,
    Unit.RATIO: partial(decimal, digits=2),
    Unit.CHANCE: "{:.1g}".format,
}


def shown(value: Value, unit: Unit) -> str:
    """Return a value for people."""
    if value is None or value != value:  # noqa: PLR0124 - nan
        return "-"
    if isinstance(value, str):
        return plain(value)
    return _FORMS.get(unit, whole)(value)
