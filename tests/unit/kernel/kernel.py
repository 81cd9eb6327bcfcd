"""Cgroups for tests: real ones of this machine's kernel, and directories that stand for one."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from uuid import uuid4

from exporter.kernel.hierarchies import Home, found_hierarchies
from exporter.kernel.membership import UNIFIED
from tests.support.require import require


@contextmanager
def real_cgroup() -> Iterator[tuple[str, list[Path]]]:
    """Make a cgroup in every hierarchy; yield its path and directories, then remove it."""
    require(os.geteuid() == 0, "making a cgroup needs root")
    path = f"/exporter-test-{uuid4().hex}"
    found = set(found_hierarchies().by_controller.values())
    require(found, "no cgroup file system is mounted")
    directories = [Path(hierarchy.directory + path) for hierarchy in found]
    try:
        try:
            for directory in directories:
                directory.mkdir()
        except OSError as error:
            require(False, f"a cgroup cannot be made: {error.strerror}")
        yield path, directories
    finally:
        remove(directories)


def remove(directories: list[Path]) -> None:
    """Remove the cgroups that are still there."""
    for directory in directories:
        with suppress(FileNotFoundError):
            directory.rmdir()


def everywhere(version: int, directory: Path) -> dict[str, Home]:
    """Return one directory as the home of every controller."""
    controllers = ("cpu", "cpuacct", "memory", "pids", UNIFIED)
    return {controller: Home(version, str(directory)) for controller in controllers}
