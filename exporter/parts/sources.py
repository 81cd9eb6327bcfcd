"""Everything that is sampled or taken in, as the settings say; each part loads what it needs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from exporter.clock import Clock
from exporter.collectors.base import Collector
from exporter.dsn_source import DsnSource
from exporter.logs import Redactor
from exporter.parts import rows
from exporter.parts.in_force import InForce
from exporter.parts.surroundings import Surroundings, dag_filter
from exporter.rows.window import Window, joined
from exporter.running.tries import RunningTries
from exporter.sampler.collector_thread import Schedule
from exporter.telemetry.store import Store

if TYPE_CHECKING:
    from exporter.collectors.airflow.collector import AirflowCollector
    from exporter.collectors.dbt.collector import DbtCollector
    from exporter.collectors.tasks.collector import TasksCollector
    from exporter.forward.forwarder import Forwarder
    from exporter.intake.collector import PushedTries
    from exporter.intake.service import Intake

PUSHED_SCHEDULE = Schedule(2.0, 5.0)
"""How often tries are settled that were pushed where no database is sampled."""
DBT_TIMEOUT_SECONDS = 30.0
"""Of one look: a first one may find thousands of files."""


class Sources:
    """The collectors and the intake, and what they share: the book of claims, names of tries."""

    def __init__(
        self,
        environ: Mapping[str, str],
        redactor: Redactor,
        store: Store,
        clock: Clock,
        in_force: InForce,
    ) -> None:
        """Build nothing yet."""
        self._environ = environ
        self._redactor = redactor
        self._store = store
        self._clock = clock
        self._in_force = in_force
        self._book = rows.claim_book(store)
        self._airflow: AirflowCollector | None = None
        self._pushed: PushedTries | None = None
        self._tasks: TasksCollector | None = None
        self._dbt: DbtCollector | None = None
        self.intake: Intake | None = None

    @property
    def window(self) -> Window | None:
        """What was written in the last minutes; None where nobody counts tries."""
        counts = self._airflow or self._pushed
        if counts is None:
            return None
        return joined(each.window for each in (counts, self._dbt) if each is not None)

    def running(self) -> RunningTries | None:
        """Return the last look at the tries of this host; None where there was none."""
        return self._tasks.running if self._tasks else None

    def build(
        self, database: DsnSource | None, forwarder: Forwarder | None
    ) -> Iterator[tuple[Collector, Schedule]]:
        """Build every part that the settings ask for; raise ConfigError for what cannot be."""
        settings = self._in_force.settings
        if database is not None:
            yield self._built_airflow(database)
        around = self._surroundings()
        if settings.containers:
            from exporter.parts import containers  # noqa: PLC0415 - for those who use it

            yield (
                containers.containers_collector(around),
                Schedule(settings.containers_interval, settings.containers_timeout),
            )
        if settings.tasks:
            from exporter.parts import tasks  # noqa: PLC0415 - for those who use it

            self._tasks = tasks.tasks_collector(around, self._store.checkpoint, forwarder)
            yield self._tasks, Schedule(settings.tasks_interval, settings.tasks_timeout)
        if settings.enable_intake or settings.dbt_path is not None:
            yield from self._built_intake()

    def reconfigure(self) -> None:
        """Take over what is in force now."""
        if self._airflow is not None:
            from exporter.parts import airflow  # noqa: PLC0415 - is loaded by now

            in_force = self._in_force
            self._airflow.reconfigure(airflow.airflow_options(in_force.settings, in_force.rules))

    def _built_airflow(self, database: DsnSource) -> tuple[Collector, Schedule]:
        from exporter.parts import airflow  # noqa: PLC0415 - loads SQLAlchemy

        settings = self._in_force.settings
        self._airflow = airflow.airflow_collector(
            airflow.airflow_options(settings, self._in_force.rules),
            database,
            self._store,
            self._clock,
            self._book,
            policy=airflow.scaling_policy(settings),
        )
        return self._airflow, Schedule(settings.airflow_interval, settings.airflow_timeout)

    def _built_intake(self) -> Iterator[tuple[Collector, Schedule]]:
        from exporter.parts import intake  # noqa: PLC0415 - loads msgspec

        settings = self._in_force.settings
        self.intake = intake.intake(
            settings,
            self._store,
            self._book,
            self._clock,
            redactor=self._redactor,
            dags=lambda: dag_filter(self._in_force.settings),
        )
        if not settings.airflow:
            self._pushed = intake.pushed_tries(self._store, self._book, self._clock, self._in_force)
            yield self._pushed, PUSHED_SCHEDULE
        if settings.dbt_path is not None:
            from exporter.parts import dbt  # noqa: PLC0415 - for those who use it

            self._dbt = dbt.dbt_collector(
                settings.dbt_path, self._store, self.intake.submit, self._clock
            )
            yield self._dbt, Schedule(settings.dbt_interval, DBT_TIMEOUT_SECONDS)

    def _surroundings(self) -> Surroundings:
        return Surroundings(
            self._in_force.settings,
            self._environ,
            self._clock,
            dags=lambda: dag_filter(self._in_force.settings),
            known_tasks=lambda: self._airflow.task_names if self._airflow else frozenset(),
            identities=lambda: self._airflow.identities if self._airflow else {},
        )
