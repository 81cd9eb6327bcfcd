"""The configuration file: YAML with the keys of the flags, nested; read as texts."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from exporter import yaml_file
from exporter.errors import ConfigError

Key = tuple[str, ...]
Texts = dict[Key, tuple[str, "str | list[str]"]]
"""By the key of a setting: its origin, which is the file and the key as written, and its text."""


def read(path: Path, origin: str, known: Mapping[Key, bool]) -> Texts:
    """Return the texts of the settings in a file by their nested keys.

    `origin` is where the path was given; `known` tells of each key that may be there whether it is
    a switch. Raises ConfigError naming the file and what is wrong with it; takes bounded time and
    memory whatever the file holds.
    """
    tree = yaml_file.tree(path, origin)
    return _flattened({} if tree in (None, *yaml_file.UNSET) else tree, path, known)


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
            if key in sections and value in yaml_file.UNSET:
                continue
            wrong = "must hold settings by name" if key in sections else "no such setting"
            message = f"{origin}: {wrong}"
            raise ConfigError(message)
        elif isinstance(value, list):
            flat[key] = origin, [str(each) for each in value]
        elif value not in yaml_file.UNSET:
            flat[key] = origin, str(value)
    return flat
