"""Lists of what a client accepts, with their weights (RFC 9110, 12.4.2 and 12.5)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

MOST_ENTRIES = 64
"""What comes after is not looked at: no scraper has as many, and each takes its time."""
_MOST_PARAMETERS = 16
_WEIGHT = re.compile(r"(?:0|1)(?:\.[0-9]*)?")


@dataclass(frozen=True, slots=True)
class Accepted:
    """One entry: a media range or a coding in lower case, its parameters, and its weight 0 to 1."""

    name: str
    parameters: Mapping[str, str]
    weight: float


def accepted(header: str) -> Iterator[Accepted]:
    """Yield the entries of a header in its order; what makes no sense is left out.

    A comma between quotes ends an entry as well: nothing that is served has one.
    """
    for entry in header.split(",", MOST_ENTRIES)[:MOST_ENTRIES]:
        name, *rest = (part.strip() for part in entry.split(";", _MOST_PARAMETERS))
        parameters = dict(map(_parameter, rest))
        weight = parameters.pop("q", "1")
        if name and _WEIGHT.fullmatch(weight):
            yield Accepted(name.lower(), parameters, min(1.0, float(weight)))


def _parameter(text: str) -> tuple[str, str]:
    name, _, value = text.partition("=")
    return name.strip().lower(), value.strip().strip('"')
