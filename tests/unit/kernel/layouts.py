"""The fixture trees of tests/fixtures/cgroup; each says in ORIGIN where it comes from."""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path

from exporter.kernel.hierarchies import Hierarchies, found_hierarchies
from exporter.kernel.layout import Place

LAYOUTS = Path(__file__).parents[2] / "fixtures" / "cgroup"

UID = "0f3b5a52-9c1d-4f0e-8a77-3d2c5b9e1a10"
GUARANTEED_UID = "7d6a1c0e-52b4-4e61-9a0b-c4f2e8d91b33"
STATIC_UID = "3f2b8c6d1e0a49f7b5c4d3e2f1a09b8c"
_U = UID.replace("-", "_")
_USER = "/user.slice/user-1000.slice/user@1000.service/user.slice"
_BURSTABLE = f"/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod{_U}.slice"


def cid(name: str) -> str:
    """Return the id that the fixtures give to a name."""
    return sha256(name.encode()).hexdigest()


def place(name: str, runtime: str | None, pod_uid: str | None, path: str) -> Place:
    """Return the place of a container; `ID` in the path stands for its id."""
    path = path.replace("ID", cid(name))
    return Place(cid(name), pod_uid, runtime, path, path.rpartition("/")[0])


_OUTER = f"/docker/{cid('kind-outer')}"
_INNER = f"{_OUTER}/kubelet.slice/kubelet-kubepods.slice/kubelet-kubepods-besteffort.slice"

PLACES = {
    "containerd-not-split": {
        place(
            "colon-a",
            "containerd",
            UID,
            f"/system.slice/kubepods-burstable-pod{_U}.slice:cri-containerd:ID",
        )
    },
    "crio": {
        place(name, "cri-o", UID, f"/kubepods.slice/kubepods-pod{_U}.slice/crio-ID.scope")
        for name in ("crio-a", "crio-b")
    },
    "docker-cgroupfs": {
        place(name, "docker", None, "/docker/ID") for name in ("docker-a", "docker-b")
    },
    "docker-parent-slice": {place("slice-a", "docker", UID, f"{_BURSTABLE}/docker-ID.scope")},
    "docker-rootless-systemd": {place("rootless-a", "docker", None, f"{_USER}/docker-ID.scope")},
    "docker-systemd": {place("systemd-a", "docker", None, "/system.slice/docker-ID.scope")},
    "ecs": {place("ecs-a", "docker", None, "/ecs/5a1c0de2b7f94c55a0e1d2c3b4a59687/ID")},
    "hybrid": {place("docker-a", "docker", None, "/docker/ID")},
    "kind": {
        place("kind-outer", "docker", None, "/docker/ID"),
        place(
            "kind-a",
            "containerd",
            UID,
            f"{_INNER}/kubelet-kubepods-besteffort-pod{_U}.slice/cri-containerd-ID.scope",
        ),
    },
    "kubernetes-cgroupfs": {
        place("burstable-a", None, UID, f"/kubepods/burstable/pod{UID}/ID"),
        place("guaranteed-a", None, GUARANTEED_UID, f"/kubepods/pod{GUARANTEED_UID}/ID"),
        place("static-a", None, STATIC_UID, f"/kubepods/besteffort/pod{STATIC_UID}/ID"),
    },
    "kubernetes-containerd": {
        place("containerd-a", "containerd", UID, f"{_BURSTABLE}/cri-containerd-ID.scope")
    },
    "podman-cgroupfs": {place("libpod-a", "podman", None, "/libpod_parent/libpod-ID")},
    "podman-rootless": {place("prootless-a", "podman", None, f"{_USER}/libpod-ID.scope")},
    "podman-systemd": {place("podman-a", "podman", None, "/machine.slice/libpod-ID.scope")},
}


def hierarchies(layout: str) -> Hierarchies:
    """Find the hierarchies of a fixture tree."""
    return found_hierarchies(str(LAYOUTS / layout / "proc"), str(LAYOUTS / layout / "cgroup"))
