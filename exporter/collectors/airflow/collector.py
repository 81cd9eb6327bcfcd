"""The Airflow collector: readings of the metadata database to batches, memory and all."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import replace
from datetime import timedelta
from typing import TypeVar

import structlog
from sqlalchemy import Connection

from exporter import catalogue
from exporter.catalogue import Family
from exporter.clock import Clock
from exporter.collectors.airflow import fact_gauges, facts, gauges, xcom
from exporter.collectors.airflow.counting import counted
from exporter.collectors.airflow.database import Database, SchemaChangedError
from exporter.collectors.airflow.facts import Facts
from exporter.collectors.airflow.last_finishes import LastFinishes
from exporter.collectors.airflow.memory import Remembered, checkpoint, restored
from exporter.collectors.airflow.options import Options
from exporter.collectors.airflow.reading import Fingerprint, Reading, Span, read
from exporter.collectors.airflow.rows import Rows, RowsSample, Seen
from exporter.collectors.airflow.scaling import Observed, Scaling, ScalingSample
from exporter.collectors.airflow.schema import Schema, probed
from exporter.collectors.airflow.transaction import begin
from exporter.collectors.base import Collector
from exporter.errors import SourceUnavailableError
from exporter.model import FinishedTry, Task, TaskKey
from exporter.rows.window import Window
from exporter.samples import Batch, EntryKey, Labels, Sample

T = TypeVar("T")
_FACTS_HELD_INTERVALS = 3
_FACTS_RETRY_DIVISOR = 4


class AirflowCollector(Collector):
    """Samples the metadata database; counts every finished try once."""

    name = "airflow"
    volatile_sets = ("scaling",)

    def __init__(
        self,
        database: Database,
        options: Options,
        entries: Mapping[EntryKey, str],
        clock: Clock,
        rows: Rows | None = None,
        *,
        scaling: Scaling | None = None,
    ) -> None:
        """Start from what earlier checkpoints hold; nothing is read before the first sample.

        `rows` tells how much data tries wrote, `scaling` how many workers are desired; without
        them nobody asks.
        """
        self._database = database
        self._options = options
        self._clock = clock
        self._rows = rows
        self._scaling = scaling
        self._log = structlog.get_logger("exporter.collectors.airflow")
        self._schema: Schema | None = None
        self._connects = 0
        self._memory = self._restored(entries)
        self._fingerprints: Mapping[TaskKey, Fingerprint] = {}
        self._next: tuple[Remembered, Reading, frozenset[tuple[str, str]]] | None = None
        self.identities: Mapping[str, Task] = {}
        """The started tries by what titles hold of them: a snapshot, for other collectors."""
        self.task_names: frozenset[tuple[str, str]] = frozenset()
        """DAG and task ids of what is active; the same object while it is the same set."""
        self._facts: Facts | None = None
        self._facts_good: bool | None = None
        """How the last reading of facts went; None before the first."""
        self._facts_at: float | None = None
        """Monotonic seconds of the last good reading of facts."""
        self._facts_due = clock.monotonic()
        self._sweep_due = clock.monotonic()
        self._last_finishes = LastFinishes()

    @property
    def window(self) -> Window:
        """What tries wrote in the last minutes, by minute, pipeline and stage."""
        return self._memory.rows.window

    def sample(self) -> Batch:
        """Read what is active and what has ended, and once a minute the slow facts."""
        self._next = None
        reading = self._in_schema(self._read)
        facts_changed = self._refresh_facts()
        step = counted(self._memory, reading, self._options)
        memory = self._with_last_finishes(step.memory)
        names = frozenset((group.dag_id, group.task_id) for group in reading.groups)
        names = self.task_names if names == self.task_names else names
        tags = self._facts.tags if self._facts is not None else None
        rows = self._rows_sample(memory, Seen(step.tries, reading.active.keys(), names, tags))
        scaling = self._scaling_sample(memory, reading, step.tries)
        memory = replace(memory, rows=rows.account, experience=scaling.experience)
        sets = {**rows.gauges, **scaling.gauges, "active": [*self._active_samples(reading, memory)]}
        if facts_changed:
            sets["facts"] = [*self._facts_samples()]
        if self._schema is not None:
            sets["features"] = [*self._feature_samples(self._schema)]
        self._next = (memory, reading, names)
        return Batch(
            gauges=sets,
            increments=[*step.samples, *rows.increments],
            announced=[*self._announced(reading), *rows.announced],
            checkpoint=checkpoint(self._memory, memory),
            known_dags=self._known_dags() if facts_changed else None,
        )

    def accepted(self) -> None:
        """Take over the memory that the last batch was made with."""
        if self._next is not None:
            self._memory, reading, self.task_names = self._next
            self._fingerprints = reading.fingerprints
            self.identities = {
                row.identity: Task(*row.key, row.try_number)
                for row in reading.active.values()
                if row.identity is not None
            }
            if self._rows is not None:
                self._rows.accepted()

    def reconfigure(self, options: Options) -> None:
        """Take other filters from the next sample on; the facts are made to gauges anew."""
        self._options = options
        self._facts_due = self._clock.monotonic()

    def interrupt(self) -> None:
        """Free a thread that waits for the database."""
        self._database.interrupt()

    # Reading.

    def _in_schema(self, work: Callable[[Connection, Schema], T]) -> T:
        """Run in a transaction; probe and run once more when the tables are not as they were."""
        try:
            return self._try_in_schema(work)
        except SchemaChangedError as error:
            self._log.warning("schema.changed", error=str(error))
            self._schema = None
            return self._try_in_schema(work)

    def _try_in_schema(self, work: Callable[[Connection, Schema], T]) -> T:
        with self._database.transaction() as connection:
            if self._schema is None or self._connects != self._database.connects:
                self._schema = self._probed(connection)
                self._connects = self._database.connects
            return work(connection, self._schema)

    def _probed(self, connection: Connection) -> Schema:
        schema = probed(connection, self._options.schema_name)
        missing = sorted(name for name, there in schema.features().items() if not there)
        if self._schema is None or self._schema.features() != schema.features():
            self._log.info(
                "schema.probed", backend=schema.backend, revision=schema.revision,
                version=schema.version, features_missing=missing,
            )  # fmt: skip
        return schema

    def _read(self, connection: Connection, schema: Schema) -> Reading:
        now = begin(connection, self._options.timeout_seconds)
        monotonic = self._clock.monotonic()
        sweep = monotonic >= self._sweep_due
        if sweep:
            self._sweep_due = monotonic + self._options.overlap_seconds / 2
        span = Span(
            timedelta(seconds=self._options.overlap_seconds),
            timedelta(seconds=self._options.heartbeat_timeout_seconds),
            sweep,
        )
        return read(
            connection, schema, now, memory=self._memory, known=self._fingerprints, span=span
        )

    def _refresh_facts(self) -> bool:
        """Read the slow facts when they are due; tell whether their gauges must be replaced."""
        now = self._clock.monotonic()
        if now < self._facts_due:
            return False
        interval = self._options.facts_interval_seconds
        try:
            self._facts = self._in_schema(self._read_facts)
        except SourceUnavailableError as error:
            # A locked `dag` table must not cost us the counting of tries.
            if self._facts_good is not False:
                self._log.warning("facts.failed", error=str(error))
            self._facts_good = False
            self._facts_due = now + interval / _FACTS_RETRY_DIVISOR
            if self._facts_at is None or now - self._facts_at < _FACTS_HELD_INTERVALS * interval:
                return False
            self._facts = None
            return True
        if self._facts_good is False:
            self._log.info("facts.recovered")
        self._facts_good = True
        self._facts_at = now
        self._facts_due = now + interval
        return True

    def _read_facts(self, connection: Connection, _schema: Schema) -> Facts:
        now = begin(connection, self._options.timeout_seconds)
        # Grants and columns may have come since the last look.
        self._schema = self._probed(connection)
        return facts.read(connection, self._schema, now)

    def _with_last_finishes(self, memory: Remembered) -> Remembered:
        known = self._known_dags()
        if known is None:
            return memory
        return self._last_finishes.completed(memory, known, self._options, self._in_schema)

    def _rows_sample(self, memory: Remembered, seen: Seen) -> RowsSample:
        if self._rows is None:
            return RowsSample(memory.rows)
        is_readable = self._schema is not None and xcom.is_offered(self._schema)
        transact = self._in_schema if is_readable and self._options.xcom else None
        return self._rows.sample(memory.rows, seen, self._options, transact)

    def _scaling_sample(
        self, memory: Remembered, reading: Reading, finished: Collection[FinishedTry]
    ) -> ScalingSample:
        if self._scaling is None:
            return ScalingSample(memory.experience)
        queues = {self._options.default_queue, *memory.queues}
        observed = Observed(reading, finished, queues, self._facts)
        return self._scaling.sample(memory.experience, observed, self._options, self._in_schema)

    # Gauges.

    def _active_samples(self, reading: Reading, memory: Remembered) -> Iterator[Sample]:
        wants = self._options.dags.wants
        rows = reading.active.values()
        yield from gauges.task_samples(reading.groups, rows, reading.now, wants)
        yield from gauges.queue_samples(
            reading.groups, memory.queues, self._options.default_queue, reading.now
        )
        yield from gauges.run_samples(reading.runs, reading.now, wants)
        if self._facts is not None and self._facts.pools is not None:
            yield from gauges.pool_samples(reading.groups, self._facts.pools)
        if reading.stale is not None:
            yield Sample(catalogue.TASK_HEARTBEAT_STALE, (), float(reading.stale))
        for family, moments in (
            (catalogue.DAG_LAST_SUCCESS, memory.last_success),
            (catalogue.DAG_LAST_FINISH, memory.last_finish),
        ):
            shown = {dag: at for dag, at in moments.items() if at > 0 and wants(dag)}
            yield from gauges.timestamp_samples(family, shown)

    def _facts_samples(self) -> Iterator[Sample]:
        if self._facts is None:
            return
        yield from fact_gauges.total_samples(self._facts)
        for sample in fact_gauges.samples(self._facts, self._options.team):
            about_dag = sample.family.labels[:1] == ("dag_id",)
            if not about_dag or self._options.dags.wants(sample.labels[0] or ""):
                yield sample
        if self._schema is not None:
            info = (self._schema.backend, self._schema.version, self._schema.revision)
            yield Sample(catalogue.METADATA_INFO, info, 1.0)

    def _feature_samples(self, schema: Schema) -> Iterator[Sample]:
        for feature, there in {**schema.features(), "facts": bool(self._facts_good)}.items():
            yield Sample(catalogue.COLLECTOR_FEATURE, (self.name, feature), float(there))

    def _announced(self, reading: Reading) -> Iterator[tuple[Family, Labels]]:
        schema = self._schema
        delays = schema is not None and schema.has("task_instance", "scheduled_dttm")
        for family, labels in gauges.announced_tasks(reading.groups, self._options.dags.wants):
            if delays or family is not catalogue.TASK_SCHEDULE_DELAY:
                yield family, labels
        yield from gauges.announced_runs(reading.runs, self._options.dags.wants)

    def _known_dags(self) -> frozenset[str] | None:
        if self._facts is None or self._facts.dags is None:
            return None
        return frozenset(dag.dag_id for dag in self._facts.dags)

    def _restored(self, entries: Mapping[EntryKey, str]) -> Remembered:
        try:
            return restored(entries)
        except (ValueError, TypeError, KeyError) as error:
            self._log.error("memory.unreadable", error=type(error).__name__)
            return Remembered()
