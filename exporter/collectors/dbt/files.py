"""The run_results.json below a directory, looked for within bounds."""

from __future__ import annotations

import os
from collections.abc import Iterator
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


def signatures(directory: Path) -> dict[Path, Signature]:
    """Return the files there are; raise SourceUnavailableError when the directory is away."""
    try:
        entries = os.scandir(directory)
    except OSError as error:
        message = f"--dbt.path {directory}: {error.strerror}"
        raise SourceUnavailableError(message) from None
    with entries:
        return dict(_found(entries))


def _found(top: Iterator[os.DirEntry[str]]) -> Iterator[tuple[Path, Signature]]:
    seen = 0
    waiting = [(entry, 0) for entry in _bounded(top)]
    while waiting:
        entry, depth = waiting.pop()
        seen += 1
        if seen > MAX_ENTRIES:
            return
        try:
            if entry.is_dir(follow_symlinks=False):
                if depth < MAX_DEPTH:
                    with os.scandir(entry.path) as below:
                        waiting += [(each, depth + 1) for each in _bounded(below)]
            elif entry.name == NAME and entry.is_file(follow_symlinks=False):
                found = entry.stat(follow_symlinks=False)
                yield Path(entry.path), Signature(found.st_ino, found.st_mtime_ns, found.st_size)
        except OSError:  # Gone between two looks, or not ours to look into.
            continue


def _bounded(entries: Iterator[os.DirEntry[str]]) -> Iterator[os.DirEntry[str]]:
    return (entry for _, entry in zip(range(MAX_ENTRIES), entries, strict=False))
