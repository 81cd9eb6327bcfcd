"""Which container a cgroup path belongs to, by the names that the runtimes give."""

from __future__ import annotations

import re
from dataclasses import dataclass

_ID = r"(?P<id>[0-9a-f]{64})"
# docker-ID.scope, cri-containerd-ID.scope, crio-ID, libpod-ID.scope, ID; and PARENT:PREFIX:ID
# where systemd's form of a name was handed to a runtime that makes plain directories.
_NAME = re.compile(rf"(?:(?P<prefix>[a-z][a-z-]*)-)?{_ID}(?:\.scope)?")
_COLONS = re.compile(rf"(?P<parent>[^:]+):(?P<prefix>[a-z][a-z-]*):{_ID}")
_ANY_ID = re.compile(_ID)
_POD = re.compile(
    r"(?:^|-)pod([0-9a-f]{8}(?:[-_][0-9a-f]{4}){3}[-_][0-9a-f]{12}|[0-9a-f]{32})(?:\.slice)?$"
)
_ALL_PODS = re.compile(r"(?:[a-z]+-)?kubepods(?:\.slice)?")
_SOME_PODS = re.compile(r"(?:(?:[a-z]+-)?kubepods-)?(?:burstable|besteffort)(?:\.slice)?")
_CONTAINER_ID = re.compile(r"[0-9a-f]{64}")
_RUNTIMES = {
    "docker": "docker",
    "cri-containerd": "containerd",
    "nerdctl": "containerd",
    "crio": "cri-o",
    "libpod": "podman",
}
_FORMS = (
    "{}",
    "docker-{}.scope",
    "cri-containerd-{}.scope",
    "crio-{}.scope",
    "libpod-{}.scope",
    "nerdctl-{}.scope",
    "crio-{}",
    "libpod-{}",
)
_PODMAN_PARENT = "libpod_parent"


@dataclass(frozen=True)
class Place:
    """One container's cgroup; a pod's pause container is one like the others."""

    container_id: str
    """64 hexadecimal digits."""
    pod_uid: str | None
    """The pod's UID with dashes; a static pod's has none."""
    runtime: str | None
    """docker, containerd, cri-o or podman, where the names tell."""
    path: str | None
    """The cgroup to read, which may have children; None if it lies outside our namespace."""
    parent: str | None
    """The cgroup above, which keeps the CPU of what has ended."""


def identified(path: str) -> Place | None:
    """Return the container that a cgroup path is in: the innermost; None if in no container."""
    names = [name for name in path.split("/") if name]
    for depth in range(len(names), 0, -1):
        name = names[depth - 1]
        if name == "..":
            return None
        match = _NAME.fullmatch(name) or _COLONS.fullmatch(name)
        if match is None:
            # A mount or a pod of Podman's is named after a container and is none.
            if _ANY_ID.search(name):
                return None
            continue
        above = names[: depth - 1]
        if _is_other(match["prefix"], above):
            return None
        return _place(path, match, names[:depth], above)
    return None


def possible_paths(container_id: str, parent: str) -> list[str]:
    """Return the paths that a container may have below a parent; none for what is no id."""
    if not _CONTAINER_ID.fullmatch(container_id):
        return []
    above = parent.rstrip("/")
    return [f"{above}/{form.format(container_id)}" for form in _FORMS]


def is_pod(name: str) -> bool:
    """Tell whether a directory of this name is a pod's cgroup, which holds its containers."""
    return _POD.search(name) is not None


def holds_all_pods(name: str) -> bool:
    """Tell whether it is the cgroup of Kubernetes, which holds every pod of a node."""
    return _ALL_PODS.fullmatch(name) is not None


def holds_some_pods(name: str) -> bool:
    """Tell whether it is that of one class of service, within the one of all pods."""
    return _SOME_PODS.fullmatch(name) is not None


def _is_other(prefix: str | None, above: list[str]) -> bool:
    if prefix is not None:
        # crio-conmon-ID, libpod-conmon-ID: the process that watches over the container.
        return prefix.endswith("conmon")
    # Podman's pods are plain directories in its parent; its containers are libpod-ID.
    return bool(above) and above[-1] == _PODMAN_PARENT


def _place(path: str, match: re.Match[str], names: list[str], above: list[str]) -> Place:
    heads = [*above, match.groupdict().get("parent") or ""]
    uids = [found[1] for head in heads if (found := _POD.search(head)) is not None]
    usable = path.startswith("/") and ".." not in names
    return Place(
        container_id=match["id"],
        pod_uid=uids[-1].replace("_", "-") if uids else None,
        runtime=_runtime(match["prefix"], above),
        path="/" + "/".join(names) if usable else None,
        parent="/" + "/".join(above) if usable else None,
    )


def _runtime(prefix: str | None, above: list[str]) -> str | None:
    if prefix is not None:
        return _RUNTIMES.get(prefix)
    # /docker/ID and /ecs/TASK/ID carry the name above; both are the same runtime.
    return "docker" if {"docker", "ecs"}.intersection(above[-2:]) else None
