"""The thresholds of alerts and of panels' colours: declared once, and set by whoever wants others.

Each has a name, a default, a unit and a meaning, in thresholds.yaml beside this module.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final, cast

from exporter import yaml_file
from exporter.errors import ConfigError

_DECLARED: Final = Path(__file__).with_suffix(".yaml")
_RATIO: Final = "ratio"


@dataclass(frozen=True, slots=True)
class Threshold:
    """A number that people disagree about."""

    name: str
    default: float
    unit: str
    meaning: str


def declared() -> tuple[Threshold, ...]:
    """Return every threshold, in the order of the file."""
    tree = cast("dict[str, dict[str, str]]", yaml_file.tree(_DECLARED, "thresholds"))
    return tuple(
        Threshold(name, float(each["default"]), each["unit"], each["meaning"])
        for name, each in tree.items()
    )


def chosen(assignments: Iterable[str] = ()) -> dict[str, float]:
    """Return the value of every threshold: the default, or what `name=value` says, the last one.

    Raises ConfigError for a name that is none, a value that is no number, a ratio in percent.
    """
    units = {each.name: each.unit for each in declared()}
    values = {each.name: each.default for each in declared()}
    for each in assignments:
        name, _, text = each.partition("=")
        if name not in values:
            message = f"--set {name}: no such threshold; there are {', '.join(values)}"
            raise ConfigError(message)
        values[name] = _number(name, text)
        if units[name] == _RATIO and values[name] > 1:
            message = f"--set {name}: must be a part of 1, such as 0.8 for 80 %"
            raise ConfigError(message)
    return values


def _number(name: str, text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value) or value < 0:
        message = f"--set {name}: must be a number such as 0.8 or 100, 0 or more"
        raise ConfigError(message)
    return value
