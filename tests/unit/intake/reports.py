"""Reports as senders make them."""

from __future__ import annotations

from exporter.intake.payload import Report, Use
from exporter.rows.claim import Claim, Source, TryId


def on(number: int = 1, dag_id: str = "etl") -> TryId:
    return TryId(dag_id, "load", f"manual__{number}", -1, 1)


def claim(number: int = 1, rows: int = 5, state: str | None = None, dag_id: str = "etl") -> Report:
    return Report(on(number, dag_id), state, Claim(Source.EXPLICIT, rows=rows), {})


def use(key: str = "u1", cpu_seconds: float = 2.0, dag_id: str = "etl") -> Report:
    return Report(on(1, dag_id), None, None, {key: Use(dag_id, "load", cpu_seconds=cpu_seconds)})
