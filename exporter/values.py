"""What the text of a setting means: durations, numbers, switches, paths, patterns."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

HIGHEST_PORT = 65535
_LONGEST_SECONDS = 3650 * 86400.0
"""Threads cannot wait for ever: above some centuries the wait itself fails."""
_MOST_DIGITS = 15
_DURATION = re.compile(r"([0-9]+(?:\.[0-9]+)?)(ms|s|m|h|d)?")
_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0, None: 1.0}
_ON = frozenset({"1", "true", "yes", "on"})
_OFF = frozenset({"0", "false", "no", "off"})
# The probes of Prometheus' world are below /-/, those of Kubernetes end in z.
_FREE_PATH = re.compile(r"/(?!/|-/|healthz$|readyz$)[^?#% ]*")

Parser = Callable[..., Any]
"""Reads a text, with its origin if the option keeps it; raises ValueError with what is allowed."""


class Given(str):
    """A text that knows where it was given: it may be refused only where it is used."""

    origin: str

    def __new__(cls, text: str, origin: str) -> Given:
        """Return the text with the flag, variable, or file and key that it came from."""
        given = super().__new__(cls, text)
        given.origin = origin
        return given


def seconds(text: str) -> float:
    """Read a duration such as 500ms, 5s, 1m, 2h or 7d; a bare number means seconds."""
    found = _DURATION.fullmatch(text.strip())
    if found is None:
        message = "a duration such as 500ms, 5s, 1m, 2h or 7d"
        raise ValueError(message)
    value = float(found[1]) * _UNITS[found[2]]
    if value > _LONGEST_SECONDS:
        message = "a duration of at most 3650d"
        raise ValueError(message)
    return value


def positive_seconds(text: str) -> float:
    """Read a duration of at least 100 ms."""
    value = seconds(text)
    if value < 0.1:  # noqa: PLR2004 - below it a collector would do nothing but sample
        message = "a duration of at least 100ms"
        raise ValueError(message)
    return value


def past_seconds(text: str) -> float:
    """Read the length of a past time: a duration of at least an hour."""
    value = seconds(text)
    if value < 3600:  # noqa: PLR2004 - of less there is hardly anything to tell
        message = "a duration of at least 1h"
        raise ValueError(message)
    return value


def count(text: str) -> int:
    """Read a whole number that is not negative."""
    # Python would take the digits of every script.
    if not (text.isascii() and text.strip().isdecimal()) or len(text) > _MOST_DIGITS:
        message = f"a whole number of at most {_MOST_DIGITS} digits"
        raise ValueError(message)
    return int(text)


def positive_count(text: str) -> int:
    """Read a whole number of at least 1."""
    value = count(text)
    if value < 1:
        message = "a whole number of at least 1"
        raise ValueError(message)
    return value


def switch(text: str) -> bool:
    """Read a yes or no."""
    lowered = text.strip().lower()
    if lowered not in _ON | _OFF:
        message = "true or false"
        raise ValueError(message)
    return lowered in _ON


def free_path(text: str) -> str:
    """Read a path under which nothing else is served."""
    if not _FREE_PATH.fullmatch(text):
        message = "a free path such as /metrics"
        raise ValueError(message)
    return text


def pattern(text: str) -> re.Pattern[str]:
    """Read a regular expression."""
    try:
        return re.compile(text)
    except (re.error, OverflowError, RecursionError) as error:
        message = f"a regular expression ({error})"
        raise ValueError(message) from None


def log_pattern(text: str) -> re.Pattern[str]:
    """Read a regular expression that names the DAG and the task."""
    found = pattern(text)
    if not {"dag_id", "task_id"} <= found.groupindex.keys():
        message = "a regular expression with groups (?P<dag_id>...) and (?P<task_id>...)"
        raise ValueError(message)
    return found


def metric_prefix(text: str) -> str:
    """Read the first word of metric names."""
    if not re.fullmatch("[a-z][a-z0-9_]{0,40}", text):
        message = "a word of lower-case letters, digits and _"
        raise ValueError(message)
    return text


def one_of(*allowed: str) -> Parser:
    """Make a parser that takes only these words."""

    def parse(text: str) -> str:
        if text not in allowed:
            message = f"one of {', '.join(allowed)}"
            raise ValueError(message)
        return text

    return parse
