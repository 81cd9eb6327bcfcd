"""What a setting is: its flag, variable and key, its help, and how its text is read."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

from exporter.values import Parser, positive_seconds, switch

ENVIRONMENT_PREFIX = "AIRFLOW_PERF_EXPORTER_"


@dataclass(frozen=True, slots=True)
class Option:
    """How one setting is written outside: its flag, what its text means, and its help."""

    flag: str
    help: str
    parse: Parser
    metavar: str
    is_switch: bool = False
    repeatable: bool = False
    keeps_origin: bool = False
    """Whether the value is told where it was given: what is refused late must name it."""

    @property
    def variable(self) -> str:
        """The environment variable of the same setting."""
        return ENVIRONMENT_PREFIX + re.sub(r"[.-]", "_", self.flag.removeprefix("--")).upper()

    @property
    def key(self) -> tuple[str, ...]:
        """The path of the same setting in the configuration file."""
        return tuple(self.flag.removeprefix("--").split("."))


def option(
    flag: str,
    default: Any,  # noqa: ANN401
    help_text: str,
    parse: Parser = str,
    metavar: str = "TEXT",
    **more: Any,  # noqa: ANN401
) -> Any:  # noqa: ANN401 - stands for a dataclass field of any type
    """Declare a field of the settings; `more` are further fields of its Option."""
    how = Option(flag, help_text, parse, metavar, **more)
    return field(default=default, metadata={"option": how})


def on_or_off(flag: str, default: bool, help_text: str) -> Any:  # noqa: ANN401
    """Declare a field that is set by --FLAG and --no-FLAG."""
    return option(flag, default, help_text, switch, "", is_switch=True)


def duration(flag: str, default: float, help_text: str, parse: Parser = positive_seconds) -> Any:  # noqa: ANN401
    """Declare a field of seconds."""
    return option(flag, default, help_text, parse, "DURATION")
