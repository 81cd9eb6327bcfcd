"""Which DAGs are exposed: the user's filters, the same for tries, tasks and containers."""

from __future__ import annotations

import re
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class DagFilter:
    """Patterns that the whole DAG id must, and must not, match; None lets everything through."""

    include: re.Pattern[str] | None = None
    exclude: re.Pattern[str] | None = None

    def wants(self, dag_id: str) -> bool:
        """Tell whether the filters let this DAG through."""
        if self.include is not None and not self.include.fullmatch(dag_id):
            return False
        return self.exclude is None or not self.exclude.fullmatch(dag_id)
