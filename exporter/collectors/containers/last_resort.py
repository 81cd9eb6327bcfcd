"""Containers that run where no cgroup file is in reach: told by the engine, slowly, if allowed."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping

from exporter import catalogue
from exporter.collectors.containers.engine import Engine
from exporter.collectors.containers.identity import Naming
from exporter.collectors.containers.stats_api import StatsReading, StatsRound
from exporter.collectors.loop import Loop
from exporter.kernel.layout import Place
from exporter.samples import Sample

ROUND_EVERY_SECONDS = 30.0
MISSING_SECONDS = 10.0
"""How long a running container may have no cgroup in sight: it may just be starting or ending."""
HOLD_SECONDS = 3 * ROUND_EVERY_SECONDS
"""How long readings stay while no round succeeds."""


class LastResort:
    """What the engine runs and nobody else sees."""

    def __init__(self, engine: Engine, naming: Naming, stats: StatsRound | None) -> None:
        """Take the engine; without `stats` its containers are only missed."""
        self._engine = engine
        self._naming = naming
        self._stats = stats
        self._since: dict[str, float] = {}
        self._wanted: frozenset[str] = frozenset()
        self._readings: Mapping[str, StatsReading] = {}
        """What the last good round told, by the thread that asks."""
        self._told: Mapping[str, StatsReading] = self._readings
        """What of these was taken last."""
        self._held: Mapping[str, StatsReading] = self._readings
        self._held_until = 0.0
        self._rounds = Loop("docker-stats", self._ask, lambda: ROUND_EVERY_SECONDS)

    def start(self) -> None:
        """Begin to ask, if asking is allowed."""
        if self._stats is not None:
            self._rounds.start()

    def stop(self) -> None:
        """Ask no more."""
        if self._stats is not None:
            self._rounds.stop()
            self._stats.close()

    def update(self, seen: Collection[str], now: float) -> None:
        """Note which containers are measured otherwise; `now` is monotonic."""
        unseen = self._engine.containers.keys() - seen
        self._since = {name: self._since.get(name, now) for name in unseen}
        had_none = not self._wanted
        self._wanted = frozenset(
            name for name, since in self._since.items() if now - since >= MISSING_SECONDS
        )
        if self._wanted and had_none:
            # The last round had nothing to ask for, and the next may be half a minute away.
            self._rounds.hurry()
        self._hold(now)

    @property
    def trouble(self) -> str | None:
        """Why containers are not measured, in a sentence."""
        if self._stats is not None:
            return self._rounds.trouble
        if not self._wanted:
            return None
        return (
            f"the cgroups of {len(self._wanted)} running containers are not in sight: show us the "
            "host's /sys/fs/cgroup (--path.cgroupfs), or allow --docker.stats-api"
        )

    def samples(self) -> Iterator[Sample]:
        """Make the samples of what the last round told."""
        for name, reading in self._held.items():
            told = self._engine.containers.get(name)
            if told is None or name not in self._wanted:
                continue
            identity = self._naming.of_engine(Place(name, None, None, None, None), told)
            working_set = max(0, reading.memory_usage_bytes - reading.inactive_file_bytes)
            for family, value in (
                (catalogue.CONTAINER_CPU, reading.cpu_seconds),
                (catalogue.CONTAINER_USAGE, reading.memory_usage_bytes),
                (catalogue.CONTAINER_WORKING_SET, working_set),
            ):
                yield Sample(family, identity.labels, float(value))
            yield Sample(catalogue.TASK_CONTAINER_INFO, identity.info, 1.0)

    def _hold(self, now: float) -> None:
        """Take what the last good round told, for as long as it may be held."""
        told = self._readings
        if told is not self._told:
            self._told, self._held_until = told, now + HOLD_SECONDS
        self._held = told if now < self._held_until else {}

    def _ask(self) -> None:
        if self._stats is not None:
            self._readings = self._stats.read(self._wanted) if self._wanted else {}
