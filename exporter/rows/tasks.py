"""Tasks whose pipeline and stage are known, and what each has told of its data before."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import takewhile
from typing import NamedTuple

from exporter import catalogue
from exporter.catalogue import Family
from exporter.rows import timed
from exporter.rows.stages import Place
from exporter.samples import Labels, Sample

REMEMBERED_SECONDS = 7 * 86_400.0
MAX_TASKS = 10_000
MAX_PLACES = 16
"""Pipelines and stages of one task; the newest stay."""
_NOTED_SECONDS = 3_600.0
"""How old a note becomes before it is written anew: tasks are seen all the time."""

TaskName = tuple[str, str]
"""DAG and task id."""


class Known(NamedTuple):
    """One pipeline and stage of a task."""

    place: Place
    at: float
    """Unix seconds when the task was last seen with it, to the hour."""
    rows: bool = False
    """It has told rows."""
    bytes: bool = False
    """It has told bytes."""
    expected: bool = False
    """A rule says that it tells rows."""

    @property
    def told(self) -> bool:
        """Whether the task itself told anything; else only rules, tags or names place it."""
        return self.rows or self.bytes


Tasks = Mapping[TaskName, tuple[Known, ...]]


def noted(tasks: Tasks, now: float, seen: Iterable[tuple[TaskName, Known]]) -> Tasks:
    """Return the tasks with what was seen of them now, without those unseen for long."""
    changes: dict[TaskName, tuple[Known, ...]] = {}
    for name, known in seen:
        before = changes.get(name, tasks.get(name, ()))
        after = _with(before, known)
        if after is not before:
            changes[name] = after
    # The order is that of the last note: what is too old, or too many, comes first.
    old = set(takewhile(lambda name: _is_old(tasks[name], now), tasks))
    if not changes and not old:
        return tasks
    gone = {*old, *changes}
    left = {name: places for name, places in tasks.items() if name not in gone}
    return dict([*left.items(), *changes.items()][-MAX_TASKS:])


def has_told(places: Iterable[Known]) -> bool:
    """Tell whether a task has told how much it wrote, ever since it is remembered."""
    return any(each.told for each in places)


def main_place(places: Iterable[Known]) -> Place | None:
    """Return the one pipeline and stage that a task stands under: the last that it told."""
    # Of several told at once the first, each time.
    found = max(places, key=lambda each: (each.told, each.at), default=None)
    return found.place if found else None


def info(tasks: Tasks) -> Iterator[Sample]:
    """Make the gauge that joins tasks and stages: one a task, or joins would be ambiguous."""
    for name, places in tasks.items():
        if (place := main_place(places)) is not None:
            yield Sample(catalogue.TASK_INFO, (*name, place.pipeline, place.stage), 1.0)


def children(name: TaskName, places: Iterable[Known]) -> Iterator[tuple[Family, Labels]]:
    """Name the series that the task's tries will count in."""
    for each in places:
        labels = (each.place.pipeline, each.place.stage, *name)
        if each.rows or each.expected:
            yield catalogue.ROWS_PROCESSED, labels
            yield catalogue.ROWS_FAILED_TRY, labels
            yield catalogue.TRIES_ROWS_UNKNOWN, labels
            yield from ((family, each.place) for family in timed.ROWS)
        if each.bytes:
            yield catalogue.BYTES_PROCESSED, labels
            yield from ((family, each.place) for family in timed.BYTES)
        if each.told or each.expected:
            yield catalogue.PROCESSING_SECONDS, labels


def _with(places: tuple[Known, ...], new: Known) -> tuple[Known, ...]:
    """Return the places with a new one as the last; the same object while there is no news."""
    if new.told:
        same = [each for each in places if each.place == new.place and each.told]
    else:
        # Rules, tags and names place a task in one way: the last.
        same = [each for each in places if not each.told]
    before = same[0] if same else None
    if before is not None:
        new = new._replace(rows=before.rows or new.rows, bytes=before.bytes or new.bytes)
        if new._replace(at=before.at) == before and new.at - before.at < _NOTED_SECONDS:
            return places
    kept = [each for each in places if each not in same and not _is_old((each,), new.at)]
    return (*kept, new)[-MAX_PLACES:]


def _is_old(places: tuple[Known, ...], now: float) -> bool:
    return all(now - each.at > REMEMBERED_SECONDS for each in places)
