"""One pass over the past: short read-only transactions, a page of runs in each."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta, timezone
from functools import partial
from itertools import islice
from math import floor
from typing import TypeVar

from sqlalchemy import Connection, or_, select

from exporter.collectors.airflow import facts, run_rows
from exporter.collectors.airflow.database import Database
from exporter.collectors.airflow.first_waves import is_of_workers
from exporter.collectors.airflow.schema import Schema, probed
from exporter.collectors.airflow.transaction import begin
from exporter.errors import SourceUnavailableError
from exporter.history import edges, health, tries
from exporter.history.extent import Extent, extent
from exporter.history.tables import READ
from exporter.insight.performance.past import PastTry
from exporter.model import RunRow

RUNS_A_PAGE = 200
DAGS_A_PAGE = 50
FIRST_PAGES = 10
"""Pages of runs in which the first try is looked for."""
_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)

T = TypeVar("T")


class History:
    """The past of one Airflow; every method raises SourceUnavailableError."""

    def __init__(self, database: Database, schema_name: str | None, timeout_seconds: float) -> None:
        """Look at the tables; nothing but what is read by each method is read."""
        self._database = database
        self._schema_name = schema_name
        self._timeout_seconds = timeout_seconds
        with database.transaction() as connection:
            self.now = begin(connection, timeout_seconds)
            self.schema: Schema = probed(connection, schema_name, READ)
            self._highest = run_rows.highest_run_id(connection, self.schema)

    def pages_of_runs(
        self, since: datetime, progress: Callable[[float], None]
    ) -> Iterator[list[RunRow]]:
        """Yield the runs that had not ended before, by their ids; tell the share that is done."""
        last = 0
        while runs := self._read(partial(_runs_above, last, since)):
            yield runs
            last = runs[-1].id
            progress(min(1.0, last / self._highest) if self._highest else 1.0)

    def finished_tries(self, runs: Sequence[RunRow]) -> Iterator[PastTry]:
        """Yield the finished tries of a page of runs."""
        with self._database.transaction() as connection:
            begin(connection, self._timeout_seconds)
            yield from tries.of_runs(connection, self.schema, runs)

    def tries_of_workers(self, runs: Sequence[RunRow]) -> Iterator[PastTry]:
        """Return those of them that waited in a queue for Celery's workers."""
        return (each for each in self.finished_tries(runs) if is_of_workers(each.executor))

    @property
    def limits_tasks_of_each_run(self) -> bool:
        """Tell whether max_active_tasks holds for each run, as since Airflow 3.0."""
        return self.schema.has("task_instance", "scheduled_dttm")

    def edges(self, dag_ids: Sequence[str]) -> edges.Edges:
        """Return how the tasks of these DAGs depend on one another."""
        if not self.schema.has("serialized_dag", "dag_id", "data"):
            message = "serialized_dag is missing or not granted"
            raise SourceUnavailableError(message)
        found: edges.Edges = {}
        for at in range(0, len(dag_ids), DAGS_A_PAGE):
            page = dag_ids[at : at + DAGS_A_PAGE]
            found |= self._read(partial(edges.of_dags, page))
        return found

    def facts(self) -> facts.Facts:
        """Return pools, DAGs and components as they are now."""
        return self._read(lambda connection, schema: facts.read(connection, schema, self.now))

    def extent(self, earlier: timedelta, later: timedelta) -> Extent:
        """Return the later time, up to now, and the earlier one before it, as far as kept."""
        return extent(self.now, earlier, later, self.first_try())

    def first_try(self) -> datetime | None:
        """Return when the first try that is still kept was queued, or has started.

        Not the first run: of each DAG `airflow db clean` keeps the last run, however old.
        """
        for runs in islice(self.pages_of_runs(_EPOCH, lambda _: None), FIRST_PAGES):
            found = self.finished_tries(runs)
            queued = (each.start if each.queued is None else each.queued for each in found)
            if (first := min(queued, default=None)) is not None:
                return datetime.fromtimestamp(floor(first), timezone.utc)
        return None

    def tables(self) -> list[health.TableHealth]:
        """Return the largest tables."""
        if self.schema.backend != "postgresql":
            message = "only PostgreSQL tells sizes and dead rows of its tables"
            raise SourceUnavailableError(message)
        return self._read(lambda connection, _: health.tables(connection, self._schema_name))

    def slow_statements(self) -> list[health.Statement]:
        """Return what took most of the database's time."""
        if self.schema.backend != "postgresql":
            message = "only PostgreSQL has pg_stat_statements"
            raise SourceUnavailableError(message)
        try:
            return self._read(lambda connection, _: health.slow_statements(connection))
        except SourceUnavailableError:
            message = "pg_stat_statements is not installed in this database, or not granted"
            raise SourceUnavailableError(message) from None

    def _read(self, reading: Callable[[Connection, Schema], T]) -> T:
        with self._database.transaction() as connection:
            begin(connection, self._timeout_seconds)
            return reading(connection, self.schema)


def _runs_above(last: int, since: datetime, connection: Connection, schema: Schema) -> list[RunRow]:
    run = schema.tables["dag_run"]
    lasting = or_(run.c.end_date.is_(None), run.c.end_date >= since)
    ids = select(run.c.id).where(run.c.id > last, lasting).order_by(run.c.id).limit(RUNS_A_PAGE)
    found = run_rows.runs_with(connection, schema, list(connection.execute(ids).scalars()))
    return sorted(found, key=lambda each: each.id)
