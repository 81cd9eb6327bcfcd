"""What a tree of processes has used in all, from readings of its members: arithmetic alone.

The kernel counts for each process what it used itself, and adds to its parent's figures what it
and its own children used when the parent waits for it. So the sum over a tree that loses no one
to the outside only grows, and holds what children used that came and went unseen. What must not
happen is to count a child once while it lives and once more with its parent.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import NamedTuple

from exporter.collectors.tasks.process_id import ProcessId


class Used(NamedTuple):
    """One process, as read; the unit is that of the resource."""

    parent: int
    own: int
    """Used by the process itself, where the kernel tells it apart, else 0."""
    inherited: int
    """Used by the children that it has waited for; with its own where that is not told apart."""


_NOTHING = Used(0, 0, 0)


class Account:
    """One resource of one tree.

    Readings are taken parents first: who vanishes between two of them is missing in both. A
    process that nobody in the tree waited for (its parent has ended, or does not want to know) is
    lost with what it used since it was last read.
    """

    def __init__(self, last: Mapping[ProcessId, Used] | None = None) -> None:
        """Start from nothing, or from the last readings of an earlier account."""
        self.last = dict(last or {})
        """What is counted already, by member."""

    def begin(self, process: ProcessId, used: Used) -> None:
        """Take a process in whose usage so far is not ours to count, unless it is known."""
        self.last.setdefault(process, used)

    def advance(
        self, found: Mapping[ProcessId, Used], unsure: Collection[ProcessId] = frozenset()
    ) -> int:
        """Return by how much the tree has grown; members that were not found have ended.

        `unsure` are those that vanished while the others were read: who waited for one may have
        been read before or after, so it is left for the next time.
        """
        heirs = self._heirs(found)
        undecided = {heir for process, heir in heirs.items() if process in unsure and heir}
        own = inherited = 0
        for process, now in found.items():
            before = self.last.get(process, _NOTHING)
            if process in undecided:
                now = now._replace(inherited=before.inherited)  # noqa: PLW2901 - as if not read
            own += max(0, now.own - before.own)
            inherited += max(0, now.inherited - before.inherited)
            self.last[process] = now
        for process, heir in heirs.items():
            if heir in undecided:
                continue
            counted = self.last.pop(process)
            if heir is not None:
                inherited -= counted.own + counted.inherited
        return own + max(0, inherited)

    def advance_by_heir(
        self, found: Mapping[ProcessId, Used], heir: int, before: int, after: int
    ) -> int:
        """Return the growth up to an end that nobody saw, by what an outside heir has inherited.

        It takes part as if it were a member, the process `heir`, that did nothing but wait.
        """
        outside = ProcessId(heir, 0)
        self.begin(outside, Used(0, 0, before))
        growth = self.advance({**found, outside: Used(0, 0, after)})
        del self.last[outside]
        return growth

    def _heirs(self, found: Mapping[ProcessId, Used]) -> dict[ProcessId, ProcessId | None]:
        """Return for each member that has ended its nearest ancestor still there, if any."""
        ended = self.last.keys() - found.keys()
        if not ended:
            return {}
        by_pid = {process.pid: process for process in self.last} | {
            each.pid: each for each in found
        }
        heirs = {}
        for process in ended:
            heir: ProcessId | None = process
            # Numbers are used again, so parents read at different times might form a circle.
            for _ in self.last:
                heir = by_pid.get(self.last[heir].parent) if heir else None
                if heir is None or heir in found:
                    break
            heirs[process] = heir if heir in found else None
        return heirs
