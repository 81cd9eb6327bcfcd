"""Texts in cells of a terminal: nothing in them moves the cursor, and their width is known."""

from __future__ import annotations

from typing import Final
from unicodedata import category, east_asian_width

_HARMLESS: Final = "\N{REPLACEMENT CHARACTER}"
_CUT: Final = "\N{HORIZONTAL ELLIPSIS}"


def tame(text: str) -> str:
    """Return a text without what moves the cursor or has no width of its own."""
    return "".join(
        each if each.isprintable() and not category(each).startswith("M") else _HARMLESS
        for each in text
    )


def width(text: str) -> int:
    """Return how many cells a tame text takes."""
    return sum(map(_cells, text))


def fitted(text: str, cells: int, *, right: bool = False) -> str:
    """Return a tame text in exactly so many cells: cut, or filled up."""
    taken = width(text)
    if taken > cells:
        text, taken = _cut(text, cells)
    filling = " " * (cells - taken)
    return filling + text if right else text + filling


def _cut(text: str, cells: int) -> tuple[str, int]:
    taken, kept = 0, []
    for each in text:
        if taken + _cells(each) > cells - 1:
            break
        kept.append(each)
        taken += _cells(each)
    return ("".join(kept) + _CUT, taken + 1) if cells > 0 else ("", 0)


def _cells(character: str) -> int:
    return 2 if east_asian_width(character) in "WF" else 1
