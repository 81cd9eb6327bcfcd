"""Where each cgroup controller is found: version 1, version 2, or some of each."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from exporter.kernel.directories import child_names
from exporter.kernel.kept import whole
from exporter.kernel.membership import UNIFIED
from exporter.kernel.mounts import Mount, mounted

CONTROLLERS = ("cpu", "cpuacct", "memory", "pids")
"""The controllers that are read; version 2 has cpuacct's figure in every cgroup."""

_CONTROLLERS_FILE = "cgroup.controllers"
_SIZE_LIMIT = 4096
_MOST_ENTRIES = 1000


class Home(NamedTuple):
    """The directory of one cgroup under one controller."""

    version: int
    directory: str


@dataclass(frozen=True)
class Hierarchy:
    """One mounted tree of cgroups."""

    version: int
    directory: str
    """Where it is mounted, without a slash at the end."""

    def home(self, path: str) -> Home | None:
        """Return the directory of a path below `directory`; None if it could lead out of it."""
        if not _is_plain(path):
            return None
        return Home(self.version, self.directory + path.rstrip("/"))


@dataclass(frozen=True)
class Hierarchies:
    """Each controller's hierarchy, and under `UNIFIED` that of version 2 wherever it is mounted."""

    by_controller: Mapping[str, Hierarchy]

    @property
    def are_whole(self) -> bool:
        """Whether every cgroup of the host is in them, not those of one container alone."""
        shown = set(self.by_controller.values())
        return bool(shown) and all(map(_is_true_root, shown))

    def at(self, path: str) -> dict[str, Home]:
        """Return the directories of the cgroup that has this path in every hierarchy."""
        return {
            controller: home
            for controller, hierarchy in self.by_controller.items()
            if (home := hierarchy.home(path)) is not None
        }


def found_hierarchies(procfs: str = "/proc", cgroupfs: str = "/sys/fs/cgroup") -> Hierarchies:
    """Find the hierarchies below `cgroupfs` by the mount table, else by the tree itself."""
    directory = os.path.realpath(cgroupfs)
    # A later mount on the same directory hides the earlier one.
    shown = {
        mount.point: mount
        for mount in mounted(procfs)
        if Path(mount.point).is_relative_to(directory)
    }
    return _from_mounts(list(shown.values())) if shown else hierarchies_in(cgroupfs)


def hierarchies_in(cgroupfs: str) -> Hierarchies:
    """Find the hierarchies by looking at a tree; each directory counts as a hierarchy's root."""
    directory = cgroupfs.rstrip("/")
    if _available(directory) is not None:
        return _decided({}, Hierarchy(2, directory))
    v1: dict[str, Hierarchy] = {}
    unified = None
    # Links such as `cpu -> cpu,cpuacct` only repeat a name that is there anyway.
    for name in sorted(child_names(directory, _MOST_ENTRIES) or ()):
        hierarchy = Hierarchy(1, f"{directory}/{name}")
        for controller in set(name.split(",")).intersection(CONTROLLERS):
            v1.setdefault(controller, hierarchy)
        if name == "unified" and _available(hierarchy.directory) is not None:
            unified = Hierarchy(2, hierarchy.directory)
    return _decided(v1, unified)


def hierarchies_seen_by(procfs: str, pid: int) -> Hierarchies | None:
    """Find the hierarchies in another container through a process of it: its cgroup is at `/`.

    None when the container may not be looked into, or is shown more than its own cgroup (the
    host's whole tree), so that `/` would be something else.
    """
    directory = f"{procfs}/{pid}/root"
    for name in ("sys", "fs", "cgroup"):
        directory += f"/{name}"
        # A link made in the container would lead us through our own file system.
        # (`Path.is_symlink` raises where we may not look; then there is nothing to be seen either.)
        if os.path.islink(directory):  # noqa: PTH114
            return None
    found = hierarchies_in(directory)
    shown = set(found.by_controller.values())
    return found if shown and not any(_is_true_root(hierarchy) for hierarchy in shown) else None


def _from_mounts(found: list[Mount]) -> Hierarchies:
    v1: dict[str, Hierarchy] = {}
    unified = None
    # Where a hierarchy is mounted twice, the mount that shows all of it is the useful one.
    for mount in sorted(found, key=lambda mount: mount.root != "/"):
        hierarchy = Hierarchy(mount.version, mount.point.rstrip("/"))
        if mount.version == 1:
            for controller in mount.options.intersection(CONTROLLERS):
                v1.setdefault(controller, hierarchy)
        else:
            unified = unified or hierarchy
    return _decided(v1, unified)


def _decided(v1: dict[str, Hierarchy], unified: Hierarchy | None) -> Hierarchies:
    chosen = dict(v1)
    if unified is not None:
        chosen[UNIFIED] = unified
        available = (_available(unified.directory) or frozenset()) | {"cpuacct"}
        for controller in CONTROLLERS:
            if not v1 or controller in available:
                chosen.setdefault(controller, unified)
    return Hierarchies(chosen)


def _is_true_root(hierarchy: Hierarchy) -> bool:
    if hierarchy.version == 1:
        return os.path.lexists(f"{hierarchy.directory}/release_agent")
    return not os.path.lexists(f"{hierarchy.directory}/cgroup.events")


def _available(directory: str) -> frozenset[str] | None:
    data = whole(f"{directory}/{_CONTROLLERS_FILE}", _SIZE_LIMIT)
    return None if data is None else frozenset(os.fsdecode(data).split())


def _is_plain(path: str) -> bool:
    return path.startswith("/") and "\0" not in path and ".." not in path.split("/")
