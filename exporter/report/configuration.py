"""Airflow's own settings, as far as they are at hand: the environment and airflow.cfg."""

from __future__ import annotations

import configparser
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from exporter.errors import ConfigError

MAX_CHARACTERS = 1_000_000
_VARIABLE = re.compile("AIRFLOW__([A-Z0-9_]+?)__([A-Z0-9_]+)")


@dataclass(frozen=True, slots=True)
class Configuration:
    """What is set, by section and key; most values are secrets or of no interest to us."""

    values: Mapping[tuple[str, str], str] = field(default_factory=dict, repr=False)

    def number(self, section: str, key: str) -> int | None:
        """Return a whole number, None where there is none."""
        text = self.values.get((section, key), "").strip()
        return int(text) if text.isascii() and text.isdecimal() and len(text) < 10 else None  # noqa: PLR2004 - digits


def configuration(environ: Mapping[str, str], home: Path | None) -> Configuration:
    """Read what is at hand, the environment first; raise ConfigError for an unreadable file."""
    values = {}
    directory = home or Path(environ.get("AIRFLOW_HOME") or "~/airflow")
    named = None if home else environ.get("AIRFLOW_CONFIG")
    try:
        path = Path(named).expanduser() if named else directory.expanduser() / "airflow.cfg"
        if path.is_file():
            values = _file(path)
    except (OSError, RuntimeError):
        message = f"{named or directory}: cannot be read"
        raise ConfigError(message) from None
    for variable, value in environ.items():
        if found := _VARIABLE.fullmatch(variable):
            values[found[1].lower(), found[2].lower()] = value
    return Configuration(values)


def _file(path: Path) -> dict[tuple[str, str], str]:
    parser = configparser.ConfigParser(interpolation=None, strict=False)
    try:
        with path.open(encoding="utf-8") as stream:
            parser.read_string(stream.read(MAX_CHARACTERS))
    except (configparser.Error, UnicodeDecodeError):
        # The parser's own text would quote a line, which may hold a password.
        message = f"{path}: cannot be read as an Airflow configuration file"
        raise ConfigError(message) from None
    return {
        (section, key): value
        for section in parser.sections()
        for key, value in parser.items(section)
    }
