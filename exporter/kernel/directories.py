"""The directories below a directory of a tree that others may change or have made up."""

from __future__ import annotations

import os
from stat import S_ISDIR

_LINKS_OF_A_LEAF = 2


def child_names(directory: str, most: int) -> list[str] | None:
    """Return the names of up to `most` directories, no links; None if it cannot be listed."""
    if link_count(directory) == _LINKS_OF_A_LEAF:
        # Most cgroups have none: to list their fifty files would be most of a walk.
        return []
    found: list[str] = []
    try:
        with os.scandir(directory) as entries:
            for entry in entries:
                if len(found) == most:
                    break
                if entry.is_dir(follow_symlinks=False):
                    found.append(entry.name)
    except OSError:
        return None
    return found


def is_directory(path: str) -> bool:
    """Tell whether a path is a directory and no link; False when that cannot be known."""
    try:
        return S_ISDIR(os.lstat(path).st_mode)
    except OSError:
        return False


def link_count(directory: str) -> int | None:
    """Return how many links lead to a directory: two, and one of each directory below it.

    None if there is no such directory, or its file system does not count so.
    """
    try:
        found = os.lstat(directory)
    except OSError:
        return None
    return found.st_nlink if S_ISDIR(found.st_mode) and found.st_nlink > 1 else None
