"""YAML files that a user names: read as texts, lists and maps, in bounded time and memory."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NoReturn

import yaml

from exporter import files
from exporter.errors import ConfigError

_DEEPEST = 8
UNSET = ("", "~", "null")
"""How YAML writes that there is no value."""


class Place:
    """Where in a file we are, for sentences."""

    def __init__(self, path: Path, *keys: str) -> None:
        """Stand at a key, at first at the top."""
        self.path = path
        self._keys = keys

    def __str__(self) -> str:
        """Return the file and the key."""
        where = ".".join(self._keys)[:200]
        return f"{self.path}: {where}" if where else str(self.path)

    def below(self, key: str) -> Place:
        """Return the place of a key that is here."""
        return Place(self.path, *self._keys, key)

    def refuse(self, problem: str) -> NoReturn:
        """Raise ConfigError: what stands here has this problem."""
        message = f"{self}: {problem}"
        raise ConfigError(message)

    def keys(self, node: object, *allowed: str) -> Mapping[str, object]:
        """Return a node's keys and values; only those that are allowed, if any are named."""
        if not isinstance(node, dict) or not node:
            self.refuse(f"must hold {_some_of(allowed)}")
        for key in node:
            if allowed and key not in allowed:
                self.below(str(key)).refuse(f"no such key; there are {', '.join(allowed)}")
        return node

    def text(self, node: Mapping[str, object], key: str) -> str:
        """Return the text of a key that must be there."""
        value = node.get(key)
        if not isinstance(value, str) or not value:
            self.below(key).refuse("must be given, as one value")
        return value


def _some_of(keys: Sequence[str]) -> str:
    if not keys:
        return "something by name"
    return f"some of {', '.join(keys)}"


def tree(path: Path, origin: str) -> object:
    """Return what a file holds: maps, lists, and every value as the text that was written.

    `origin` is where the path was given. Raises ConfigError naming the file and what is wrong with
    it; takes bounded time and memory whatever the file holds.
    """
    content = files.content(path, origin)
    try:
        _refuse_bombs(content, path)
        # Every value stays the text that was written: who knows what it means reads it.
        return yaml.load(content, _Loader)  # noqa: S506 - it makes texts, lists and maps only
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        mark = getattr(error, "problem_mark", None)
        where = f" near line {mark.line + 1}" if mark else ""
        problem = "a key is given twice" if isinstance(error, _TwiceError) else "is not valid YAML"
        message = f"{path}: {problem}{where}"
        raise ConfigError(message) from None


class _TwiceError(yaml.constructor.ConstructorError):
    """A mapping holds a key twice: one of the two would be lost without a word."""


class _Loader(yaml.BaseLoader):
    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        found: dict[Any, Any] = super().construct_mapping(node, deep)
        if len(found) < len(node.value):
            raise _TwiceError(None, None, None, node.start_mark)
        return found


def _refuse_bombs(content: bytes, path: Path) -> None:
    """Raise ConfigError for aliases, which can grow without bound, and for deep nesting."""
    depth = 0
    for each in yaml.parse(content, yaml.BaseLoader):
        depth += isinstance(each, yaml.CollectionStartEvent)
        depth -= isinstance(each, yaml.CollectionEndEvent)
        if depth > _DEEPEST:
            message = f"{path}: is nested too deeply"
            raise ConfigError(message)
        if isinstance(each, yaml.AliasEvent):
            message = f"{path}: aliases (&, *) are not allowed"
            raise ConfigError(message)
