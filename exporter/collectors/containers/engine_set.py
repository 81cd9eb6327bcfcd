"""The set of running containers, kept from lists and events."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from types import MappingProxyType

from exporter.collectors.containers.engine_messages import MAX_CONTAINERS, EngineContainer, Event


class ContainerSet:
    """Containers by id, at most `MAX_CONTAINERS`; changed by one thread, read by any.

    Lists and events may overlap and repeat one another: the last word on a container holds.
    """

    def __init__(self, on_start: Callable[[EngineContainer], object]) -> None:
        """Begin empty; `on_start` runs after `containers` has changed."""
        self.containers: Mapping[str, EngineContainer] = MappingProxyType({})
        """A snapshot that does not change."""
        self._on_start = on_start

    def replace(self, listed: Mapping[str, EngineContainer]) -> None:
        """Take a list for the truth."""
        known = self.containers
        # Only the name may change in a life; a list does not know when it began.
        self._publish(
            {
                key: replace(known[key], name=container.name) if key in known else container
                for key, container in listed.items()
            }
        )
        for key in listed.keys() - known.keys():
            self._on_start(listed[key])

    def apply(self, event: Event) -> None:
        """Do what an event says."""
        key = event.container.id
        if event.action == "start":
            self._start(event.container)
        elif key not in self.containers:
            return
        elif event.action == "rename":
            renamed = replace(self.containers[key], name=event.container.name)
            self._publish({**self.containers, key: renamed})
        else:
            self._publish({other: kept for other, kept in self.containers.items() if other != key})

    def _start(self, container: EngineContainer) -> None:
        new = container.id not in self.containers
        if new and len(self.containers) >= MAX_CONTAINERS:
            return
        self._publish({**self.containers, container.id: container})
        if new:
            self._on_start(container)

    def _publish(self, containers: dict[str, EngineContainer]) -> None:
        self.containers = MappingProxyType(containers)
