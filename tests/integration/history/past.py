"""A past that tests write: runs, tries and serialized DAGs of any Airflow version."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from itertools import count
from typing import Any
from uuid import uuid4

import sqlalchemy as sa

from exporter.collectors.airflow.database import Database
from exporter.demo import schema
from exporter.dsn import parsed
from exporter.history.reader import History
from tests.integration.collectors.airflow.world import World

TIMEOUT = 30.0


class Past:
    """Writes what has happened, seconds ago as told."""

    def __init__(self, dsn: str, version: str = "3.3") -> None:
        """Take an empty database."""
        engine = sa.create_engine(dsn.replace("postgresql:", "postgresql+psycopg:", 1))
        self.dsn = dsn
        self.world = World(engine, schema.create(engine, version), version)
        if self.world.has("dag_bundle"):
            self.world.add("dag_bundle", name="dags-folder", active=True)
        self._dags: set[str] = set()
        self._versions = count(1)
        self._databases: list[Database] = []

    def run(self, dag_id: str, run_id: str, start: float, end: float | None, **more: Any) -> None:
        """Add a run, of a DAG that is added as well."""
        self._know(dag_id)
        values = {
            "due": self.world.at(start - 5),
            "start_date": self.world.at(start),
            "end_date": None if end is None else self.world.at(end),
            **more,
        }
        state = values.pop("state", "running" if end is None else "success")
        self.world.run(dag_id, run_id, state, **values)

    def tried(
        self, run: tuple[str, str], task_id: str, start: float, end: float, **more: Any
    ) -> None:
        """Add a live try of a run that ran and ended; queued two seconds before, by default."""
        self._try("task_instance", run, task_id, (start, end), {"state": "success", **more})

    def archived(
        self, run: tuple[str, str], task_id: str, start: float, end: float, **more: Any
    ) -> None:
        """Add an earlier try of a task instance."""
        values = {"state": "failed", **more}
        self._try("task_instance_history", run, task_id, (start, end), values)

    def serialized(self, dag_id: str, tasks: Mapping[str, Sequence[str]], **how: Any) -> None:
        """Add a DAG as Airflow serializes it: by task, what runs after it."""
        wrapped = [
            {"__type": "operator", "__var": {"task_id": name, "downstream_task_ids": [*below]}}
            for name, below in tasks.items()
        ]
        if how.pop("plain", False):
            wrapped = [each["__var"] for each in wrapped]  # type: ignore[misc]
        self.document(dag_id, {"__version": 1, "dag": {"dag_id": dag_id, "tasks": wrapped}}, **how)

    def document(self, dag_id: str, document: Any, *, at: datetime | None = None) -> None:
        """Add what is serialized of a DAG, for Airflow 3 of a version of its own."""
        self._know(dag_id)
        moment = at or self.world.now
        values = {"dag_id": dag_id, "data": document, "created_at": moment, "last_updated": moment}
        if self.world.has("serialized_dag", "dag_version_id"):
            values["dag_version_id"] = uuid4()
            self.world.add(
                "dag_version", id=values["dag_version_id"], dag_id=dag_id,
                version_number=next(self._versions), created_at=moment, last_updated=moment,
            )  # fmt: skip
        self.world.add("serialized_dag", **values)

    def history(self) -> History:
        """Look back; the connection is closed with the engine of the test."""
        self._databases.append(Database(lambda: parsed(self.dsn, "test"), TIMEOUT))
        return History(self._databases[-1], None, TIMEOUT)

    def close(self) -> None:
        """Leave the database."""
        for each in self._databases:
            each.close()
        self.world.engine.dispose()

    def at(self, seconds: float) -> datetime:
        """Return a moment."""
        return self.world.at(seconds)

    def _know(self, dag_id: str) -> None:
        if dag_id not in self._dags:
            self._dags.add(dag_id)
            self.world.dag(dag_id, next_dagrun_create_after=self.world.at(3600))

    def _try(
        self, table: str, run: tuple[str, str], task_id: str, span: tuple[float, float], more: Any
    ) -> None:
        start, end = span
        values = {
            "queued_dttm": self.at(start - 2),
            "scheduled_dttm": self.at(start - 3),
            "start_date": self.at(start),
            "end_date": self.at(end),
            "duration": end - start,
            "pid": 7,
            **more,
        }
        self.world.add(table, dag_id=run[0], run_id=run[1], task_id=task_id, **values)
