"""Quantities and names as people read them."""

from __future__ import annotations


def clock(seconds: float) -> str:
    """Return a duration."""
    for unit, length in (("d", 86400.0), ("h", 3600.0), ("min", 60.0)):
        if seconds >= 2 * length:
            return f"{seconds / length:,.1f} {unit}"
    return f"{seconds:,.1f} s" if seconds < 10 else f"{seconds:,.0f} s"  # noqa: PLR2004 - digits


def size(amount: float) -> str:
    """Return bytes, in MiB or GiB."""
    gib = 2**30
    return f"{amount / gib:,.1f} GiB" if amount >= gib else f"{amount / 2**20:,.0f} MiB"


def amount(number: float) -> str:
    """Return a number of things, a large one in thousands or millions."""
    if number >= 1e6:  # noqa: PLR2004 - digits
        return f"{number / 1e6:,.1f} M"
    return f"{number / 1e3:,.1f} k" if number >= 1e4 else f"{number:,.0f}"  # noqa: PLR2004 - digits


def plain(text: str) -> str:
    """Return a text that can do nothing to a terminal: what does not print is replaced."""
    return "".join(each if each.isprintable() else "\N{REPLACEMENT CHARACTER}" for each in text)
