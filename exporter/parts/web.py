"""The web part: the server of the exposition, behind the door where there is one."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from exporter import catalogue
from exporter.clock import Clock
from exporter.config import Settings, options
from exporter.running.tries import RunningTries
from exporter.telemetry.limits import Limits as StoreLimits
from exporter.telemetry.recent import Recent
from exporter.telemetry.store import Store
from exporter.web.limits import Limits
from exporter.web.listen import inherited
from exporter.web.pages import FamilyStatus
from exporter.web.routes import Routes
from exporter.web.server import Server
from exporter.web.tally import Tally
from exporter.web.tasks.answers import TasksPage

if TYPE_CHECKING:
    from exporter.web.door.door import Door

IDLE_SECONDS = 75.0
DOOR_CONNECTIONS = 48
"""Each takes 256 KiB where TLS is spoken: asyncio gives it a buffer for life."""


def door(settings: Settings, clock: Clock) -> Door | None:
    """Read the web configuration file, if there is one; raise ConfigError when it is bad."""
    if settings.web_config_file is None:
        return None
    from exporter.web.door.door import Door  # noqa: PLC0415 - for those who use it

    return Door(settings.web_config_file, options()["web_config_file"].flag, clock)


def families(store: Store, limits: StoreLimits, metric_prefix: str) -> list[FamilyStatus]:
    """Tell of every family how full it is, under the name that it is exposed by."""
    renamed = catalogue.renamed(metric_prefix)
    caps = {renamed.get(each.name, each.name): limits.cap(each) for each in catalogue.FAMILIES}
    return [
        FamilyStatus(name, series, caps[name], refused)
        for name, (series, refused) in store.sizes().items()
    ]


def recent(
    settings: Settings, store: Store, running: Callable[[], RunningTries | None], clock: Clock
) -> Recent | None:
    """Build what keeps the last hour, where somebody may look at it."""
    return Recent(store, running, clock) if settings.tasks_page else None


def tasks_page(
    recent: Recent | None, running: Callable[[], RunningTries | None]
) -> TasksPage | None:
    """Build the page of what runs here, where there is one."""
    if recent is None:
        return None
    return TasksPage(running, recent.curves, recent.rows_per_second)


def addresses(settings: Settings, environ: Mapping[str, str]) -> Sequence[str]:
    """Return where to serve; raise ConfigError when systemd should have handed over sockets."""
    return inherited(environ, os.getpid()) if settings.systemd_socket else settings.listen_address


def server(
    settings: Settings,
    routes: Routes,
    tally: Tally,
    door: Door | None,
    environ: Mapping[str, str],
) -> Server:
    """Build the server of the routes."""
    where = addresses(settings, environ)
    # A keep-alive connection outlives the usual scrape intervals of 15 to 60 seconds.
    limits = Limits(max_requests=settings.max_requests, idle_seconds=IDLE_SECONDS)
    if door is None:
        return Server(where, routes, limits, tally)
    from exporter.web.door.guard import Guard  # noqa: PLC0415 - loads bcrypt
    from exporter.web.door.passwords import Passwords  # noqa: PLC0415

    limits = replace(limits, max_connections=DOOR_CONNECTIONS)
    guard = Guard(routes, lambda: door.policy().config, Passwords())
    return Server(where, guard, limits, tally, tls=door.context)
