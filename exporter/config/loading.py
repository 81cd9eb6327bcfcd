"""Where the value of each setting comes from: flag before variable before file before default."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from exporter.config import file
from exporter.config.option import ENVIRONMENT_PREFIX, Option
from exporter.config.settings import Settings, options
from exporter.dsn_source import OWN_VARIABLE
from exporter.errors import ConfigError

# What Kubernetes puts into every container for a service named like us.
_OF_KUBERNETES = re.compile(r"_SERVICE_(HOST|PORT)|_PORT_[0-9]+_(TCP|UDP|SCTP)")
_URL_OF_KUBERNETES = ("tcp://", "udp://", "sctp://")


def loaded(flags: Mapping[str, str | list[str]], environ: Mapping[str, str]) -> Settings:
    """Return the settings: flag before variable before file before default.

    `flags` holds texts by field name. Raises ConfigError naming what is wrong and what is allowed.
    """
    given = dict(_given(flags, environ))
    values = {name: _value(options()[name], text, origin) for name, (origin, text) in given.items()}
    settings = Settings(**values)
    for name in _unserved(settings):
        origin, _ = given[name]
        message = f"{origin}: needs an address"
        raise ConfigError(message)
    return settings


def _given(
    flags: Mapping[str, str | list[str]], environ: Mapping[str, str]
) -> Iterator[tuple[str, tuple[str, str | list[str]]]]:
    """Yield the name of each setting that is given, with the origin and the text that count."""
    content = _file_content(flags, environ)
    for name, option in options().items():
        if name in flags:
            yield name, (option.flag, flags[name])
        elif environ.get(option.variable):
            yield name, (option.variable, environ[option.variable])
        elif option.key in content:
            yield name, content[option.key]


def _unserved(settings: Settings) -> Iterator[str]:
    """Yield the addresses that are needed, and empty: a daemon would start and serve nothing."""
    if not (settings.listen_address or settings.systemd_socket):
        yield "listen_address"
    if settings.enable_intake and not settings.intake_address:
        yield "intake_address"


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


def _file_content(flags: Mapping[str, str | list[str]], environ: Mapping[str, str]) -> file.Texts:
    option = options()["config_file"]
    origin = option.flag if flags.get("config_file") else option.variable
    name = flags.get("config_file") or environ.get(option.variable)
    known = {each.key: each.is_switch for each in options().values() if each is not option}
    return file.read(Path(str(name)), origin, known) if name else {}


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
