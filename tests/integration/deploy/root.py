"""Root file systems of stand-in images, made of this machine's files: no registry is asked."""

from __future__ import annotations

import io
import re
import shutil
import subprocess
import tarfile
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from types import TracebackType

from tests.support.docker_engine import DockerEngine

Filter = Callable[[tarfile.TarInfo], "tarfile.TarInfo | None"]


class Root:
    """A root file system that becomes an image of an engine when its block ends well."""

    def __init__(self, engine: DockerEngine, name: str, archive: Path, *settings: str) -> None:
        """Begin one in a new file, with busybox in it; settings are lines of a Dockerfile."""
        self._engine, self._name, self._settings = engine, name, settings
        self._archive = archive
        self._tar = tarfile.open(archive, "w")  # noqa: SIM115 - closed by the block's end

    def __enter__(self) -> Root:
        """Return it, to be added to."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, _: BaseException | None, __: TracebackType | None
    ) -> None:
        """Make the image; the file goes."""
        self._tar.close()
        if kind is None:
            repository, _, tag = self._name.partition(":")
            self._engine.client.api.import_image_from_file(
                str(self._archive), repository=repository, tag=tag, changes=list(self._settings)
            )
        self._archive.unlink()

    def shell(self, *applets: str) -> None:
        """Add busybox under these names, `sh` among them."""
        self.add(Path(shutil.which("busybox") or "/bin/busybox"), "bin/busybox")
        for applet in ("sh", *applets):
            self.link(f"bin/{applet}", "busybox")

    def add(self, path: Path, name: str | None = None, only: Filter | None = None) -> None:
        """Add a file or a tree, at its own place unless told otherwise."""
        self._tar.add(path.resolve(), name or str(path), filter=only)

    def libraries(self, programs: Iterable[Path], bundled: Sequence[str] = ()) -> None:
        """Add what programs load from this machine, but for what is below `bundled`."""
        told = subprocess.run(["ldd", *programs], check=False, capture_output=True, text=True)
        for found in sorted(set(re.findall(r"(/\S+) \(0x", told.stdout))):
            if not found.startswith(tuple(bundled)):
                self.add(Path(found))

    def link(self, name: str, target: str) -> None:
        """Add a symbolic link."""
        entry = tarfile.TarInfo(name)
        entry.type, entry.linkname = tarfile.SYMTYPE, target
        self._tar.addfile(entry)

    def directory(self, name: str, mode: int = 0o755, owner: int = 0) -> None:
        """Add an empty directory."""
        entry = tarfile.TarInfo(name)
        entry.type, entry.mode, entry.uid = tarfile.DIRTYPE, mode, owner
        self._tar.addfile(entry)

    def file(self, name: str, text: str, mode: int = 0o644) -> None:
        """Add a file that holds this text."""
        entry = tarfile.TarInfo(name)
        entry.size, entry.mode = len(text.encode()), mode
        self._tar.addfile(entry, io.BytesIO(text.encode()))
