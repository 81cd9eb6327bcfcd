"""Which containers are exposed: settled again only when something about it has changed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from exporter import catalogue
from exporter.collectors.containers.gauges import slow_samples
from exporter.collectors.containers.member import Member
from exporter.collectors.containers.names import Names
from exporter.samples import Labels, Sample


class Shown:
    """The containers that are exposed, each under labels of its own."""

    def __init__(self, names: Names) -> None:
        """Show nothing yet."""
        self._names = names
        self._there: tuple[list[Member], list[Member]] = ([], [])
        """The living and the ended that were last looked at."""
        self._members: list[Member] = []
        self._waits = False
        """Whether a container has no name yet, or one that somebody may still tell better."""

    def update(self, living: Iterable[Member], ended: Iterable[Member], now: float) -> bool:
        """Settle which they are; tell whether any came, ended, went or was named anew."""
        there = ([*living], [*ended])
        news = self._names.news()
        if there == self._there and not news and not self._waits:
            return False
        candidates = [*there[0], *there[1]]
        before = [member.identity for member in candidates]
        shown: dict[Labels, Member] = {}
        # Of several with the same labels the newest that lives is shown, else the last to end.
        for member in sorted(candidates, key=_rank):
            if (identity := self._names.identity(member, now)) is not None:
                shown[identity.labels] = member
        # In the order of their coming: the store passes over what stands where it stood before.
        self._members = sorted(shown.values(), key=lambda member: member.since)
        after = [member.identity for member in candidates]
        self._waits = any(each is None or not each.is_settled for each in after)
        changed = there != self._there or after != before
        self._there = there
        return changed

    def usage(self) -> list[Sample]:
        """Return the samples of what is read at each tick."""
        samples: list[Sample] = []
        for member in self._members:
            samples += member.usage()
        return samples

    def details(self) -> Iterator[Sample]:
        """Make the samples of what is read less often, and of whose the containers are."""
        for member in self._members:
            if (identity := member.identity) is None:
                continue
            if member.slow is not None:
                yield from slow_samples(identity.labels, member.slow)
            started = self._names.started_wall(member)
            if started is not None:
                yield Sample(catalogue.CONTAINER_START_TIME, identity.labels, started)
            if member.ended_at is None:
                yield Sample(catalogue.TASK_CONTAINER_INFO, identity.info, 1.0)


def _rank(member: Member) -> tuple[bool, float]:
    return member.ended_at is None, member.ended_at or member.since
