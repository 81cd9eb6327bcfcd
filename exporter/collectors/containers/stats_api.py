"""CPU and memory as the Docker engine tells them: where the cgroup files are out of reach.

The last resort: each answer takes the engine a second or two and some milliseconds of its CPU.
"""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from exporter.clock import Clock
from exporter.collectors.containers.engine_client import EngineClient
from exporter.errors import SourceTimeoutError, SourceUnavailableError

THREADS = 8
MAX_STATS_BYTES = 1 << 20

_ID = re.compile(r"[0-9a-f]{12,64}")
_GO_MAX = 2**64


class StatsReading(NamedTuple):
    """What one container used, by the Engine API's `GET /containers/{id}/stats`."""

    cpu_seconds: float
    memory_usage_bytes: int
    inactive_file_bytes: int


class StatsRound:
    """Asks an engine for many containers at once; one round at a time."""

    def __init__(self, host: str | None, clock: Clock) -> None:
        """Prepare for an engine (DOCKER_HOST when None); raise ConfigError for a bad address."""
        self._client = EngineClient(host, clock)

    def read(self, ids: Iterable[str]) -> dict[str, StatsReading]:
        """Return what could be read; it takes about a second for each eight containers.

        A container that is gone, or that the engine says nothing usable of, is left out. Raises
        SourceUnavailableError when the engine is away, SourceTimeoutError when it hangs.
        """
        self._client.ping()
        work = _Work(identifier for identifier in ids if _ID.fullmatch(identifier))
        threads = [
            threading.Thread(target=self._work, args=(work,), name=f"docker-stats-{n}", daemon=True)
            for n in range(THREADS)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        if work.late is not None:
            raise work.late
        return work.readings

    def close(self) -> None:
        """Break off a round, from any thread, and ask no more."""
        self._client.close()

    def _work(self, work: _Work) -> None:
        for identifier in work:
            self._ask(identifier, work)

    def _ask(self, identifier: str, work: _Work) -> None:
        target = f"{self._client.prefix}/containers/{identifier}/stats?stream=false&one-shot=true"
        try:
            with self._client.exchange() as exchange:
                exchange.get(target)
                reading = reading_from(exchange.body(MAX_STATS_BYTES))
        except SourceTimeoutError as error:
            work.late = error  # the others would wait as long
        except SourceUnavailableError:
            return
        else:
            if reading is not None:
                work.readings[identifier] = reading


class _Work:
    """What the threads of a round share: ids to take, readings to leave."""

    def __init__(self, ids: Iterator[str]) -> None:
        self.readings: dict[str, StatsReading] = {}
        self.late: SourceTimeoutError | None = None
        self._ids = ids
        self._lock = threading.Lock()

    def __iter__(self) -> Iterator[str]:
        while self.late is None:
            with self._lock:
                identifier = next(self._ids, None)
            if identifier is None:
                return
            yield identifier


def reading_from(body: bytes) -> StatsReading | None:
    """Return what an answer says, or None when it lacks what a reading needs."""
    try:
        said = json.loads(body)
    except (ValueError, RecursionError):
        return None
    memory = _part(said, "memory_stats")
    details = _part(memory, "stats")
    cpu_nanoseconds = _count(_part(_part(said, "cpu_stats"), "cpu_usage").get("total_usage"))
    usage = _count(memory.get("usage"))
    if cpu_nanoseconds is None or usage is None:
        return None
    # cgroup v1 has both, and there only the total counts the children's.
    inactive = _count(details.get("total_inactive_file", details.get("inactive_file")))
    return StatsReading(cpu_nanoseconds / 1e9, usage, inactive or 0)


def _part(said: object, name: str) -> dict[str, Any]:
    part = said.get(name) if isinstance(said, dict) else None
    return part if isinstance(part, dict) else {}


def _count(value: object) -> int | None:
    if not isinstance(value, int) or isinstance(value, bool):
        return None
    return value if 0 <= value < _GO_MAX else None
