"""Actuals from a JSON file: by scope, name and metric, as in the baselines file."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any, Final, NoReturn

from exporter import files
from exporter.errors import ConfigError
from exporter.insight.baselines.baseline import Key
from exporter.insight.baselines.file import SECTIONS

_LARGEST: Final = 10**18


def actuals(path: Path, origin: str, known: Collection[Key]) -> dict[Key, float]:
    """Return the actuals of a file, `null` for one that is unknown.

    Raises ConfigError naming the file and the key: one that no baseline is `known` for is a slip,
    and would look like a baseline that is kept.
    """
    content = files.content(path, origin)
    try:
        tree = json.loads(content, object_pairs_hook=_once, parse_constant=_no_number)
    except _TwiceError as error:
        _refuse(path, str(error), "is given twice")
    except (ValueError, RecursionError):
        _refuse(path, "", "is not valid JSON")
    found = {}
    for key, value in _entries(path, tree):
        if key not in known:
            _refuse(path, str(key), "there is no such baseline")
        if value is not None:
            found[key] = _amount(path, key, value)
    return found


class _TwiceError(ValueError):
    """An object holds a key twice: one of the two would be lost without a word."""


def _entries(path: Path, tree: object) -> Iterator[tuple[Key, Any]]:
    for section, names in _members(path, "", tree):
        if section not in SECTIONS:
            _refuse(path, section, f"no such key; there are {', '.join(SECTIONS)}")
        for name, metrics in _members(path, section, names):
            for metric, value in _members(path, f"{section}.{name}", metrics):
                yield Key(SECTIONS[section], name, metric), value


def _members(path: Path, where: str, node: object) -> Iterator[tuple[str, Any]]:
    if not isinstance(node, dict):
        _refuse(path, where, "must hold something by name")
    yield from node.items()


def _amount(path: Path, key: Key, value: Any) -> float:  # noqa: ANN401 - JSON
    if not isinstance(value, int | float) or isinstance(value, bool) or not 0 <= value <= _LARGEST:
        _refuse(path, str(key), "must be a number from 0 to 1e18, or null")
    return float(value)


def _refuse(path: Path, where: str, problem: str) -> NoReturn:
    message = f"{path}: {where[:200]}: {problem}" if where else f"{path}: {problem}"
    raise ConfigError(message)


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            raise _TwiceError(key)
        found[key] = value
    return found


def _no_number(text: str) -> NoReturn:
    raise ValueError(text)
