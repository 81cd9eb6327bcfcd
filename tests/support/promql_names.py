"""What a PromQL expression names, as far as checks of rules and dashboards need it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

_TEXT = r'"(?:[^"\\]|\\.)*"'
_SELECTOR = re.compile(rf"([a-zA-Z_:][\w:]*)?\{{((?:[^}}\"]|{_TEXT})*)\}}")
_MATCHER = re.compile(rf"(\w+)\s*(=~|!~|!=|=)\s*({_TEXT})")
_GROUPING = re.compile(r"\b(by|without|on|ignoring|group_left|group_right)\s*\(([^)]*)\)")
_WORD = re.compile(r"[a-zA-Z_:][\w:]*(?!\w|\s*\()")
_KEYWORDS = {"and", "or", "unless", "bool", "offset", "inf", "nan"}
_RANGED = re.compile(rf"\b(\w+)\(([\w:]+)(?:\{{(?:[^}}\"]|{_TEXT})*\}})?\[([^\]]*)\]")


class Matcher(NamedTuple):
    """One label matcher of a selector; the value is unquoted."""

    label: str
    operator: str
    value: str


class Selector(NamedTuple):
    """A name of series and its matchers."""

    name: str
    matchers: tuple[Matcher, ...]


class Ranged(NamedTuple):
    """A function over a range of one selector."""

    function: str
    name: str
    window: str


def selectors(expression: str) -> Iterator[Selector]:
    """Yield every selector, those without matchers as well."""
    for name, inner in _SELECTOR.findall(expression):
        matchers = (Matcher(label, how, text[1:-1]) for label, how, text in _MATCHER.findall(inner))
        yield Selector(name, tuple(matchers))
    rest = _GROUPING.sub(" ", _SELECTOR.sub(" ", expression))
    rest = re.sub(rf"{_TEXT}|\[[^\]]*\]|offset \w+|\$\w+|\b\d[\w.]*", " ", rest)
    for word in _WORD.findall(rest):
        if word not in _KEYWORDS:
            yield Selector(word, ())


def groupings(expression: str) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Yield each grouping or join: its word and its labels."""
    for word, labels in _GROUPING.findall(re.sub(_TEXT, '""', expression)):
        yield word, tuple(each.strip() for each in labels.split(",") if each.strip())


def ranged(expression: str) -> Iterator[Ranged]:
    """Yield every function over a range of a selector."""
    for found in _RANGED.findall(expression):
        yield Ranged(*found)
