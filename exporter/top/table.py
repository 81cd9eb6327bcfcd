"""The table of running tries as lines of a given width."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Final

from exporter.quantities import clock, decimal, size, whole
from exporter.running.tries import ORDERS, RunningTries, RunningTry
from exporter.top.cells import fitted, tame, width

_GAP: Final = 2
_LEAST_NAME: Final = 12
"""Cells that the DAG and the task have at least, each: before, columns are left out."""


@dataclass(frozen=True, slots=True)
class Column:
    """One column; those with a rank may be left out, the highest first."""

    order: str
    title: str
    shown: Callable[[RunningTry], str]
    rank: int = 0
    right: bool = True


COLUMNS: Final = (
    Column("dag", "DAG", lambda each: each.dag_id, right=False),
    Column("task", "TASK", lambda each: each.task, right=False),
    Column("", "TRY", lambda each: _number(each.try_number), 3),
    Column("cpu", "CPU %", lambda each: decimal(each.cpu_percent)),
    Column("memory", "MEMORY", lambda each: size(each.memory_bytes), 1),
    Column("peak", "PEAK", lambda each: size(each.peak_bytes), 5),
    Column("age", "AGE", lambda each: clock(each.age_seconds), 2),
    Column("rows", "ROWS/S", lambda each: _number(each.rows_per_second), 4),
)
_NAMES: Final = 2
"""The columns of names come first, and share what the others leave."""


def summary(found: RunningTries) -> str:
    """Return one line on all tries together."""
    at = datetime.fromtimestamp(found.at, timezone.utc)
    cores = sum(each.cpu_percent for each in found.tries) / 100
    memory = size(sum(each.memory_bytes for each in found.tries))
    left = found.total - len(found.tries)
    parts = [
        f"{at:%H:%M:%S} UTC",
        f"{whole(found.total)} running"
        + (f" ({whole(left)} of them not listed)" if left > 0 else ""),
        f"{decimal(cores)} cores",
        memory,
        *([f"{whole(found.nameless)} that nothing names"] if found.nameless else []),
    ]
    return ", ".join(parts)


def table(
    found: RunningTries, order: str, cells: int | None, most: int | None = None
) -> Iterator[str]:
    """Yield the heading and a line for each try, each of at most so many cells.

    Without a width nothing is cut or left out.
    """
    tries = sorted(found.tries, key=ORDERS[order])[:most]
    columns, widths = _layout(tries, cells)
    yield _line([each.title for each in columns], columns, widths)
    for each in tries:
        yield _line([tame(column.shown(each)) for column in columns], columns, widths)


def _layout(
    tries: Sequence[RunningTry], cells: int | None
) -> tuple[Sequence[Column], Sequence[int]]:
    """Return the columns that find room, and their widths."""
    natural = {
        column: max(width(column.title), *(width(tame(column.shown(each))) for each in tries), 0)
        for column in COLUMNS
    }
    columns = list(COLUMNS)
    if cells is None:
        return columns, [natural[each] for each in columns]
    least = sum(min(natural[each], _LEAST_NAME) for each in COLUMNS[:_NAMES])
    for column in sorted(columns[_NAMES:], key=lambda each: -each.rank):
        if _room(columns, natural, cells) >= least or not column.rank:
            break
        columns.remove(column)
    names = _shared([natural[each] for each in columns[:_NAMES]], _room(columns, natural, cells))
    return columns, [*names, *(natural[each] for each in columns[_NAMES:])]


def _room(columns: Sequence[Column], natural: dict[Column, int], cells: int) -> int:
    """Return what is left for the names."""
    taken = sum(natural[each] for each in columns[_NAMES:]) + _GAP * (len(columns) - 1)
    return max(0, cells - taken)


def _shared(wanted: Sequence[int], room: int) -> list[int]:
    """Share the room between two: who wants less than half leaves the rest to the other."""
    first, second = wanted
    half = room // 2
    first = min(first, max(half, room - second))
    return [first, min(second, room - first)]


def _line(texts: Sequence[str], columns: Sequence[Column], widths: Sequence[int]) -> str:
    parts = (
        fitted(text, cells, right=column.right)
        for text, column, cells in zip(texts, columns, widths, strict=True)
    )
    return (" " * _GAP).join(parts).rstrip()


def _number(value: float | None) -> str:
    return "-" if value is None else whole(value)
