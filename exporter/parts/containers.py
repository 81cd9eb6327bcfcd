"""The containers collector, and who tells it whose the containers are."""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping
from pathlib import Path

from exporter.collectors.containers.collector import ContainersCollector
from exporter.collectors.containers.engine import Engine
from exporter.collectors.containers.identity import Naming
from exporter.collectors.containers.last_resort import LastResort
from exporter.collectors.containers.names import Names
from exporter.collectors.containers.options import Options
from exporter.collectors.containers.sources import HostTree, Siblings
from exporter.collectors.containers.stats_api import StatsRound
from exporter.config import Settings
from exporter.identity.pods import PodList
from exporter.identity.safe_names import SafeNames
from exporter.kernel.hierarchies import found_hierarchies
from exporter.parts.surroundings import Surroundings

NO_ENGINE = "none"
"""The address of an engine that is not to be asked."""
_USUAL_ENGINE = Path("/var/run/docker.sock")


def containers_collector(around: Surroundings) -> ContainersCollector:
    """Build the containers collector, and who tells it whose the containers are."""
    settings, clock = around.settings, around.clock
    engine = None
    if has_engine(settings, around.environ):
        # The collector is made below, of what this engine tells among others.
        engine = Engine(settings.docker_host, clock, lambda told: collector.started(told))  # noqa: PLW0108
    naming = Naming(around.label_keys, SafeNames(around.known_tasks), around.dags)
    last_resort = None
    if engine is not None:
        stats = StatsRound(settings.docker_host, clock) if settings.docker_stats else None
        last_resort = LastResort(engine, naming, stats)
    names = Names(
        naming,
        engine=engine,
        pods=_pod_list(settings),
        own_pod=around.own_pod(),
    )
    hierarchies = found_hierarchies(str(settings.procfs), str(settings.cgroupfs))
    collector = ContainersCollector(
        HostTree(hierarchies),
        Siblings(str(settings.procfs)),
        names,
        around.descriptors,
        clock,
        options=Options(settings.containers_details_interval),
        last_resort=last_resort,
    )
    return collector


def has_engine(settings: Settings, environ: Mapping[str, str]) -> bool:
    """Tell whether there is a Docker engine to follow: one is named, or the usual one is there."""
    if named := settings.docker_host or environ.get("DOCKER_HOST"):
        return named != NO_ENGINE
    return _is_usual_engine_there() and os.access(_USUAL_ENGINE, os.W_OK)


def refuses_engine(settings: Settings, environ: Mapping[str, str]) -> bool:
    """Tell whether the usual engine is there, none is named, and we may not ask it."""
    named = settings.docker_host or environ.get("DOCKER_HOST")
    return not named and _is_usual_engine_there() and not os.access(_USUAL_ENGINE, os.W_OK)


def _is_usual_engine_there() -> bool:
    try:
        return stat.S_ISSOCK(_USUAL_ENGINE.stat().st_mode)
    except OSError:
        return False


def _pod_list(settings: Settings) -> PodList | None:

    if settings.pods_url is None:
        return None
    return PodList(
        settings.pods_url,
        settings.pods_token_file,
        settings.pods_ca_file,
        settings.pods_node,
        origin="--kubernetes.pods-url",
    )
