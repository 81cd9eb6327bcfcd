"""What was written for good, as increments: the totals, and what rates are made of."""

from __future__ import annotations

from collections.abc import Iterator

from exporter import catalogue
from exporter.rows import timed
from exporter.rows.claim import Claim
from exporter.rows.stages import Place
from exporter.samples import Sample


def processed(
    place: Place, task: tuple[str | None, str | None], claim: Claim, of: timed.Timed
) -> Iterator[Sample]:
    """Count what a claim says, `of` it what is timed; `task` is DAG and task id, if one wrote it.

    What is unknown is not counted, and what is 0 is, so that its series is there.
    """
    for family, amount in (
        (catalogue.ROWS_PROCESSED, claim.rows),
        (catalogue.BYTES_PROCESSED, claim.bytes),
        (catalogue.PROCESSING_SECONDS, claim.seconds),
    ):
        if amount is not None:
            yield Sample(family, (*place, *task), float(amount))
    yield from timed.increments(place, of)
