"""Quantities and names as people read them, in a few characters however absurd they are."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

_DAY: Final = 86400.0
_EXACT: Final = 1e9
"""From here on a number is told by its first digits."""
_METRIC: Final = (("P", 1e15), ("T", 1e12), ("G", 1e9), ("M", 1e6), ("k", 1e3))
_BINARY: Final = (("PiB", 2.0**50), ("TiB", 2.0**40), ("GiB", 2.0**30), ("MiB", 2.0**20))
_TIMES: Final = (("d", 2 * _DAY, _DAY), ("h", 7200.0, 3600.0), ("min", 120.0, 60.0))
"""By unit, from how many seconds it is used, and how many it has."""


def clock(seconds: float) -> str:
    """Return a duration."""
    return _told(seconds, 1e6 * _DAY, "999,999 d", _clock)


def size(amount: float) -> str:
    """Return bytes, from MiB to PiB."""
    return _told(amount, 1000 * _BINARY[0][1], "999 PiB", _size)


def amount(number: float) -> str:
    """Return a number of things, a large one in thousands, millions and so on."""
    return _told(number, 1000 * _METRIC[0][1], "999 P", _amount)


def whole(number: float) -> str:
    """Return a number of things, exactly up to a billion."""
    return decimal(number, 0)


def decimal(number: float, digits: int = 1) -> str:
    """Return a number with its decimals up to a billion."""
    return f"{number:,.{digits}f}" if -_EXACT < number < _EXACT else amount(number)


def share(ratio: float) -> str:
    """Return a ratio in percent."""
    return _told(ratio, _EXACT / 100, "999,999,999%", "{:.1%}".format)


def plain(text: str) -> str:
    """Return a text that can do nothing to a terminal: what does not print is replaced."""
    return "".join(each if each.isprintable() else "\N{REPLACEMENT CHARACTER}" for each in text)


def _told(value: float, most: float, told: str, shown: Callable[[float], str]) -> str:
    """Return a quantity, "-" for nan, and that it is beyond `most` where it is."""
    if value != value:  # noqa: PLR0124 - nan
        return "-"
    if value < 0:
        return f"< -{told}" if value <= -most else f"-{shown(-value)}"
    return f"> {told}" if value >= most else shown(value)


def _clock(seconds: float) -> str:
    for unit, least, length in _TIMES:
        if seconds >= least:
            return f"{seconds / length:,.1f} {unit}"
    return f"{seconds:,.1f} s" if seconds < 10 else f"{seconds:,.0f} s"  # noqa: PLR2004 - digits


def _size(amount: float) -> str:
    unit, length = _unit(amount, _BINARY)
    return f"{amount / length:,.{0 if unit == 'MiB' else 1}f} {unit}"


def _amount(number: float) -> str:
    if number < 1e4:  # noqa: PLR2004 - digits
        return f"{number:,.0f}"
    unit, length = _unit(number, _METRIC)
    return f"{number / length:,.1f} {unit}"


def _unit(value: float, units: Sequence[tuple[str, float]]) -> tuple[str, float]:
    """Return the largest unit of which there is one, else the smallest."""
    return next((each for each in units if value >= each[1]), units[-1])
