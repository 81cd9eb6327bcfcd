"""Expiry: which children of counters and histograms have been idle for too long."""

from __future__ import annotations

from collections.abc import Collection

from exporter.catalogue import OTHER, Family
from exporter.clock import Clock
from exporter.telemetry.limits import Limits
from exporter.telemetry.table import Child, Table

GONE_DAG_SECONDS = 3600.0
"""How long the children of a DAG that left the database stay: a parse hiccup must not drop them."""
_EVERY_SECONDS = 60.0


class Expiry:
    """Looks once a minute."""

    def __init__(self, limits: Limits, clock: Clock) -> None:
        """Look for the first time when asked for the first time."""
        self._idle_seconds = limits.idle_expiry_seconds
        self._clock = clock
        self._due_at = 0.0

    def is_due(self) -> bool:
        """Tell whether it is time to look; the next time is a minute later."""
        now = self._clock.monotonic()
        if now < self._due_at:
            return False
        self._due_at = now + _EVERY_SECONDS
        return True

    def expired(self, table: Table, known_dags: Collection[str] | None) -> list[Child]:
        """Return the children to remove; `known_dags` is None as long as nobody has told them."""
        wall = self._clock.wall()
        found = []
        for child in table:
            idle = wall - child.touched
            gone = idle > GONE_DAG_SECONDS and _is_of_gone_dag(table.family, child, known_dags)
            if child.pending is None and (gone or idle > self._idle_seconds):
                found.append(child)
        return found


def _is_of_gone_dag(family: Family, child: Child, known_dags: Collection[str] | None) -> bool:
    if known_dags is None or "dag_id" not in family.labels:
        return False
    dag_id = child.labels[family.labels.index("dag_id")]
    return dag_id != OTHER and dag_id not in known_dags
