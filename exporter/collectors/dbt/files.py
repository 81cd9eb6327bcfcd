"""The run_results.json below a directory, looked for within bounds."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from itertools import islice
from pathlib import Path
from typing import NamedTuple

from exporter.errors import SourceUnavailableError

NAME = "run_results.json"
MAX_DEPTH = 6
"""Directories below the one that is watched: a target path per DAG, run and task has five."""
MAX_ENTRIES = 50_000
"""Entries looked at in one walk."""


class Signature(NamedTuple):
    """What changes when a file is written again, also by renaming another one onto it."""

    inode: int
    modified_nanoseconds: int
    size_bytes: int

    @property
    def modified_seconds(self) -> float:
        """When the file was last written, Unix seconds."""
        return self.modified_nanoseconds / 1e9


class Walk(NamedTuple):
    """What one walk has found."""

    files: dict[Path, Signature]
    trouble: str | None = None
    """Why files may have been missed, in a sentence."""


def walked(directory: Path) -> Walk:
    """Look for the files there are; raise SourceUnavailableError when the directory is away."""
    try:
        entries = os.scandir(directory)
    except OSError as error:
        message = f"--dbt.path {directory}: {error.strerror}"
        raise SourceUnavailableError(message) from None
    files: dict[Path, Signature] = {}
    with entries:
        for seen, entry in enumerate(_below(entries)):
            if seen == MAX_ENTRIES:
                too_many = f"more than {MAX_ENTRIES} files and directories, not all are seen"
                return Walk(files, f"--dbt.path {directory}: {too_many}")
            if (found := _signature(entry)) is not None:
                files[Path(entry.path)] = found
    return Walk(files)


def _below(top: Iterator[os.DirEntry[str]]) -> Iterator[os.DirEntry[str]]:
    waiting = [(entry, 0) for entry in _bounded(top)]
    while waiting:
        entry, depth = waiting.pop()
        yield entry
        # Gone between two looks, or not ours to look into.
        with suppress(OSError):
            if depth < MAX_DEPTH and entry.is_dir(follow_symlinks=False):
                with os.scandir(entry.path) as below:
                    waiting += [(each, depth + 1) for each in _bounded(below)]


def _signature(entry: os.DirEntry[str]) -> Signature | None:
    with suppress(OSError):
        if entry.name == NAME and entry.is_file(follow_symlinks=False):
            found = entry.stat(follow_symlinks=False)
            return Signature(found.st_ino, found.st_mtime_ns, found.st_size)
    return None


def _bounded(entries: Iterator[os.DirEntry[str]]) -> Iterator[os.DirEntry[str]]:
    return islice(entries, MAX_ENTRIES + 1)
