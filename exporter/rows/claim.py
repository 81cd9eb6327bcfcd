"""What somebody claims of a try: how much data it wrote."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import NamedTuple


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
    def part(self) -> tuple[Source, str | None, str | None]:
        """What a later claim on the same try replaces; a try may write for several stages."""
        return (self.source, self.pipeline, self.stage)
