"""The baselines file: YAML by scope, name and metric."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from exporter import values, yaml_file
from exporter.insight.baselines import dialect
from exporter.insight.baselines.baseline import METRICS, Baseline, Direction, Key, Match, Scope
from exporter.rows.names import ALLOWED, is_name
from exporter.yaml_file import Place

SECTIONS: Final = {"stages": Scope.STAGE, "components": Scope.COMPONENT}
"""How files name the scopes."""
_SHIPPED: Final = Path(__file__).with_name("default.yml")
_MATCH: Final = "match"
_FURTHER: Final = ("tolerance", "aggregation", "window")
_COMPONENT: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,62}")
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
    found = tuple(_sections(Place(path), yaml_file.tree(path, origin)))
    if len(found) > _MOST:
        Place(path).refuse(f"holds more than {_MOST} baselines")
    return found


def _sections(place: Place, tree: object) -> Iterator[Baseline]:
    for section, names in place.keys(tree, *SECTIONS).items():
        at = place.below(section)
        for name, metrics in _named(at, SECTIONS[section], names).items():
            yield from _of_name(at.below(name), SECTIONS[section], name, metrics)


def _named(place: Place, scope: Scope, node: object) -> Node:
    found = place.keys(node)
    for name in map(str, found):
        if scope is Scope.STAGE and not is_name(name):
            place.below(name).refuse(f"a stage is {ALLOWED}")
        if scope is Scope.COMPONENT and not _COMPONENT.fullmatch(name):
            place.below(name).refuse("a component is up to 63 letters, digits, _ . and -")
    return found


def _of_name(place: Place, scope: Scope, name: str, node: object) -> Iterator[Baseline]:
    is_component = scope is Scope.COMPONENT
    metrics = place.keys(node, *METRICS[scope], *([_MATCH] if is_component else []))
    match = _match(place.below(_MATCH), metrics.get(_MATCH)) if is_component else None
    for metric, terms in metrics.items():
        if metric != _MATCH:
            yield _baseline(place.below(metric), Key(scope, name, metric), terms, match)


def _baseline(place: Place, key: Key, node: object, match: Match | None) -> Baseline:
    if not node:
        place.refuse(f"must hold min or max, and {', '.join(_FURTHER)}")
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


def _number(place: Place, node: Node, key: str) -> float:
    text = place.text(node, key)
    if not _NUMBER.fullmatch(text):
        place.below(key).refuse("must be a number such as 100 or 0.20")
    return float(text)


def _window(place: Place, node: Node) -> int:
    least, most = _WINDOW_SECONDS
    try:
        seconds = values.seconds(place.text(node, "window"))
    except ValueError as error:
        place.below("window").refuse(f"must be {error}")
    if not least <= seconds <= most or math.modf(seconds)[0]:
        place.below("window").refuse("must be whole seconds, from 1m to 7d")
    return int(seconds)


def _match(place: Place, node: object) -> Match:
    given = place.keys(node, "container", "pod")
    return Match(**{key: _pattern(place, given, key) for key in given})


def _pattern(place: Place, node: Node, key: str) -> str:
    text = place.text(node, key)
    try:
        dialect.compiled(text)
    except ValueError as error:
        place.below(key).refuse(f"must be {error}")
    return text
