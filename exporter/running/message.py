"""Running tries as JSON: what an exporter answers, and how another process reads it."""

from __future__ import annotations

import json
from dataclasses import fields
from math import isfinite
from typing import Any, Final

from exporter.running.tries import RunningTries, RunningTry

PATH: Final = "/tasks.json"
SCHEMA: Final = "airflow-perf-exporter.tasks/1"
"""Another number where a field changes its meaning or goes."""
MAX_TRIES: Final = 200
"""Tries in one message, those that use most CPU; `total` counts all."""

_FIELDS: Final = tuple(each.name for each in fields(RunningTry))
_MOST_CHARACTERS: Final = 250
"""Of an id of Airflow's."""
_MOST_WHOLE: Final = 2**31 - 1
"""Airflow's own numbers are integers of a database."""
_LAST_SECOND: Final = 253_402_300_800.0
"""The year 10,000, which no calendar here has."""


def dumped(found: RunningTries) -> bytes:
    """Write as one JSON object; keys name their units, null is unknown."""
    told = {
        "schema": SCHEMA,
        "at": found.at,
        "total": found.total,
        "nameless": found.nameless,
        "tries": [{name: getattr(each, name) for name in _FIELDS} for each in found.tries],
    }
    return json.dumps(told).encode() + b"\n"


def loaded(body: bytes) -> RunningTries:
    """Read what `dumped` wrote; raise ValueError for anything else."""
    try:
        told = json.loads(body)
        if told["schema"] != SCHEMA:
            message = "another schema"
            raise ValueError(message)
        tries = [_try(each) for each in told["tries"][:MAX_TRIES]]
        return RunningTries(
            _moment(told["at"]), tries, int(_amount(told["total"])), int(_amount(told["nameless"]))
        )
    except (LookupError, TypeError, AttributeError, OverflowError, RecursionError) as error:
        raise ValueError from error


def _try(told: dict[str, Any]) -> RunningTry:
    return RunningTry(
        _name(told["dag_id"]),
        _name(told["task_id"]),
        _whole(told["map_index"]),
        _whole(told["try_number"]),
        _amount(told["cpu_percent"]),
        int(_amount(told["memory_bytes"])),
        int(_amount(told["peak_bytes"])),
        _amount(told["age_seconds"]),
        int(_amount(told["processes"])),
        None if (rows := told["rows_per_second"]) is None else _amount(rows),
    )


def _name(told: Any) -> str:  # noqa: ANN401 - JSON
    return str(told)[:_MOST_CHARACTERS]


def _whole(told: Any) -> int | None:  # noqa: ANN401 - JSON
    if told is None:
        return None
    if abs(number := int(_amount(told))) > _MOST_WHOLE:
        message = "no number of Airflow's"
        raise ValueError(message)
    return number


def _moment(told: Any) -> float:  # noqa: ANN401 - JSON
    if not 0 <= (seconds := _amount(told)) < _LAST_SECOND:
        message = "no moment"
        raise ValueError(message)
    return seconds


def _amount(told: Any) -> float:  # noqa: ANN401 - JSON
    amount = float(told)
    if not isfinite(amount):
        message = "no number"
        raise ValueError(message)
    return amount
