"""What a metric family is, and the words that several of them share."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Final


class Kind(Enum):
    """What a family's values mean and who accumulates them."""

    GAUGE = "gauge"
    """Replaced as a set by its collector."""
    COUNTER = "counter"
    """Accumulated here from increments and kept in the ledger."""
    HISTOGRAM = "histogram"
    """Accumulated here from observations and kept in the ledger."""
    MIRRORED = "mirrored counter"
    """An absolute value that something else accumulates: replaced as a set, never added up."""


class Stability(Enum):
    """How much a name may still change."""

    DOCUMENTED = "documented"
    """Fixed for good, labels included."""
    EXPERIMENTAL = "experimental"
    """May change between releases, with a note in the changelog."""


@dataclass(frozen=True, eq=False)
class Family:
    """One metric family; `labels` is the order of every label tuple of it."""

    name: str
    kind: Kind
    help: str
    labels: tuple[str, ...] = ()
    collector: str = "airflow"
    buckets: tuple[float, ...] = ()
    stability: Stability = Stability.EXPERIMENTAL

    @property
    def accumulated(self) -> bool:
        """Tell whether the store adds values up and the ledger keeps them."""
        return self.kind in (Kind.COUNTER, Kind.HISTOGRAM)

    @property
    def exposed_type(self) -> str:
        """The word of the `# TYPE` line."""
        return "counter" if self.kind is Kind.MIRRORED else self.kind.value


SELF: Final = "exporter"
"""The collector name of the families about ourselves."""

TASK: Final = ("dag_id", "task_id")
TRY: Final = ("dag_id", "task_id", "operator_type")
DAG: Final = ("dag_id",)
SAMPLED: Final = " As of the last sample."

OTHER: Final = "__other__"
"""The label value that label sets above a cap are folded into."""
BOUNDED_LABELS: Final = frozenset({"state", "run_type"})
"""Labels with a few fixed values: kept when a label set is folded."""


def gauge(name: str, meaning: str, labels: tuple[str, ...] = (), **more: object) -> Family:
    """Declare a gauge; its help says that it is sampled."""
    return Family(name, Kind.GAUGE, meaning + SAMPLED, labels, **more)  # type: ignore[arg-type]
