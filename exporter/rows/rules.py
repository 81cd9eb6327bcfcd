"""The rows file: which pipeline and stage tasks belong to, and what their fields are called.

```yaml
fields:
  rows: [rows, loaded]
tasks:
  - dag: sales_.*
    task: load_.*
    pipeline: sales
    stage: bronze
```
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import NoReturn

from exporter import yaml_file
from exporter.errors import ConfigError
from exporter.rows.names import ALLOWED, MAX_NAME, is_name
from exporter.rows.stages import Rule
from exporter.rows.told import Names
from exporter.values import pattern

MAX_RULES = 1_000
MAX_FIELDS = 20
_AMOUNTS = ("rows", "bytes", "seconds")
_PATTERNS = ("dag", "task")
_PLACES = ("pipeline", "stage")


@dataclass(frozen=True, slots=True)
class Rules:
    """What the file says, and what holds where it says nothing."""

    names: Names = field(default_factory=Names)
    tasks: tuple[Rule, ...] = ()


def read(path: Path, origin: str) -> Rules:
    """Read a rows file; raise ConfigError naming the file, the key and what is allowed."""
    tree = yaml_file.tree(path, origin)
    top = _map(f"{path}", {} if tree in (None, *yaml_file.UNSET) else tree, ("fields", "tasks"))
    fields = _map(f"{path}: fields", top.get("fields") or {}, _AMOUNTS)
    names = Names(**{of: _names(f"{path}: fields.{of}", given) for of, given in fields.items()})
    tasks = top.get("tasks") or []
    if not isinstance(tasks, list) or len(tasks) > MAX_RULES:
        _refuse(f"{path}: tasks", f"must be a list of at most {MAX_RULES} rules")
    rules = tuple(_rule(f"{path}: tasks[{number}]", each) for number, each in enumerate(tasks))
    return Rules(names, rules)


def _rule(origin: str, given: object) -> Rule:
    found = _map(origin, given, (*_PATTERNS, *_PLACES))
    texts = {key: _text(f"{origin}.{key}", value) for key, value in found.items()}
    if not texts.keys() & set(_PATTERNS):
        _refuse(origin, "needs dag or task: a regular expression for the whole id")
    if not texts.keys() - {"dag"}:
        _refuse(origin, "says nothing of the DAG's tasks: needs pipeline, stage or task")
    for key in texts.keys() & set(_PLACES):
        if not is_name(texts[key]):
            _refuse(f"{origin}.{key}", f"must be {ALLOWED}")
    dag, task = (_pattern(f"{origin}.{key}", texts.get(key)) for key in _PATTERNS)
    return Rule(dag, task, texts.get("pipeline"), texts.get("stage"))


def _pattern(origin: str, given: str | None) -> re.Pattern[str] | None:
    try:
        return None if given is None else pattern(given)
    except ValueError as error:
        _refuse(origin, f"is not {error}")


def _names(origin: str, given: object) -> tuple[str, ...]:
    if not isinstance(given, list) or not 0 < len(given) <= MAX_FIELDS:
        _refuse(origin, f"must be a list of one to {MAX_FIELDS} names")
    return tuple(_text(f"{origin}[{number}]", each) for number, each in enumerate(given))


def _text(origin: str, given: object) -> str:
    if not isinstance(given, str) or not 0 < len(given) <= MAX_NAME:
        _refuse(origin, f"must be a text of one to {MAX_NAME} characters")
    return given


def _map(origin: str, given: object, known: tuple[str, ...]) -> Mapping[str, object]:
    if not isinstance(given, dict):
        _refuse(origin, f"must be a map of {', '.join(known)}")
    for key in given:
        if key not in known:
            _refuse(f"{origin}: {str(key)[:100]}", f"no such key; there are {', '.join(known)}")
    return given


def _refuse(origin: str, why: str) -> NoReturn:
    message = f"{origin}: {why}"
    raise ConfigError(message)
