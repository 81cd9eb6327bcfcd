"""Where the running tries come from: the processes of this host, or a running exporter."""

from __future__ import annotations

import os
from http import HTTPStatus
from time import sleep
from typing import Protocol

from exporter.client import Access, Client
from exporter.clock import Clock
from exporter.collectors.tasks.collector import TasksCollector
from exporter.config import Settings
from exporter.errors import SourceUnavailableError
from exporter.parts.surroundings import Surroundings, dag_filter
from exporter.parts.tasks import tasks_collector
from exporter.running import message
from exporter.running.tries import RunningTries


class Source(Protocol):
    """What tells the running tries, until it is closed."""

    def __call__(self) -> RunningTries:
        """Return what runs now; raise SourceUnavailableError."""

    def close(self) -> None:
        """Release what is kept open."""


_HINTS: dict[int, str] = {
    HTTPStatus.UNAUTHORIZED: ": it wants USER@ in the URL, and the password in --token-file",
    HTTPStatus.NOT_FOUND: ": it has no page of tasks, or is no exporter",
    HTTPStatus.SERVICE_UNAVAILABLE: ": it has read no tasks, or is busy",
}
MAX_BYTES = 4 * 2**20
FIRST_SECONDS = 0.5
"""Between the first two looks at this host: a rate needs two."""


class Here:
    """The processes of this host, read as the daemon reads them."""

    def __init__(self, settings: Settings) -> None:
        """Read nothing yet."""
        around = Surroundings(
            settings, os.environ, Clock(), dags=lambda: dag_filter(settings),
            known_tasks=frozenset, identities=dict,
        )  # fmt: skip
        self._collector: TasksCollector = tasks_collector(around, lambda _collector: {}, None)
        self._looked = False

    def __call__(self) -> RunningTries:
        """Look at the processes."""
        if not self._looked:
            self._look()
            self._looked = True
            sleep(FIRST_SECONDS)
        return self._look()

    def _look(self) -> RunningTries:
        self._collector.sample()
        self._collector.accepted()
        if self._collector.running is None:
            text = "nothing was read"
            raise SourceUnavailableError(text)
        return self._collector.running

    def close(self) -> None:
        """Release what is kept open."""
        self._collector.close()


class There:
    """A running exporter, asked by its page of tasks."""

    def __init__(self, url: str, access: Access) -> None:
        """Raise ConfigError for what is no URL."""
        self._url = url
        self._access = access
        to = Client(url, "--url", access).to
        self._target = message.PATH if to.target == "/" else to.target

    def __call__(self) -> RunningTries:
        """Ask once."""
        client = Client(self._url, "--url", self._access)
        status, body = client.answer(self._target, "application/json", MAX_BYTES)
        if status != HTTPStatus.OK:
            hint = _HINTS.get(status, "")
            text = f"{client.to} answered {status}{hint}"
            raise SourceUnavailableError(text)
        try:
            return message.loaded(body)
        except ValueError:
            text = f"{client.to} did not answer with running tasks: is it an exporter's address?"
            raise SourceUnavailableError(text) from None

    def close(self) -> None:
        """Nothing is kept open."""
