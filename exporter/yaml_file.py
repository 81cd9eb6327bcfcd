"""YAML files that a user names: read as texts, lists and maps, in bounded time and memory."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from exporter import files
from exporter.errors import ConfigError

_DEEPEST = 8
UNSET = ("", "~", "null")
"""How YAML writes that there is no value."""


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
