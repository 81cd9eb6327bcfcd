"""One container that is measured, or was until a moment ago."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from exporter.collectors.containers.gauges import fast_samples
from exporter.collectors.containers.identity import Identity
from exporter.collectors.containers.sources import Found
from exporter.filters import DagFilter
from exporter.kernel.cgroup import Cgroup, Fast
from exporter.kernel.kept import Descriptors
from exporter.kernel.slow import Slow
from exporter.samples import Sample


class Member:
    """What is known of one container; times are monotonic seconds."""

    def __init__(self, found: Found, descriptors: Descriptors, now: float) -> None:
        """Open its cgroup; nothing is read yet."""
        self.place = found.place
        self.cgroup = Cgroup(found.homes, descriptors, keep_all=found.keep_all)
        self.since = now
        self.made_wall = _made(found)
        """When its cgroup was made, Unix seconds; None where that cannot be told."""
        self.identity: Identity | None = None
        self.told: object = None
        """By what the engine told of it the container was named, and by which filter."""
        self.dags: DagFilter | None = None
        self.fast: Fast | None = None
        self.slow: Slow | None = None
        self.ended_at: float | None = None
        self._usage: Sequence[Sample] = ()
        self._usage_of: tuple[Fast | None, Identity | None] = (None, None)

    @property
    def cpu_seconds(self) -> float:
        """CPU by the last reading."""
        return (self.fast.cpu_seconds if self.fast else None) or 0.0

    def read(self) -> bool:
        """Read what is read at each tick; tell whether the container is still there.

        Also called by who sees it end: between the end of its first process and the removal of
        its cgroup there is a moment for the final figures.
        """
        reading = self.cgroup.fast()
        if reading is None:
            return False
        if reading.cpu_seconds is None and self.fast is not None:
            # Version 1 is removed controller by controller: what it has used it has used.
            reading = reading._replace(cpu_seconds=self.fast.cpu_seconds)
        self.fast = reading
        return True

    def usage(self) -> Sequence[Sample]:
        """Return the samples of the last reading; those that did not change are the same again."""
        fast, identity = self.fast, self.identity
        fast_before, identity_before = self._usage_of
        if fast is fast_before and identity is identity_before:
            return self._usage
        if fast is not None and identity is not None:
            before = self._usage if identity is identity_before else ()
            self._usage = fast_samples(identity.labels, fast, before)
            self._usage_of = (fast, identity)
        return self._usage

    def read_details(self) -> None:
        """Read what is read less often; the last reading stays when there is none."""
        self.slow = self.cgroup.slow() or self.slow

    def end(self, now: float) -> None:
        """Close what is open; the last readings stay."""
        self.ended_at = now
        self.cgroup.close()


def _made(found: Found) -> float | None:
    home = next(iter(found.homes.values()), None)
    try:
        return Path(home.directory).stat().st_mtime if home else None
    except OSError:
        return None
