"""The composition root: settings to parts, and the order in which they start and stop."""

from __future__ import annotations

import platform
import signal
import socket
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from contextlib import suppress
from typing import TYPE_CHECKING

import structlog

from exporter import __version__, catalogue
from exporter.clock import Clock
from exporter.config import Settings
from exporter.dsn_source import DsnSource
from exporter.errors import ConfigError
from exporter.insight.baselines.gauges import gauges as baseline_gauges
from exporter.insight.baselines.rates import known
from exporter.logs import Redactor
from exporter.parts import web
from exporter.parts.in_force import InForce
from exporter.parts.sources import Sources
from exporter.rows.window import rates
from exporter.sampler.sampler import Sampler
from exporter.samples import Sample
from exporter.telemetry.ledger import Ledger
from exporter.telemetry.limits import Limits
from exporter.telemetry.process import ProcessTables
from exporter.telemetry.scrape import Scrape
from exporter.telemetry.store import Store
from exporter.web.pages import CollectorStatus
from exporter.web.routes import Routes
from exporter.web.tally import Tally, http_samples

if TYPE_CHECKING:
    from exporter.forward.forwarder import Forwarder

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
        self._reloads: deque[Future[bool]] = deque()
        self._clock = clock or Clock()
        self._log = structlog.get_logger("exporter.app")
        self._tally = Tally()
        self._in_force = InForce(settings, reload or (lambda: settings), redactor, self._clock)
        source = _source(settings, environ, redactor)
        self._forwarder = _forwarder(settings)
        self._door = web.door(settings, self._clock)
        self._ledger = Ledger(settings.state_path, self._clock)
        try:
            self._store = _store(settings, self._ledger, self._clock)
            self._sources = Sources(environ, redactor, self._store, self._clock, self._in_force)
            self._recent = web.recent(settings, self._store, self._sources.running, self._clock)
            self._sampler = self._sampling(source)
            self._intake = self._sources.intake
            self._server = web.server(settings, self._routes(), self._tally, self._door, environ)
        except BaseException:
            self._ledger.close()
            raise

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
            state=str(self._settings.state_path) if self._store.persistent else "in memory",
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
        self._wake = writer
        # A socket, and no lock: a handler that takes one may meet the main thread holding it.
        signal.set_wakeup_fd(writer.fileno(), warn_on_full_buffer=False)
        for each in (*_ENDING, signal.SIGHUP):
            signal.signal(each, lambda *_: None)
        with reader, writer:
            try:
                self.start()
                while not _ENDING & (signals := set(reader.recv(64))):
                    if signal.SIGHUP in signals:
                        self._reload_for_all()
                self.stop()
            finally:
                signal.set_wakeup_fd(-1)

    def _ask_reload(self) -> Future[bool]:
        """Have the main thread reload, and tell whether that was good."""
        asked: Future[bool] = Future()
        self._reloads.append(asked)
        with suppress(BlockingIOError):  # It is full of such calls.
            self._wake.send(bytes((signal.SIGHUP,)))
        return asked

    def _reload_for_all(self) -> None:
        waiting = [self._reloads.popleft() for _ in range(len(self._reloads))]
        good = self.reload()
        for asked in waiting:
            asked.set_result(good)

    def reload(self) -> bool:
        """Read the settings and the web file again; return whether all could be used."""
        # Neither waits for the other: the door follows its file by itself as well.
        door_good, good = self._reread_door(), self._in_force.reload()
        if good:
            self._sources.reconfigure()
        return door_good and good

    def _reread_door(self) -> bool:
        try:
            if self._door is not None:
                self._door.reread()
        except ConfigError as error:
            self._log.error("web.config_invalid", error=str(error))
            return False
        return True

    def _sampling(self, source: DsnSource | None) -> Sampler:
        sampler = Sampler(
            self._store, self._clock, self._own_samples,
            each_second=self._recent.observe if self._recent else lambda: None,
        )  # fmt: skip
        for collector, schedule in self._sources.build(source, self._forwarder):
            sampler.add(collector, schedule)
        return sampler

    def _routes(self) -> Routes:
        return Routes(
            scrape=Scrape(self._store.exposition, ProcessTables(self._clock)),
            healthy=self._sampler.healthy,
            ready=self._sampler.ready,
            collectors=self._statuses,
            version=__version__,
            families=lambda: web.families(
                self._store, _limits(self._settings), self._settings.metric_prefix
            ),
            ready_forms=self._store.exposition.forms,
            telemetry_path=self._settings.telemetry_path,
            tasks=web.tasks_page(self._recent, self._sources.running),
            reload=self._ask_reload if self._settings.enable_lifecycle else None,
        )

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
        good = self._in_force.is_good and (self._door is None or self._door.is_good)
        loaded = max(self._in_force.loaded_wall, self._door.loaded_wall if self._door else 0.0)
        samples = [
            Sample(catalogue.BUILD_INFO, build, 1.0),
            Sample(catalogue.CONFIG_RELOAD_SUCCESSFUL, (), float(good)),
            Sample(catalogue.CONFIG_RELOAD_TIMESTAMP, (), loaded),
        ]
        if (window := self._sources.window) is not None:
            # Once an installation: where the actuals are that an exporter knows itself.
            now = self._clock.wall()
            samples += rates(window, now)
            samples += baseline_gauges(self._in_force.baselines, known(window, now))
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
    from exporter.forward.forwarder import Forwarder  # noqa: PLC0415 - for those who use it
    from exporter.parts.tasks import receiver  # noqa: PLC0415

    return Forwarder(receiver(settings, settings.forward_url))


def _store(settings: Settings, ledger: Ledger, clock: Clock) -> Store:
    return Store(
        catalogue.FAMILIES,
        _limits(settings),
        ledger,
        clock,
        disabled=settings.disabled,
        renamed=catalogue.renamed(settings.metric_prefix),
    )


def _limits(settings: Settings) -> Limits:
    return Limits(
        settings.hold,
        settings.idle_expiry,
        settings.max_histogram_children,
        settings.max_per_family,
    )
