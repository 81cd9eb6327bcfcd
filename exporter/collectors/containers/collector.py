"""The containers collector: which there are, what they use, and what the ended ones used."""

from __future__ import annotations

import threading
from collections.abc import Mapping

import structlog

from exporter.clock import Clock
from exporter.collectors.base import Collector
from exporter.collectors.containers.engine_messages import EngineContainer
from exporter.collectors.containers.holders import Holders
from exporter.collectors.containers.last_resort import LastResort
from exporter.collectors.containers.member import Member
from exporter.collectors.containers.names import Names
from exporter.collectors.containers.options import Options
from exporter.collectors.containers.shown import Shown
from exporter.collectors.containers.sources import Found, HostTree, Siblings
from exporter.kernel.exits import ExitWatch
from exporter.kernel.kept import Descriptors
from exporter.kernel.processes import process_ids
from exporter.samples import Batch, Sample

LINGER_SECONDS = 60.0
"""How long the last readings of an ended container stay, for a scrape to see them."""


class ContainersCollector(Collector):
    """Reads cgroups; the Docker engine and Kubernetes only tell whose they are."""

    name = "containers"

    def __init__(
        self,
        tree: HostTree,
        siblings: Siblings,
        names: Names,
        descriptors: Descriptors,
        clock: Clock,
        *,
        options: Options,
        last_resort: LastResort | None = None,
    ) -> None:
        """Prepare; nothing is read before the first sample."""
        self._tree = tree
        self._siblings = siblings
        self._names = names
        self._options = options
        self._descriptors = descriptors
        self._clock = clock
        self._log = structlog.get_logger("exporter.collectors.containers")
        self._exits = ExitWatch("container-exits", descriptors)
        self._last_resort = last_resort
        self._begun = False
        self._holders = Holders(tree.parent, descriptors)
        self._shown = Shown(names)
        self._found: Mapping[str, Found] = {}
        self._members: dict[str, Member] = {}
        self._ended: list[Member] = []
        self._early: dict[str, Member] = {}
        """Opened when the engine told of their start; taken over by the next sample."""
        self._lock = threading.Lock()
        self._details_at = 0.0

    def started(self, told: EngineContainer) -> None:
        """Open a container that the engine has just started: it may end before the next sample."""
        if (found := self._tree.find(told.id)) is None:
            return
        with self._lock:
            member = self._members.get(told.id) or self._early.get(told.id)
            if member is None:
                member = self._early[told.id] = self._opened(found)
            self._names.introduce(member, told)

    def sample(self) -> Batch:
        """Read every container there is."""
        self._begin()
        now = self._clock.monotonic()
        beside = self._look(now)
        self._ended = [
            each for each in self._ended if now - (each.ended_at or now) < LINGER_SECONDS
        ]
        due = now >= self._details_at
        if due:
            self._details_at = now + self._options.details_interval_seconds
            for member in self._members.values():
                member.read_details()
        changed = self._shown.update(self._members.values(), self._ended, now)
        usage = [*self._shown.usage(), *self._holders.samples()]
        if self._last_resort is not None:
            self._last_resort.update(self._members.keys(), now)
            usage += self._last_resort.samples()
        sets: dict[str, list[Sample]] = {"usage": usage}
        # Half a dozen series each, that change seldom.
        if changed or due:
            sets["details"] = [*self._shown.details()]
        return Batch(gauges=sets, trouble=self._trouble(beside=beside))

    def close(self) -> None:
        """End the threads that wait for processes, the engine and Kubernetes."""
        self._exits.stop()
        self._names.stop()
        if self._last_resort is not None:
            self._last_resort.stop()

    # Which there are, and their readings.

    def _begin(self) -> None:
        if not self._begun:
            self._begun = True
            self._names.start()
            if self._last_resort is not None:
                self._last_resort.start()

    def _opened(self, found: Found) -> Member:
        member = Member(found, self._descriptors, self._clock.monotonic())
        home = found.homes.get("cpuacct") or next(iter(found.homes.values()), None)
        pids = [pid for pid in (process_ids(home.directory) if home else None) or () if pid]
        if pids:
            # The first process is the container's init: with it the others end, too.
            self._exits.watch(min(pids), member.read)
        member.read()
        return member

    def _look(self, now: float) -> bool:
        """Read all that there are; tell whether they were looked for beside us."""
        # What is started meanwhile waits for the next sample: this one has not seen it.
        with self._lock:
            found = self._tree.found(now)
            # To look at every process costs more than all the rest.
            beside = not found and not self._tree.is_whole
            self._join(self._siblings.found() if beside else found, now)
        self._holders.read()
        if self._read(now) and found:
            with self._lock:
                self._join(self._tree.found(now, again=True), now)
        self._holders.update()
        return beside

    def _join(self, found: Mapping[str, Found], now: float) -> None:
        """Open those that have come, and end those that are gone."""
        early, self._early = self._early, {}
        # Most ticks find what the tick before has found.
        if found is self._found and not early and len(found) == len(self._members):
            return
        self._found = found
        for name, each in found.items():
            if name not in self._members:
                self._take(early.pop(name) if name in early else self._opened(each))
        # Started and ended since the last sample.
        for member in early.values():
            self._take(member)
        for name in self._members.keys() - found.keys():
            self._members[name].read()
            self._end(self._members[name], now)

    def _take(self, member: Member) -> None:
        self._members[member.place.container_id] = member
        self._holders.begin(member)

    def _read(self, now: float) -> bool:
        """Read them; tell whether any has ended."""
        ended = [member for member in self._members.values() if not member.read()]
        for member in ended:
            self._end(member, now)
        return bool(ended)

    def _end(self, member: Member, now: float) -> None:
        del self._members[member.place.container_id]
        member.end(now)
        self._holders.end(member)
        self._ended.append(member)

    def _trouble(self, *, beside: bool) -> str | None:
        if (trouble := self._names.trouble) is not None:
            return trouble
        if self._last_resort is not None and self._last_resort.trouble is not None:
            return self._last_resort.trouble
        return self._siblings.trouble if beside else None
