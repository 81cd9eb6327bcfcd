"""What the sampler expects of a collector."""

from __future__ import annotations

from abc import ABC, abstractmethod

from exporter.samples import Batch


class Collector(ABC):
    """Something that reads a source and makes batches of it; used by one thread at a time."""

    name: str
    volatile_sets: tuple[str, ...] = ()
    """Sets of gauges that go at once when a sample fails, because acting on old ones harms."""

    @abstractmethod
    def sample(self) -> Batch:
        """Read the source once; raise SourceUnavailableError when it is away."""

    def accepted(self) -> None:  # noqa: B027 - most collectors keep no memory of their own
        """Take over what the last batch said: the store has it."""

    def interrupt(self) -> None:  # noqa: B027 - most samples wait for nobody
        """Free a sample that waits, from another thread, at once: the process ends."""

    def close(self) -> None:  # noqa: B027 - not every collector holds something open
        """Free what is held open, after the last sample, in its thread."""
