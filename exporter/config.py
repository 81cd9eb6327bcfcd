"""Every option declared once: flag, variable, default, help; and where its value comes from."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import MISSING, Field, dataclass, field, fields
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from exporter import catalogue, config_file
from exporter.dsn import OWN_VARIABLE, DsnFile
from exporter.errors import ConfigError
from exporter.logs import FORMATS, LEVELS
from exporter.values import (
    Given,
    Parser,
    count,
    free_path,
    one_of,
    pattern,
    positive_seconds,
    seconds,
    switch,
)

ENVIRONMENT_PREFIX = "AIRFLOW_PERF_EXPORTER_"
# What Kubernetes puts into every container for a service named like us.
_OF_KUBERNETES = re.compile(r"_SERVICE_(HOST|PORT)|_PORT_[0-9]+_(TCP|UDP|SCTP)")
_URL_OF_KUBERNETES = ("tcp://", "udp://", "sctp://")


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


def existing_family(text: str) -> str:
    """Read the name of a metric family that the catalogue declares."""
    if text not in catalogue.BY_NAME:
        message = "the name of an exported metric family"
        raise ValueError(message)
    return text


def _option(
    flag: str,
    default: Any,  # noqa: ANN401
    help_text: str,
    parse: Parser = str,
    metavar: str = "TEXT",
    **more: Any,  # noqa: ANN401
) -> Any:  # noqa: ANN401 - stands for a dataclass field of any type
    option = Option(flag, help_text, parse, metavar, **more)
    return field(default=default, metadata={"option": option})


def _switch(flag: str, default: bool, help_text: str) -> Any:  # noqa: ANN401
    return _option(flag, default, help_text, switch, "", is_switch=True)


def _seconds(flag: str, default: float, help_text: str, parse: Parser = positive_seconds) -> Any:  # noqa: ANN401
    return _option(flag, default, help_text, parse, "DURATION")


@dataclass(frozen=True, slots=True)
class Settings:
    """Every setting of the daemon, with its default."""

    config_file: Path | None = _option(
        "--config.file", None, "YAML file with the same keys as the flags, nested.", Path, "FILE"
    )
    state_path: Path | None = _option(
        "--state.path",
        None,
        "Directory of the ledger: with it, totals survive a restart and downtime is caught up. "
        "Without it, counters start at zero from now.",
        Path,
        "DIRECTORY",
    )
    log_level: str = _option(
        "--log.level", "info", f"Least severe level that is logged ({', '.join(LEVELS)}).",
        one_of(*LEVELS), "LEVEL",
    )  # fmt: skip
    log_format: str | None = _option(
        "--log.format", None,
        f"Form of the log ({', '.join(FORMATS)}); console on a terminal, else json.",
        one_of(*FORMATS), "FORMAT",
    )  # fmt: skip
    listen_address: tuple[str, ...] = _option(
        "--web.listen-address", (":10112",), "Address to serve on; may be given several times.",
        Given, "ADDRESS", repeatable=True, keeps_origin=True,
    )  # fmt: skip
    telemetry_path: str = _option(
        "--web.telemetry-path", "/metrics", "Path under which metrics are served.", free_path,
        "PATH",
    )  # fmt: skip
    max_requests: int = _option(
        "--web.max-requests", 40, "Most requests answered at a time; above, 503. 0 is no limit.",
        count, "NUMBER",
    )  # fmt: skip
    airflow: bool = _switch("--collector.airflow", True, "Sample the Airflow metadata database.")
    airflow_interval: float = _seconds(
        "--collector.airflow.interval", 5.0, "How often the database is sampled."
    )
    airflow_timeout: float = _seconds(
        "--collector.airflow.timeout", 5.0, "How long one sample of the database may take."
    )
    airflow_facts_interval: float = _seconds(
        "--collector.airflow.facts-interval", 60.0,
        "How often facts that change slowly are read (DAGs, tags, pools, components).",
    )  # fmt: skip
    dsn_file: DsnFile | None = _option(
        "--airflow.dsn-file", None,
        "File with the database's address; read again on each reconnect.", DsnFile, "FILE",
        keeps_origin=True,
    )  # fmt: skip
    allow_dsn_command: bool = _switch(
        "--airflow.allow-dsn-command", False,
        "Run the program that AIRFLOW__DATABASE__SQL_ALCHEMY_CONN_CMD, or sql_alchemy_conn_cmd in "
        "airflow.cfg, names.",
    )  # fmt: skip
    airflow_schema: Given | None = _option(
        "--airflow.schema", None, "PostgreSQL schema of Airflow's tables.", Given, "NAME",
        keeps_origin=True,
    )  # fmt: skip
    airflow_home: Path | None = _option(
        "--airflow.home", None, "Airflow's home, to find airflow.cfg and airflow.db.", Path,
        "DIRECTORY",
    )  # fmt: skip
    overlap: float = _seconds(
        "--airflow.overlap", 120.0,
        "How much of the past each sample reads again: commits and clocks may be this late.",
    )  # fmt: skip
    heartbeat_timeout: float = _seconds(
        "--airflow.heartbeat-timeout", 300.0,
        "Age from which a running try's heartbeat is stale, as Airflow is configured.",
    )  # fmt: skip
    default_queue: str = _option(
        "--airflow.default-queue", "default", "Queue that is always exposed.", str, "NAME"
    )
    dag_include: re.Pattern[str] | None = _option(
        "--airflow.dag-include", None, "Only DAGs whose whole id matches are exposed by DAG.",
        pattern, "REGEX",
    )  # fmt: skip
    dag_exclude: re.Pattern[str] | None = _option(
        "--airflow.dag-exclude", None, "DAGs whose whole id matches are not exposed by DAG.",
        pattern, "REGEX",
    )  # fmt: skip
    team: re.Pattern[str] | None = _option(
        "--airflow.team-regex", None,
        "Finds the team in a DAG's owners, then its tags: the first group, or the whole match.",
        pattern, "REGEX",
    )  # fmt: skip
    disabled: tuple[str, ...] = _option(
        "--metrics.disable", (), "Metric family that is not exposed; may be given several times.",
        existing_family, "FAMILY", repeatable=True,
    )  # fmt: skip
    hold: float = _seconds(
        "--series.hold", 60.0,
        "How long a new series is published at 0 before it counts, so that increase() sees it.",
        seconds,
    )  # fmt: skip
    idle_expiry: float = _seconds(
        "--series.idle-expiry", 7 * 86400.0, "How long an idle counter or histogram stays."
    )
    max_histogram_children: int = _option(
        "--series.max-histogram-children", 10_000, "Most label sets of one histogram.", count,
        "NUMBER",
    )  # fmt: skip
    max_per_family: int = _option(
        "--series.max-per-family", 50_000, "Most label sets of any other family.", count, "NUMBER"
    )


def options() -> dict[str, Option]:
    """Return every option by the name of its field."""
    return {each.name: each.metadata["option"] for each in fields(Settings)}


def default(name: str) -> Any:  # noqa: ANN401 - each field has its own type
    """Return the default of a field."""
    found: Field[Any] = next(each for each in fields(Settings) if each.name == name)
    return None if found.default is MISSING else found.default


def shown(value: object) -> str:
    """Return a default as a user would write it; empty for nothing."""
    if value is None or value == ():
        return ""
    if isinstance(value, tuple):
        return ", ".join(value)
    if isinstance(value, bool):
        return "on" if value else "off"
    return f"{value:g}s" if isinstance(value, float) else str(value)


def loaded(flags: Mapping[str, str | list[str]], environ: Mapping[str, str]) -> Settings:
    """Return the settings: flag before variable before file before default.

    `flags` holds texts by field name. Raises ConfigError naming what is wrong and what is allowed.
    """
    content = _file_content(flags, environ)
    values: dict[str, Any] = {}
    for name, option in options().items():
        if name in flags:
            values[name] = _value(option, flags[name], option.flag)
        elif environ.get(option.variable):
            values[name] = _value(option, environ[option.variable], option.variable)
        elif option.key in content:
            origin, text = content[option.key]
            values[name] = _value(option, text, origin)
    return Settings(**values)


def unknown_variables(environ: Mapping[str, str]) -> Iterator[str]:
    """Yield a sentence for each variable that is named like ours and sets nothing.

    No error, unlike in the file: others write into the environment too.
    """
    known = {option.variable for option in options().values()} | {OWN_VARIABLE}
    endings = [name.removeprefix(ENVIRONMENT_PREFIX) for name in sorted(known)]
    for name, value in sorted(environ.items()):
        if not value or not name.startswith(ENVIRONMENT_PREFIX) or name in known:
            continue
        if _OF_KUBERNETES.search(name) or value.startswith(_URL_OF_KUBERNETES):
            continue
        near = get_close_matches(name.removeprefix(ENVIRONMENT_PREFIX), endings, n=1)
        hint = "".join(f"; did you mean {ENVIRONMENT_PREFIX}{each}?" for each in near)
        yield f"{name[:100]}: no such setting{hint}"


def _file_content(
    flags: Mapping[str, str | list[str]], environ: Mapping[str, str]
) -> config_file.Texts:
    option = options()["config_file"]
    origin = option.flag if flags.get("config_file") else option.variable
    name = flags.get("config_file") or environ.get(option.variable)
    known = {each.key: each.is_switch for each in options().values() if each is not option}
    return config_file.read(Path(str(name)), origin, known) if name else {}


def _value(option: Option, given: str | list[str], origin: str) -> Any:  # noqa: ANN401 - the field's type
    if option.repeatable:
        many = given if isinstance(given, list) else [part.strip() for part in given.split(",")]
        return tuple(_parsed(option, each, origin) for each in many if each)
    if isinstance(given, list):
        message = f"{origin}: takes one value, not a list"
        raise ConfigError(message)
    return _parsed(option, given, origin)


def _parsed(option: Option, text: str, origin: str) -> Any:  # noqa: ANN401 - the field's type
    try:
        return option.parse(text, origin) if option.keeps_origin else option.parse(text)
    except ValueError as error:
        message = f"{origin}: {text[:100]!r} is not {error}"
        raise ConfigError(message) from None
