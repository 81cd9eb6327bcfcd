"""The dbt collector, and how what it finds becomes a claim."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeoutError
from pathlib import Path

from exporter.clock import Clock
from exporter.collectors.dbt.collector import DbtCollector
from exporter.intake.payload import Report
from exporter.rows.claim import Claim, TryId
from exporter.telemetry.store import Store

COMMIT_SECONDS = 2.0
"""How long claims may take to be durable; after that they are handed over again."""

Submit = Callable[[Sequence[Report]], "Future[bool] | None"]


def dbt_collector(path: Path, store: Store, submit: Submit, clock: Clock) -> DbtCollector:
    """Build the dbt collector; it hands claims over to the intake."""

    def hand_over(on: TryId, claims: Sequence[Claim], outcome: str) -> bool:
        reports = [Report(on, outcome, claim, {}) for claim in claims if claim.tells]
        if not reports:
            return True
        durable = submit(reports)
        try:
            return durable is not None and durable.result(COMMIT_SECONDS)
        # The built-in one only from Python 3.11 on.
        except FutureTimeoutError:
            return False

    return DbtCollector(path, hand_over, store.checkpoint(DbtCollector.name), clock)
