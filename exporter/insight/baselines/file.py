"""The baselines file: YAML by scope, name and metric."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final, NoReturn

from exporter import values, yaml_file
from exporter.errors import ConfigError
from exporter.insight.baselines.baseline import METRICS, Baseline, Direction, Key, Match, Scope

SECTIONS: Final = {"stages": Scope.STAGE, "components": Scope.COMPONENT}
"""How files name the scopes."""
_SHIPPED: Final = Path(__file__).with_name("default.yml")
_MATCH: Final = "match"
_FURTHER: Final = ("tolerance", "aggregation", "window")
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,62}")
_NUMBER: Final = re.compile(r"[0-9]{1,15}(\.[0-9]{1,15})?")
_MOST: Final = 500
"""Each is a query; and three series."""
_SMALLEST_TARGET: Final = 1e-6
_WINDOW_SECONDS: Final = (60, 7 * 86400)

Node = Mapping[str, object]


def baselines(path: Path | None, origin: str = "--baselines.file") -> tuple[Baseline, ...]:
    """Return the baselines of a file, else the shipped ones.

    `origin` is where the path was given. Raises ConfigError naming the file, the key and what is
    allowed.
    """
    path = path or _SHIPPED
    found = tuple(_sections(_Place(path), yaml_file.tree(path, origin)))
    if len(found) > _MOST:
        _Place(path).refuse(f"holds more than {_MOST} baselines")
    return found


class _Place:
    """Where in the file we are, for sentences."""

    def __init__(self, path: Path, *keys: str) -> None:
        self._path = path
        self._keys = keys

    def below(self, key: str) -> _Place:
        return _Place(self._path, *self._keys, key)

    def refuse(self, problem: str) -> NoReturn:
        where = ".".join(self._keys)[:200]
        message = f"{self._path}: {where}: {problem}" if where else f"{self._path}: {problem}"
        raise ConfigError(message)

    def keys(self, node: object, *allowed: str) -> Node:
        """Return a node's keys and values; only those that are allowed, if any are named."""
        if not isinstance(node, dict) or not node:
            self.refuse(f"must hold {', '.join(allowed) or 'something by name'}")
        for key in node:
            if allowed and key not in allowed:
                self.below(str(key)).refuse(f"no such key; there are {', '.join(allowed)}")
            if not _NAME.fullmatch(str(key)):
                self.below(str(key)).refuse("a name is up to 63 letters, digits, _ . and -")
        return node

    def text(self, node: Node, key: str) -> str:
        """Return the text of a key that must be there."""
        value = node.get(key)
        if not isinstance(value, str) or not value:
            self.below(key).refuse("must be given, as one value")
        return value


def _sections(place: _Place, tree: object) -> Iterator[Baseline]:
    for section, names in place.keys(tree, *SECTIONS).items():
        at = place.below(section)
        for name, metrics in at.keys(names).items():
            yield from _of_name(at.below(name), SECTIONS[section], name, metrics)


def _of_name(place: _Place, scope: Scope, name: str, node: object) -> Iterator[Baseline]:
    is_component = scope is Scope.COMPONENT
    metrics = place.keys(node, *METRICS[scope], *([_MATCH] if is_component else []))
    match = _match(place.below(_MATCH), metrics.get(_MATCH)) if is_component else None
    for metric, terms in metrics.items():
        if metric != _MATCH:
            yield _baseline(place.below(metric), Key(scope, name, metric), terms, match)


def _baseline(place: _Place, key: Key, node: object, match: Match | None) -> Baseline:
    terms = place.keys(node, *(each.value for each in Direction), *_FURTHER)
    directions = [each for each in Direction if each.value in terms]
    if len(directions) != 1:
        place.refuse("must hold either min or max")
    direction = directions[0]
    target = _number(place, terms, direction.value)
    if target < _SMALLEST_TARGET and (target > 0 or direction is Direction.MIN):
        place.below(direction.value).refuse(f"must be at least {_SMALLEST_TARGET:g}")
    tolerance = _number(place, terms, "tolerance")
    if tolerance >= 1:
        place.below("tolerance").refuse("must be below 1: 0.20 is 20 %")
    allowed = METRICS[key.scope][key.metric].aggregations
    aggregation = place.text(terms, "aggregation")
    if aggregation not in allowed:
        place.below("aggregation").refuse(f"must be {' or '.join(allowed)}")
    return Baseline(key, direction, target, tolerance, aggregation, _window(place, terms), match)


def _number(place: _Place, node: Node, key: str) -> float:
    text = place.text(node, key)
    if not _NUMBER.fullmatch(text):
        place.below(key).refuse("must be a number such as 100 or 0.20")
    return float(text)


def _window(place: _Place, node: Node) -> int:
    least, most = _WINDOW_SECONDS
    try:
        seconds = values.seconds(place.text(node, "window"))
    except ValueError as error:
        place.below("window").refuse(f"must be {error}")
    if not least <= seconds <= most or math.modf(seconds)[0]:
        place.below("window").refuse("must be whole seconds, from 1m to 7d")
    return int(seconds)


def _match(place: _Place, node: object) -> Match:
    given = place.keys(node, "container", "pod")
    return Match(**{key: _pattern(place, given, key) for key in given})


def _pattern(place: _Place, node: Node, key: str) -> str:
    text = place.text(node, key)
    try:
        values.pattern(text)
    except ValueError as error:
        place.below(key).refuse(f"must be {error}")
    return text
