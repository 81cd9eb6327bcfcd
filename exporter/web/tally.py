"""What servers tell of themselves: the answers that they gave, and who is connected."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator

from exporter import catalogue
from exporter.samples import Sample


class Tally:
    """Answers of one server; counted in its thread, read in any."""

    def __init__(self) -> None:
        """Start without any."""
        self._answers: Counter[tuple[str, int]] = Counter()

    def __call__(self, path_class: str, status: int) -> None:
        """Count an answer."""
        self._answers[path_class, status] += 1

    def answers(self) -> Counter[tuple[str, int]]:
        """Return a copy of the counts by path class and status code."""
        return self._answers.copy()


def http_samples(tallies: Iterable[Tally], connections: int) -> Iterator[Sample]:
    """Make the series of the servers together."""
    yield Sample(catalogue.HTTP_CONNECTIONS, (), float(connections))
    answers = sum((tally.answers() for tally in tallies), Counter[tuple[str, int]]())
    for (path_class, status), count in answers.items():
        yield Sample(catalogue.HTTP_REQUESTS, (path_class, str(status)), float(count))
