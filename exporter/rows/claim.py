"""What somebody claims of a try: how much data it wrote."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import IntEnum
from typing import NamedTuple, TypeVar

MAX_AMOUNT = 2**53 - 1
"""Most rows or bytes of one claim: up to here a counter is exact."""
MAX_SECONDS = 10 * 366 * 86400.0

N = TypeVar("N", int, float)


class TryId(NamedTuple):
    """What names a try to those who work in it: they know its number, not its start."""

    dag_id: str
    task_id: str
    run_id: str
    map_index: int
    """-1 for a task that is not mapped, as in Airflow."""
    try_number: int


class Source(IntEnum):
    """Who tells; of several that tell of one try the highest wins, and nothing is added up."""

    DBT = 1
    """A run_results.json."""
    PLUGIN = 2
    """Row counts of SQL hooks, by the Airflow plugin."""
    XCOM = 3
    """A value that the task returned or pushed."""
    EXPLICIT = 4
    """The DAG's author, or a container, said so."""


Part = tuple[Source, "str | None", "str | None"]
"""Source, pipeline and stage."""


@dataclass(frozen=True, slots=True)
class Claim:
    """How much one source says that a try wrote for one pipeline and stage; None is unknown."""

    source: Source
    pipeline: str | None = None
    stage: str | None = None
    rows: int | None = None
    bytes: int | None = None
    seconds: float | None = None
    """The time that the data took; unknown, it is the try's duration."""

    @property
    def part(self) -> Part:
        """What a later claim on the same try replaces; a try may write for several stages."""
        return (self.source, self.pipeline, self.stage)

    @property
    def tells(self) -> bool:
        """Whether any amount of data is known; seconds alone tell nothing."""
        return self.rows is not None or self.bytes is not None


def merged(claims: Iterable[Claim]) -> tuple[Claim, ...]:
    """Return one claim a part, the largest of each field: the order of arrival does not matter."""
    parts: dict[Part, Claim] = {}
    for claim in claims:
        known = parts.get(claim.part)
        parts[claim.part] = claim if known is None else _largest(known, claim)
    return tuple(parts.values())


def _largest(one: Claim, other: Claim) -> Claim:
    return replace(
        one,
        rows=_larger(one.rows, other.rows),
        bytes=_larger(one.bytes, other.bytes),
        seconds=_larger(one.seconds, other.seconds),
    )


def _larger(one: N | None, other: N | None) -> N | None:
    if one is None or other is None:
        return other if one is None else one
    return max(one, other)
