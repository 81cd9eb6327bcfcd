"""Small files that a user names: read whole, bounded, with a sentence for what is wrong."""

from __future__ import annotations

from pathlib import Path

from exporter.errors import ConfigError

MAX_BYTES = 64 * 1024
Stamp = tuple[int, int, int]
"""What tells one state of a file from another."""


def content(path: Path, flag: str, max_bytes: int = MAX_BYTES) -> bytes:
    """Return a file's content; raise ConfigError naming flag and path when it cannot be used."""
    if (problem := _problem(path)) is not None:
        message = f"{flag} {path}: {problem}"
        raise ConfigError(message)
    try:
        with path.open("rb") as stream:
            found = stream.read(max_bytes + 1)
    except OSError as error:
        message = f"{flag} {path}: {error.strerror or 'cannot be read'}"
        raise ConfigError(message) from None
    if len(found) > max_bytes:
        message = f"{flag} {path}: larger than {max_bytes} bytes"
        raise ConfigError(message)
    return found


def stamp(path: Path) -> Stamp | None:
    """Return the state that a file is in; None while there is none to see."""
    try:
        found = path.stat()
    except (OSError, ValueError):
        return None
    return (found.st_ino, found.st_mtime_ns, found.st_size)


def _problem(path: Path) -> str | None:
    try:
        # A pipe or a device would keep us waiting for ever.
        if path.is_file():
            return None
        return "not a regular file" if path.exists() else "no such file"
    except (OSError, ValueError) as error:
        return getattr(error, "strerror", None) or "cannot be read"
