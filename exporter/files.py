"""Small files that a user names: read whole, bounded, with a sentence for what is wrong."""

from __future__ import annotations

from pathlib import Path

from exporter.errors import ConfigError

MAX_BYTES = 64 * 1024


def content(path: Path, flag: str) -> bytes:
    """Return a file's content; raise ConfigError naming flag and path when it cannot be used."""
    if (problem := _problem(path)) is not None:
        message = f"{flag} {path}: {problem}"
        raise ConfigError(message)
    try:
        with path.open("rb") as stream:
            found = stream.read(MAX_BYTES + 1)
    except OSError as error:
        message = f"{flag} {path}: {error.strerror or 'cannot be read'}"
        raise ConfigError(message) from None
    if len(found) > MAX_BYTES:
        message = f"{flag} {path}: larger than {MAX_BYTES} bytes"
        raise ConfigError(message)
    return found


def _problem(path: Path) -> str | None:
    try:
        # A pipe or a device would keep us waiting for ever.
        if path.is_file():
            return None
        return "not a regular file" if path.exists() else "no such file"
    except (OSError, ValueError) as error:
        return getattr(error, "strerror", None) or "cannot be read"
