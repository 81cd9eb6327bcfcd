"""When DAGs last finished, for those that the ledger knows nothing of: looked up page by page."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime

import structlog
from sqlalchemy import Connection

from exporter.collectors.airflow import facts
from exporter.collectors.airflow.memory import Remembered
from exporter.collectors.airflow.options import Options
from exporter.collectors.airflow.schema import Schema
from exporter.collectors.airflow.transaction import begin
from exporter.errors import SourceTimeoutError, SourceUnavailableError

DAGS_A_PAGE = 10
"""DAGs whose last finish is looked up in one sample, until all are known."""

Finishes = Mapping[str, tuple[datetime | None, datetime | None]]
"""When its runs last succeeded, and last finished, by DAG."""
Transact = Callable[[Callable[[Connection, Schema], Finishes]], Finishes]
"""Runs a reading in a transaction of its own."""


class LastFinishes:
    """Completes the memory by what ended before the exporter first looked."""

    def __init__(self) -> None:
        """Start without having tried any."""
        self._log = structlog.get_logger("exporter.collectors.airflow")
        self._looked_up: set[str] = set()
        self._alone: set[str] = set()
        """DAGs that were looked up together in vain, and are now one by one."""
        self._too_slow: set[str] = set()
        """DAGs whose last finish could not be looked up in time."""

    def completed(
        self, memory: Remembered, known: frozenset[str], options: Options, transact: Transact
    ) -> Remembered:
        """Return the memory with a page more of the `known` DAGs, and without those that went."""
        success = {dag: at for dag, at in memory.last_success.items() if dag in known}
        finish = {dag: at for dag, at in memory.last_finish.items() if dag in known}
        # A run that failed meanwhile tells nothing of an earlier success.
        left = known - success.keys() - self._looked_up - self._too_slow
        wanted = sorted(dag for dag in left if options.dags.wants(dag))
        page = [dag for dag in wanted if dag not in self._alone][:DAGS_A_PAGE] or wanted[:1]
        for dag, (succeeded, ended) in self._found(page, options, transact).items():
            if succeeded is not None:
                success[dag] = max(succeeded.timestamp(), success.get(dag, 0.0))
            if ended is not None:
                finish[dag] = max(ended.timestamp(), finish.get(dag, 0.0))
            self._looked_up.add(dag)
        self._looked_up &= known
        return replace(memory, last_success=success, last_finish=finish)

    def _found(self, page: list[str], options: Options, transact: Transact) -> Finishes:
        def read(connection: Connection, schema: Schema) -> Finishes:
            begin(connection, options.timeout_seconds)
            return facts.last_finishes(connection, schema, page)

        if not page:
            return {}
        try:
            return transact(read)
        except SourceUnavailableError as error:
            self._log.warning("last_finishes.failed", error=str(error), dags=len(page))
            if len(page) > 1:
                self._alone.update(page)
            elif isinstance(error, SourceTimeoutError):
                # Runs of years may be too many to look through: it stays unknown until one ends.
                self._too_slow.update(page)
            return {}
