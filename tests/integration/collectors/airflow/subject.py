"""The real collector on one database, with what a ledger and a book of claims would hold."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from exporter.collectors.airflow.collector import AirflowCollector
from exporter.collectors.airflow.database import Database
from exporter.collectors.airflow.options import Options
from exporter.collectors.airflow.rows import Rows
from exporter.collectors.airflow.scaling import Scaling
from exporter.dsn import parsed
from exporter.insight.autoscale import Policy
from exporter.rows.book import ClaimBook
from exporter.rows.window import Window
from exporter.samples import Batch, EntryKey
from tests.support.clock import HandClock


class Subject:
    """A collector that a test samples by hand; it tells workers desired where it has a policy."""

    def __init__(
        self,
        dsn: str,
        entries: Mapping[EntryKey, str] | None = None,
        policy: Policy | None = None,
        **options: Any,
    ) -> None:
        self.clock = HandClock()
        self.book = ClaimBook()
        self.entries = dict(entries or {})
        self._database = Database(lambda: parsed(dsn, "test"), 30.0)
        self._collector = AirflowCollector(
            self._database,
            Options(timeout_seconds=30.0, **options),
            self.entries,
            self.clock.clock,
            Rows(self.book, self.clock.clock),
            scaling=None if policy is None else Scaling(policy),
        )

    @property
    def window(self) -> Window:
        """What tries wrote in the last minutes."""
        return self._collector.window

    def sample(self, *, seconds: float = 0.0) -> Batch:
        """Let time pass, sample, and keep what a ledger would."""
        self.clock.pass_seconds(seconds)
        batch = self._collector.sample()
        self._collector.accepted()
        assert batch.checkpoint is not None
        self.entries.update(batch.checkpoint.put)
        for key in batch.checkpoint.drop:
            del self.entries[key]
        assert self.entries == batch.checkpoint.everything()
        return batch

    def close(self) -> None:
        """Leave the database."""
        self._database.close()


Make = Callable[..., Subject]
"""Makes a subject that ends with the test."""
