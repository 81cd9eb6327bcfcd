"""Follows a Docker engine: which containers run, from one list and then from its events."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from urllib.parse import quote

from exporter.clock import Clock
from exporter.collectors.containers.engine_client import EngineClient
from exporter.collectors.containers.engine_messages import (
    ACTIONS,
    EngineContainer,
    Lines,
    event_from,
    listed_from,
)
from exporter.collectors.containers.engine_set import ContainerSet
from exporter.collectors.containers.engine_wire import Exchange
from exporter.collectors.loop import Loop

SILENCE_SECONDS = 3.0
"""After this long without an event the engine is asked whether it lives: a hang shows in 8 s."""
LIST_EVERY_SECONDS = 300.0
LIST_AGAIN_SECONDS = 10.0
"""When the set is listed again after an event that could not be read."""
FIRST_ANSWER_SECONDS = 1.0
"""How long the start waits for it: names are then known when the first sample is taken."""
MAX_LIST_BYTES = 16 << 20
MIN_BACKOFF_SECONDS = 1.0
MAX_BACKOFF_SECONDS = 30.0

_FILTERS = quote('{"type":["container"],"event":[' + ",".join(f'"{a}"' for a in ACTIONS) + "]}")


class Engine:
    """Follows an engine from a thread of its own and keeps the set of its running containers.

    While the engine is away the last known set stays. `on_start` runs on that thread, after
    `containers` has changed, and must be quick. After a gap a start may be told twice, and also of
    a container that has ended since: the set is what holds.
    """

    def __init__(
        self,
        host: str | None,
        clock: Clock,
        on_start: Callable[[EngineContainer], object] = lambda _: None,
    ) -> None:
        """Prepare for an engine (DOCKER_HOST when None); raise ConfigError for a bad address."""
        self._client = EngineClient(host, clock)
        self._clock = clock
        self._set = ContainerSet(on_start)
        self._since: float | None = None
        """The time of the last event by the engine's clock: after a gap we ask from there on."""
        self._longest_wait_seconds = MIN_BACKOFF_SECONDS
        self._loop = Loop("docker-engine", self._follow, self._backoff_seconds)
        self._loop.trouble = self._client.sentence("has not answered yet")

    @property
    def containers(self) -> Mapping[str, EngineContainer]:
        """Return the running containers by id: a snapshot, at most `MAX_CONTAINERS`."""
        return self._set.containers

    @property
    def trouble(self) -> str | None:
        """Return in one sentence why the engine is not usable now, or None when it is."""
        if self._loop.stopped:
            return self._client.sentence("is not followed any more")
        return self._loop.trouble

    def start(self) -> None:
        """Begin to follow the engine; wait a moment for its first answer."""
        self._loop.start(FIRST_ANSWER_SECONDS)

    def stop(self) -> None:
        """End the thread, whatever it waits for, but for a TCP connection yet to be made."""
        self._loop.stop()
        self._client.close()

    def _backoff_seconds(self) -> float:
        longest = min(2 * self._longest_wait_seconds, MAX_BACKOFF_SECONDS)
        self._longest_wait_seconds = longest
        return random.uniform(MIN_BACKOFF_SECONDS, longest)  # noqa: S311 - jitter is no secret

    def _follow(self) -> None:
        """Keep the set until the engine fails, or we are stopped."""
        now = self._clock.wall()
        self._client.ping()
        since = now if self._since is None else self._since
        with self._client.exchange() as stream:
            # Before the list: what happens between the two is then told, rather than lost.
            stream.get(f"{self._client.prefix}/events?since={since:.6f}&filters={_FILTERS}")
            self._list()
            self._longest_wait_seconds = MIN_BACKOFF_SECONDS
            self._loop.note_well()
            self._read(stream)

    def _read(self, stream: Exchange) -> None:
        lines = Lines()
        list_due = self._clock.monotonic() + LIST_EVERY_SECONDS
        while not self._loop.stopped:
            data = stream.read(SILENCE_SECONDS)
            if data is None:
                self._client.ping()
            elif not data:
                self._client.fail("has ended its events")
            elif [line for line in lines.add(data) if not self._take(line)]:
                list_due = min(list_due, self._clock.monotonic() + LIST_AGAIN_SECONDS)
            if self._clock.monotonic() >= list_due:
                self._list()
                list_due = self._clock.monotonic() + LIST_EVERY_SECONDS

    def _take(self, line: bytes) -> bool:
        """Apply the event that a line holds; tell whether the line could be read."""
        try:
            event = event_from(line)
        except ValueError:
            return False
        if event is not None:
            self._since = event.seconds or self._since
            self._set.apply(event)
        return True

    def _list(self) -> None:
        with self._client.exchange() as exchange:
            exchange.get(f"{self._client.prefix}/containers/json")
            body = exchange.body(MAX_LIST_BYTES)
        try:
            listed = listed_from(body)
        except ValueError:
            self._client.fail("does not list its containers")
        self._set.replace(listed)
