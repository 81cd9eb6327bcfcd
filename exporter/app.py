"""The composition root: settings to parts, and the order in which they start and stop."""

from __future__ import annotations

import platform
import signal
import socket
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import structlog

from exporter import __version__, catalogue
from exporter.clock import Clock
from exporter.config import Settings, options
from exporter.dsn import DsnSource
from exporter.errors import ConfigError
from exporter.insight.baselines.file import baselines
from exporter.insight.baselines.gauges import gauges as baseline_gauges
from exporter.insight.baselines.rates import known
from exporter.logs import Redactor, configure
from exporter.parts import rows
from exporter.parts.surroundings import Surroundings, dag_filter
from exporter.sampler import Sampler, Schedule
from exporter.samples import Sample
from exporter.telemetry.exposition import Snapshot
from exporter.telemetry.ledger import Ledger
from exporter.telemetry.process import ProcessText
from exporter.telemetry.store import Limits, Store
from exporter.web.pages import CollectorStatus
from exporter.web.routes import Routes
from exporter.web.server import Limits as WebLimits
from exporter.web.server import Server
from exporter.web.tally import Tally, http_samples

if TYPE_CHECKING:
    from exporter.collectors.airflow.collector import AirflowCollector
    from exporter.forward.forwarder import Forwarder
    from exporter.intake.service import Intake

RELOADABLE = frozenset(
    {"log_level", "log_format", "dag_include", "dag_exclude", "team", "default_queue",
     "heartbeat_timeout", "baselines_file", "rows_file", "rows_grace", "rows_xcom"}
)  # fmt: skip
"""Settings that SIGHUP takes over; the others need a restart, and the log says so."""
PUSHED_SCHEDULE = Schedule(2.0, 5.0)
"""How often tries are settled that were pushed where no database is sampled."""
DBT_TIMEOUT_SECONDS = 30.0
"""Of one look: a first one may find thousands of files."""
DRAIN_SECONDS = 1.0
"""How long running scrapes may take to finish once the process is told to stop."""
COLLECTOR_STOP_SECONDS = 0.5
FORWARD_SECONDS = 0.4
"""How long what is still to be handed over may take in any case."""
STOP_SECONDS = 0.8
"""Until when after the signal it may take longer, where nothing else does."""
_ENDING = frozenset({signal.SIGTERM, signal.SIGINT})


class App:
    """The daemon: builds every part, serves until it is told to stop."""

    def __init__(
        self,
        settings: Settings,
        environ: Mapping[str, str],
        redactor: Redactor,
        reload: Callable[[], Settings] | None = None,
        clock: Clock | None = None,
    ) -> None:
        """Build the parts; raise ConfigError when the settings cannot be used.

        `reload` reads the settings again, for SIGHUP.
        """
        self._settings = settings
        self._reload = reload or (lambda: settings)
        self._redactor = redactor
        self._reload_good = True
        self._airflow: AirflowCollector | None = None
        self._clock = clock or Clock()
        self._log = structlog.get_logger("exporter.app")
        self._tally = Tally()
        self._loaded_wall = self._clock.wall()
        self._process = ProcessText()
        self._baselines = baselines(settings.baselines_file)
        source = _source(settings, environ, redactor)
        self._rules = rows.rules(settings)
        self._forwarder = _forwarder(settings)
        self._intake: Intake | None = None
        self._ledger = Ledger(settings.state_path, self._clock)
        try:
            self._store = Store(
                catalogue.FAMILIES,
                _limits(settings),
                self._ledger,
                self._clock,
                disabled=settings.disabled,
                renamed=catalogue.renamed(settings.metric_prefix),
            )
            self._sampler = Sampler(self._store, self._clock, self._own_samples)
            self._book = rows.claim_book(self._store)
            self._add_collectors(settings, environ, source)
            self._add_intake(settings)
            self._server = self._web(settings)
        except BaseException:
            self._ledger.close()
            raise

    def _add_collectors(
        self, settings: Settings, environ: Mapping[str, str], source: DsnSource | None
    ) -> None:
        if source is not None:
            from exporter.parts import airflow  # noqa: PLC0415 - loads SQLAlchemy

            self._airflow = airflow.airflow_collector(
                airflow.airflow_options(settings, self._rules),
                source,
                self._store,
                self._clock,
                self._book,
                policy=airflow.scaling_policy(settings),
            )
            self._sampler.add(
                self._airflow, Schedule(settings.airflow_interval, settings.airflow_timeout)
            )
        around = Surroundings(
            settings,
            environ,
            self._store,
            self._clock,
            dags=lambda: dag_filter(self._settings),
            known_tasks=lambda: self._airflow.task_names if self._airflow else frozenset(),
            identities=lambda: self._airflow.identities if self._airflow else {},
        )
        if settings.containers:
            from exporter.parts import containers  # noqa: PLC0415 - for those who use it

            self._sampler.add(
                containers.containers_collector(around),
                Schedule(settings.containers_interval, settings.containers_timeout),
            )
        if settings.tasks:
            from exporter.parts import tasks  # noqa: PLC0415 - for those who use it

            self._sampler.add(
                tasks.tasks_collector(around, self._forwarder),
                Schedule(settings.tasks_interval, settings.tasks_timeout),
            )

    def _add_intake(self, settings: Settings) -> None:
        if not settings.enable_intake and settings.dbt_path is None:
            return
        from exporter.parts import intake  # noqa: PLC0415 - loads msgspec

        self._intake = intake.intake(
            settings,
            self._store,
            self._book,
            self._clock,
            redactor=self._redactor,
            dags=lambda: dag_filter(self._settings),
        )
        if not settings.airflow:
            self._sampler.add(
                intake.pushed_tries(
                    self._store, self._book, self._clock, lambda: (self._settings, self._rules)
                ),
                PUSHED_SCHEDULE,
            )
        if settings.dbt_path is not None:
            from exporter.parts import dbt  # noqa: PLC0415 - for those who use it

            self._sampler.add(
                dbt.dbt_collector(settings.dbt_path, self._store, self._intake.submit, self._clock),
                Schedule(settings.dbt_interval, DBT_TIMEOUT_SECONDS),
            )

    @property
    def addresses(self) -> Sequence[str]:
        """The addresses that are served, once started."""
        return self._server.addresses

    def start(self) -> None:
        """Listen first, so that /metrics answers whatever the backends do, then sample."""
        self._sampler.publish()
        try:
            self._server.start()
            if self._intake is not None:
                self._intake.start()
        except BaseException:
            self._ledger.close()
            raise
        self._sampler.start()
        if self._forwarder is not None:
            self._forwarder.start()
        self._log.info(
            "exporter.started",
            version=__version__,
            addresses=list(self._server.addresses),
            intake=list(self._intake.addresses) if self._intake else [],
            state=str(self._settings.state_path or "in memory"),
        )

    def stop(self) -> None:
        """End the collectors, finish running scrapes, close the ledger: within two seconds."""
        hurry_at = self._clock.monotonic() + STOP_SECONDS
        self._sampler.stop(COLLECTOR_STOP_SECONDS)
        if self._intake is not None:
            self._intake.stop()
        # What is left to be handed over is under way while running scrapes finish.
        self._server.stop(DRAIN_SECONDS)
        if self._forwarder is not None:
            self._forwarder.flush(max(FORWARD_SECONDS, hurry_at - self._clock.monotonic()))
            self._forwarder.stop()
        self._store.close()
        self._log.info("exporter.stopped")

    def run(self) -> None:
        """Serve until SIGTERM or SIGINT; SIGHUP reloads."""
        reader, writer = socket.socketpair()
        writer.setblocking(False)
        # A socket, and no lock: a handler that takes one may meet the main thread holding it.
        signal.set_wakeup_fd(writer.fileno(), warn_on_full_buffer=False)
        for each in (*_ENDING, signal.SIGHUP):
            signal.signal(each, lambda *_: None)
        with reader, writer:
            try:
                self.start()
                while not _ENDING & (signals := set(reader.recv(64))):
                    if signal.SIGHUP in signals:
                        self.reload()
                self.stop()
            finally:
                signal.set_wakeup_fd(-1)

    def reload(self) -> None:
        """Read the settings again and take over what can change; a bad file changes nothing."""
        try:
            settings = self._reload()
            # Both or none: a bad file changes nothing.
            self._baselines, self._rules = baselines(settings.baselines_file), rows.rules(settings)
        except ConfigError as error:
            self._reload_good = False
            self._log.error("config.invalid", error=str(error))
            return
        fixed = [
            option.flag
            for name, option in options().items()
            if name not in RELOADABLE and getattr(settings, name) != getattr(self._settings, name)
        ]
        changes = {name: getattr(settings, name) for name in RELOADABLE}
        self._settings = replace(self._settings, **changes)
        configure(self._settings.log_level, self._settings.log_format, self._redactor)
        if self._airflow is not None:
            from exporter.parts import airflow  # noqa: PLC0415 - is loaded by now

            self._airflow.reconfigure(airflow.airflow_options(self._settings, self._rules))
        self._reload_good = True
        self._loaded_wall = self._clock.wall()
        self._log.info("config.reloaded", need_restart=fixed)

    def _web(self, settings: Settings) -> Server:
        routes = Routes(
            snapshot=self._snapshot,
            healthy=self._sampler.healthy,
            ready=self._sampler.ready,
            collectors=self._statuses,
            version=__version__,
            telemetry_path=settings.telemetry_path,
        )
        # A keep-alive connection outlives the usual scrape intervals of 15 to 60 seconds.
        limits = WebLimits(max_requests=settings.max_requests, idle_seconds=75.0)
        return Server(settings.listen_address, routes, limits, self._tally)

    def _snapshot(self) -> Snapshot:
        return Snapshot((*self._store.snapshot.text, self._process.text()))

    def _statuses(self) -> list[CollectorStatus]:
        now = self._clock.wall()
        return [
            CollectorStatus(
                each.name,
                each.success,
                now - each.last_success_wall if each.last_success_wall else None,
                each.duration_seconds if each.finished_once else None,
                each.last_reason,
            )
            for each in self._sampler.health()
        ]

    def _own_samples(self) -> list[Sample]:
        build = (__version__, platform.python_version())
        samples = [
            Sample(catalogue.BUILD_INFO, build, 1.0),
            Sample(catalogue.CONFIG_RELOAD_SUCCESSFUL, (), float(self._reload_good)),
            Sample(catalogue.CONFIG_RELOAD_TIMESTAMP, (), self._loaded_wall),
        ]
        if self._airflow is not None:
            # Once an installation: where the actuals are that an exporter knows itself.
            own = known(self._airflow.window, self._clock.wall())
            samples += baseline_gauges(self._baselines, own)
        if self._intake is None:
            return [*samples, *http_samples([self._tally], self._server.connections)]
        connections = self._server.connections + self._intake.connections
        samples += http_samples([self._tally, self._intake.tally], connections)
        return [*samples, *self._intake.samples()]


def _source(settings: Settings, environ: Mapping[str, str], redactor: Redactor) -> DsnSource | None:
    if not settings.airflow:
        return None
    from exporter.parts.airflow import dsn_source  # noqa: PLC0415 - loads SQLAlchemy

    return dsn_source(settings, environ, redactor)


def _forwarder(settings: Settings) -> Forwarder | None:
    if settings.forward_url is None:
        return None
    from exporter.parts.tasks import forwarder  # noqa: PLC0415 - for those who use it

    return forwarder(settings, settings.forward_url)


def _limits(settings: Settings) -> Limits:
    return Limits(
        settings.hold,
        settings.idle_expiry,
        settings.max_histogram_children,
        settings.max_per_family,
    )
