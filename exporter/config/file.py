"""The configuration file: YAML with the keys of the flags, nested; read as texts."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from exporter import files
from exporter.errors import ConfigError

_DEEPEST = 8
_UNSET = ("", "~", "null")

Key = tuple[str, ...]
Texts = dict[Key, tuple[str, "str | list[str]"]]
"""By the key of a setting: its origin, which is the file and the key as written, and its text."""


def read(path: Path, origin: str, known: Mapping[Key, bool]) -> Texts:
    """Return the texts of the settings in a file by their nested keys.

    `origin` is where the path was given; `known` tells of each key that may be there whether it is
    a switch. Raises ConfigError naming the file and what is wrong with it; takes bounded time and
    memory whatever the file holds.
    """
    content = files.content(path, origin)
    try:
        _refuse_bombs(content, path)
        # Every value stays the text that was written: each option reads its own.
        tree = yaml.load(content, _Loader)  # noqa: S506 - it makes texts, lists and maps only
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        mark = getattr(error, "problem_mark", None)
        where = f" near line {mark.line + 1}" if mark else ""
        problem = "a key is given twice" if isinstance(error, _TwiceError) else "is not valid YAML"
        message = f"{path}: {problem}{where}"
        raise ConfigError(message) from None
    return _flattened({} if tree in (None, *_UNSET) else tree, path, known)


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


def _flattened(tree: object, path: Path, known: Mapping[Key, bool]) -> Texts:
    if not isinstance(tree, dict):
        message = f"{path}: must hold settings by name"
        raise ConfigError(message)
    sections = {key[:length] for key in known for length in range(1, len(key) + 1)}
    flat: Texts = {}
    waiting: list[tuple[Key, object]] = [((str(k),), v) for k, v in tree.items()]
    while waiting:
        written, value = waiting.pop()
        origin = f"{path}: {'.'.join(written)[:100]}"
        # `enabled` is the switch of a section that has settings of its own.
        switched = written[-1] == "enabled" and known.get(written[:-1], False)
        key = written[:-1] if switched else written
        if isinstance(value, dict) and key in sections:
            waiting += [((*written, str(name)), each) for name, each in value.items()]
        elif key not in known:
            if key in sections and value in _UNSET:
                continue
            wrong = "must hold settings by name" if key in sections else "no such setting"
            message = f"{origin}: {wrong}"
            raise ConfigError(message)
        elif isinstance(value, list):
            flat[key] = origin, [str(each) for each in value]
        elif value not in _UNSET:
            flat[key] = origin, str(value)
    return flat
