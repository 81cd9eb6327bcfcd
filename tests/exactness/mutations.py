"""Counting rules broken on purpose: `python -m tests.exactness.mutations NAME serve ...`.

Beside them one name breaks nothing: `small-pages` reads so few rows at a time that a run of some
minutes has what else only a long outage of a large installation has.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from types import ModuleType

from exporter import cli
from exporter.collectors.airflow import counting, keys, queries, reading, tries
from exporter.model import ActiveRow, FinishedTry, TaskKey, TryKey, TryRow
from tests.exactness.simulation import Rules

_AGES_AGO = datetime(2000, 1, 1, tzinfo=timezone.utc)
Found = dict[TryKey, FinishedTry]


def _counts_again(memory: tries.Memory, rows: Iterable[TryRow], overlap: timedelta) -> Found:
    """Without the keys that were counted."""
    return tries.finished(replace(memory, counted={}), rows, overlap)


def _forgets_the_begun(memory: tries.Memory, rows: Iterable[TryRow], overlap: timedelta) -> Found:
    """By the end alone."""
    return tries.finished(replace(memory, begun={}), rows, overlap)


def _reaches_back(memory: tries.Memory, rows: Iterable[TryRow], overlap: timedelta) -> Found:
    """Whatever ended whenever, as long as it is not known to be counted."""
    return tries.finished(
        replace(memory, first_look=_AGES_AGO, since=_AGES_AGO + overlap), rows, overlap
    )


def _trusts_its_clock(memory: tries.Memory, rows: Iterable[TryRow], overlap: timedelta) -> Found:
    """Without an overlap, and by the end alone: a watermark."""
    return tries.finished(replace(memory, begun={}), rows, 0 * overlap)


def _needs_no_pid(memory: tries.Memory, rows: Iterable[TryRow], overlap: timedelta) -> Found:
    """What never ran counts as well."""
    found = [row if row.pid else row._replace(pid=1) for row in rows]
    return tries.finished(memory, found, overlap)


def _takes_copies(memory: tries.Memory, rows: Iterable[TryRow], overlap: timedelta) -> Found:
    """Every row with a start may be the end of its try, the last one first."""
    found: Found = {}
    for row in reversed(list(rows)):
        for key, each in tries.finished(memory, [row], overlap).items():
            found.setdefault(key, each)
    return found


def _takes_skipped(memory: tries.Memory, rows: Iterable[TryRow], overlap: timedelta) -> Found:
    """A task skipped from upstream counts when an earlier try has left its pid."""
    moment = timedelta(microseconds=1)
    found = [
        row._replace(end=row.end + moment) if row.end is not None and row.end == row.start else row
        for row in rows
    ]
    return tries.finished(memory, found, overlap)


def _ignores_the_past(memory: tries.Memory, rows: Iterable[TryRow], overlap: timedelta) -> Found:
    """Without the history of earlier tries."""
    return tries.finished(memory, [row for row in rows if not row.archived], overlap)


def _sees_no_suspects(
    memory: tries.Memory, active: Mapping[TaskKey, ActiveRow]
) -> set[TaskKey]:  # fmt: skip
    """Only what has a heartbeat is read."""
    del memory, active
    return set()


def _trusts_old_starts(  # noqa: PLR0917 - as the real one
    memory: tries.Memory,
    since: datetime,
    active: Mapping[TaskKey, ActiveRow],
    rows: Iterable[TryRow],
    settled: Mapping[TryKey, FinishedTry],
    overlap: timedelta,
) -> tries.Memory:
    """Every start in the active set is taken for that of a try under way."""
    after = tries.advanced(memory, since, active, rows, settled, overlap)
    begun = {key: tries.Begun(row.state, row.start, row.try_number) for key, row in active.items()}
    kept = {key: end for key, end in after.counted.items() if end >= since - 2 * overlap}
    return replace(after, begun=begun, counted=kept)


SMALL_PAGES = "small-pages"
_PAGES: Mapping[ModuleType, dict[str, object]] = {
    keys: {"KEYS_A_STATEMENT": 7},
    queries: {"ROWS_A_PAGE": 10, "ROWS_A_SAMPLE": 20},
}

MUTATIONS: Mapping[str, Rules] = {
    "counts-again": Rules(finished=_counts_again),
    "forgets-the-begun": Rules(finished=_forgets_the_begun),
    "reaches-back": Rules(finished=_reaches_back),
    "trusts-its-clock": Rules(finished=_trusts_its_clock),
    "needs-no-pid": Rules(finished=_needs_no_pid),
    "takes-copies": Rules(finished=_takes_copies),
    "takes-skipped": Rules(finished=_takes_skipped),
    "ignores-the-past": Rules(finished=_ignores_the_past),
    "sees-no-suspects": Rules(suspects=_sees_no_suspects),
    "trusts-old-starts": Rules(advanced=_trusts_old_starts),
}
"""By name: the rules, one of them broken."""
_ONLY_ON = {"needs-no-pid": "2.11"}
"""Airflow 3 enters the pid with the start."""


def applies(mutation: str, schema: str) -> bool:
    """Tell whether a mutation can make a difference on a schema."""
    return _ONLY_ON.get(mutation, schema) == schema


def _break(name: str) -> None:
    """Put the rules in the place of the real ones, wherever these are used."""
    rules = MUTATIONS.get(name, Rules())
    patches: dict[ModuleType, dict[str, object]] = {
        reading: {"suspects": rules.suspects},
        counting: {"finished": rules.finished, "advanced": rules.advanced},
        **(_PAGES if name == SMALL_PAGES else {}),
    }
    for module, values in patches.items():
        for attribute, value in values.items():
            if not hasattr(module, attribute):
                raise AttributeError(f"{module.__name__} has no {attribute} to break any more")
            setattr(module, attribute, value)


def main() -> None:
    """Run the daemon with one rule broken."""
    name, *arguments = sys.argv[1:]
    _break(name)
    sys.argv[1:] = arguments
    cli.main()


if __name__ == "__main__":
    main()
