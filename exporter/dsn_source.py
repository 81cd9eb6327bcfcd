"""Where the address of the metadata database is: found like Airflow finds it, read at each use."""

from __future__ import annotations

import configparser
import re
import shlex
import subprocess
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from string import Template

from exporter import files
from exporter.dsn import Dsn, parsed
from exporter.errors import ConfigError

OWN_VARIABLE = "AIRFLOW_PERF_EXPORTER_AIRFLOW_DSN"
# Airflow before 2.3 kept the connection in the second; later ones still read it.
_AIRFLOW_SECTIONS = ("database", "core")
_AIRFLOW_KEYS = ("sql_alchemy_conn", "sql_alchemy_conn_cmd", "sql_alchemy_conn_secret")
MAX_CONFIGURATION_CHARACTERS = 4 * 1024 * 1024
COMMAND_TIMEOUT_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class DsnFile:
    """The path of a file that holds the address, and where that path was given."""

    path: str
    origin: str = field(compare=False)

    def __str__(self) -> str:
        """Return how sentences name the file."""
        return f"{self.origin} {self.path}"


@dataclass(frozen=True, slots=True)
class DsnSource:
    """Where the address comes from, and how to read it again on each reconnect."""

    origin: str
    read: Callable[[], str]
    on_secrets: Callable[[tuple[str, ...]], None]

    def dsn(self) -> Dsn:
        """Read and parse the address; its secrets are told before it is used."""
        found = parsed(self.read(), self.origin)
        self.on_secrets(found.secrets)
        return found


def discovered(
    environ: Mapping[str, str],
    *,
    dsn_file: DsnFile | None,
    airflow_home: Path | None,
    allow_command: bool,
    on_secrets: Callable[[tuple[str, ...]], None],
) -> DsnSource:
    """Find the database's address; raise ConfigError with what to set when there is none."""
    if dsn_file is not None:
        return read_from(dsn_file, on_secrets)
    home = airflow_home or _expanded(environ.get("AIRFLOW_HOME") or "~/airflow", environ)
    # Our own setting goes before Airflow's.
    named = None if airflow_home else environ.get("AIRFLOW_CONFIG")
    configuration = _expanded(named, environ) if named else home / "airflow.cfg"
    for origin, read in _candidates(environ, configuration):
        return DsnSource(origin, _resolved(origin, read, allow_command=allow_command), on_secrets)
    database = home / "airflow.db"
    if _is_file(database):
        return DsnSource(str(database), lambda: f"sqlite:///{database}", on_secrets)
    message = (
        "no Airflow metadata database is configured: set --airflow.dsn-file, "
        f"{OWN_VARIABLE} or AIRFLOW__DATABASE__SQL_ALCHEMY_CONN, or --airflow.home "
        f"(looked in {configuration} and {database})"
    )
    raise ConfigError(message)


def read_from(file: DsnFile, on_secrets: Callable[[tuple[str, ...]], None]) -> DsnSource:
    """Return the address in a file; raise ConfigError where an address is given for the file."""
    if "://" in file.path or "password=" in file.path:
        message = f"{file.origin} takes the path of a file that holds the address"
        raise ConfigError(message)
    return DsnSource(str(file), lambda: _content(file), on_secrets)


def _content(file: DsnFile) -> str:
    text = files.content(Path(file.path), file.origin).decode("utf-8", "replace").strip()
    if not text:
        message = f"{file}: is empty"
        raise ConfigError(message)
    return text


def _expanded(text: str, environ: Mapping[str, str]) -> Path:
    """Read a path as Airflow does: variables and ~ are filled in."""
    filled = Template(text).safe_substitute(environ)
    # Not Path.expanduser(), which raises for a uid without an entry, as in containers.
    return Path(re.sub("^~(?=/|$)", lambda _: environ.get("HOME", "").rstrip("/"), filled))


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:
        # Below a directory that is not ours to look into, as another user's home.
        return False


def _candidates(
    environ: Mapping[str, str], configuration: Path
) -> Iterator[tuple[str, Callable[[], str]]]:
    """Yield what leads to the address, the nearest first: its origin, and how to read it."""
    # As in Airflow, an address goes before a program that prints it, and that before a secret.
    entries = [(section, key) for key in _AIRFLOW_KEYS for section in _AIRFLOW_SECTIONS]
    for name in (OWN_VARIABLE, *(f"AIRFLOW__{'__'.join(each)}".upper() for each in entries)):
        if environ.get(name):
            yield name, partial(environ.__getitem__, name)
    if _is_file(configuration):
        for section, key in entries:
            read = partial(_entry, configuration, section, key)
            if read():
                yield f"{configuration}: [{section}] {key}", read


def _entry(path: Path, section: str, key: str) -> str:
    parser = configparser.ConfigParser(interpolation=None, strict=False)
    try:
        with path.open(encoding="utf-8") as stream:
            parser.read_string(stream.read(MAX_CONFIGURATION_CHARACTERS))
    except (configparser.Error, OSError, UnicodeDecodeError):
        # The parser's own text would quote the line, which may hold the password.
        message = f"{path}: cannot be read as an Airflow configuration file"
        raise ConfigError(message) from None
    # Airflow expands %% as its own parser does.
    return parser.get(section, key, fallback="").replace("%%", "%")


def _resolved(origin: str, read: Callable[[], str], *, allow_command: bool) -> Callable[[], str]:
    """Return how to read the address where the setting may only tell who knows it."""
    kind = origin.lower().rpartition("_")[2]
    if kind == "secret":
        message = (
            f"{origin} names an entry of Airflow's secrets backend, which only Airflow "
            f"can read: give the address by --airflow.dsn-file or {OWN_VARIABLE}"
        )
        raise ConfigError(message)
    if kind == "cmd" and not allow_command:
        message = f"{origin} names a program: allow it with --airflow.allow-dsn-command"
        raise ConfigError(message)
    return (lambda: _output(read(), origin)) if kind == "cmd" else read


def _output(command: str, origin: str) -> str:
    try:
        done = subprocess.run(  # noqa: S603 - Airflow's own setting, run only where the user allows it
            shlex.split(command), capture_output=True, timeout=COMMAND_TIMEOUT_SECONDS, check=True
        )
    except (OSError, ValueError, subprocess.SubprocessError) as error:
        message = f"{origin}: the program failed ({type(error).__name__})"
        raise ConfigError(message) from None
    return done.stdout[: files.MAX_BYTES].decode("utf-8", "replace")
