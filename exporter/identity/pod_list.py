"""A Kubernetes PodList document, read for what tells whose containers are."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from exporter.identity.pod import ContainerInfo, PodInfo, id_text, id_texts

_KINDS = ("initContainer", "container", "ephemeralContainer")


@dataclass(frozen=True, slots=True)
class Pods:
    """Pods by uid, and their containers by the runtime's id (without `containerd://`)."""

    pods: Mapping[str, PodInfo] = field(default_factory=dict)
    containers: Mapping[str, ContainerInfo] = field(default_factory=dict)


def pods_in(body: bytes) -> Pods:
    """Read a PodList as JSON; raise ValueError for what is none. Odd pods in it are skipped."""
    try:
        document = json.loads(body)
    except RecursionError:
        message = "nested too deeply"
        raise ValueError(message) from None
    # Go writes an empty list as null too.
    if not isinstance(document, dict) or not isinstance(document.get("items", 0), list | None):
        message = "not a list of pods"
        raise ValueError(message)  # noqa: TRY004 - what json raises for bad content too
    pods: dict[str, PodInfo] = {}
    containers: dict[str, ContainerInfo] = {}
    for item in _list(document, "items"):
        pod = _pod(_map(item, "metadata"))
        if pod.uid is not None:
            pods[pod.uid] = pod
            containers.update(_containers(pod.uid, item))
    return Pods(MappingProxyType(pods), MappingProxyType(containers))


def _pod(metadata: Mapping[str, object]) -> PodInfo:
    return PodInfo(
        id_text(metadata.get("namespace")),
        id_text(metadata.get("name")),
        id_text(metadata.get("uid")),
        id_texts(_map(metadata, "annotations").items()),
        id_texts(_map(metadata, "labels").items()),
    )


def _containers(pod_uid: str, item: object) -> Iterator[tuple[str, ContainerInfo]]:
    spec, status = _map(item, "spec"), _map(item, "status")
    for kind in _KINDS:
        # The status may show an image by another of its tags, or by its digest.
        asked = {
            name: image
            for each in _list(spec, f"{kind}s")
            if (name := id_text(each.get("name"))) and (image := id_text(each.get("image")))
        }
        for each in _list(status, f"{kind}Statuses"):
            name, runtime_id = id_text(each.get("name")), id_text(each.get("containerID"))
            # Without an id the container has not been started yet.
            if name and runtime_id:
                image = asked.get(name) or id_text(each.get("image"))
                yield runtime_id.rpartition("://")[2], ContainerInfo(pod_uid, name, image)


def _map(holder: object, key: str) -> Mapping[str, object]:
    found = holder.get(key) if isinstance(holder, dict) else None
    return found if isinstance(found, dict) else {}


def _list(holder: Mapping[str, object], key: str) -> list[Mapping[str, object]]:
    found = holder.get(key)
    return [each for each in found if isinstance(each, dict)] if isinstance(found, list) else []
