"""Files that are written from the code, and whether those on disk still are what it says."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path


def written(pages: Mapping[str, str], directory: Path) -> list[Path]:
    """Write the pages below the directory; return those that changed."""
    changed = outdated(pages, directory)
    for path in changed:
        path.write_text(pages[path.name], encoding="utf-8")
    return changed


def outdated(pages: Mapping[str, str], directory: Path) -> list[Path]:
    """Return the files that are not what their pages say."""
    return [
        directory / name
        for name, text in pages.items()
        if not (directory / name).is_file()
        or (directory / name).read_text(encoding="utf-8") != text
    ]
