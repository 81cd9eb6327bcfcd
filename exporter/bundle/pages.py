"""Files that are written from the code, and whether those on disk still are what it says."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path


def written(pages: Mapping[str, str], directory: Path) -> list[Path]:
    """Write the pages into the directory, made if need be; return those that changed."""
    directory.mkdir(parents=True, exist_ok=True)
    changed = outdated(pages, directory)
    for path in changed:
        path.write_text(pages[path.name], encoding="utf-8")
    return changed


def outdated(pages: Mapping[str, str], directory: Path) -> list[Path]:
    """Return the files that are not what their pages say, byte by byte; raise OSError."""
    return [
        directory / name
        for name, text in pages.items()
        if not (directory / name).is_file() or (directory / name).read_bytes() != text.encode()
    ]


def strays(pages: Mapping[str, str], directory: Path) -> list[Path]:
    """Return the files of the same kinds that no page is written to: left of earlier ones."""
    kinds = {Path(name).suffix for name in pages}
    return sorted(
        path for path in directory.glob("*") if path.suffix in kinds and path.name not in pages
    )
