"""A Kubernetes node as files: pods whose containers' figures move as told."""

from __future__ import annotations

import json
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

_SLICE = "kubepods.slice/kubepods-burstable.slice"
_PERIOD_USEC = 100_000


@dataclass(frozen=True)
class Container:
    """What a container is and does; cores and shares as parts of 1."""

    name: str
    cores: float
    memory_bytes: int
    limit_cores: float | None = None
    limit_bytes: int | None = None
    throttled: float = 0.0
    image: str = "apache/airflow:3.3.2"
    id: str = field(default_factory=lambda: uuid.uuid4().hex * 2)


@dataclass(frozen=True)
class Pod:
    """A pod of a namespace; one of the KubernetesExecutor names its task."""

    namespace: str
    name: str
    containers: Sequence[Container]
    task: tuple[str, str] | None = None
    uid: str = field(default_factory=lambda: str(uuid.uuid4()))


class Node:
    """The cgroups and processes of the pods, below a directory."""

    def __init__(self, directory: Path, pods: Sequence[Pod]) -> None:
        """Write the files; nothing has used anything yet."""
        self.cgroupfs, self.procfs = directory / "cgroup", directory / "proc"
        self._pods = pods
        self._used = {each.id: 0.0 for pod in pods for each in pod.containers}
        self.cgroupfs.mkdir(parents=True)
        (self.cgroupfs / "cgroup.controllers").write_text("cpu io memory pids\n")
        (self.cgroupfs / "cgroup.procs").touch()
        for number, (pod, container) in enumerate(self._containers(), start=300):
            path = self._path(pod, container)
            folder = self.cgroupfs / path
            folder.mkdir(parents=True)
            process = self.procfs / str(number)
            process.mkdir(parents=True)
            (process / "cgroup").write_text(f"0::/{path}\n")
            (folder / "cgroup.procs").write_text(f"{number}\n")
        self.go_on(0)

    def go_on(self, seconds: float) -> None:
        """Let the containers use what they use in so many seconds."""
        for pod, container in self._containers():
            self._used[container.id] += seconds
            self._write(self.cgroupfs / self._path(pod, container), container)

    def pod_list(self) -> bytes:
        """Return what the kubelet tells of the pods."""
        return json.dumps({"kind": "PodList", "items": [_item(pod) for pod in self._pods]}).encode()

    def _containers(self) -> list[tuple[Pod, Container]]:
        return [(pod, each) for pod in self._pods for each in pod.containers]

    def _path(self, pod: Pod, container: Container) -> str:
        uid = pod.uid.replace("-", "_")
        slice_ = f"{_SLICE}/kubepods-burstable-pod{uid}.slice"
        return f"{slice_}/cri-containerd-{container.id}.scope"

    def _write(self, folder: Path, container: Container) -> None:
        seconds = self._used[container.id]
        micros = round(seconds * 1e6)
        used = round(micros * container.cores)
        memory = container.memory_bytes + round(seconds) % 7 * (container.memory_bytes // 100)
        periods = micros // _PERIOD_USEC
        limit = container.limit_cores
        quota = "max" if limit is None else str(round(limit * _PERIOD_USEC))
        waited = round(micros * container.throttled / 2)
        pressure = "".join(
            f"{kind} avg10=0.00 avg60=0.00 avg300=0.00 total={total:015}\n"
            for kind, total in (("some", waited), ("full", waited // 2))
        )
        files = {
            "cgroup.controllers": "cpu io memory pids\n",
            "cgroup.events": "populated 1\nfrozen 0\n",
            "cpu.max": f"{quota} {_PERIOD_USEC}\n",
            "cpu.stat": _lines(
                usage_usec=used,
                user_usec=used,
                system_usec=0,
                nr_periods=periods,
                nr_throttled=round(periods * container.throttled),
                throttled_usec=waited,
            ),
            "memory.current": f"{memory:015}\n",
            "memory.peak": f"{memory:015}\n",
            "memory.max": f"{container.limit_bytes or 'max'}\n",
            "memory.events": _lines(oom=0, oom_kill=0),
            "memory.stat": _lines(anon=memory, file=0, inactive_file=0),
            "pids.current": f"{3:015}\n",
            **{f"{name}.pressure": pressure for name in ("cpu", "io", "memory")},
        }
        for name, text in files.items():
            _replace(folder / name, text)


def _lines(**values: int) -> str:
    # Of one length whatever the figure, so that a reader never finds half a file.
    return "".join(f"{name} {value:015}\n" for name, value in values.items())


def _replace(path: Path, text: str) -> None:
    """Write in place, as the kernel's files change: readers keep them open."""
    if not path.exists():
        path.write_text(text)
        return
    with path.open("r+") as file:
        file.write(text)


def _item(pod: Pod) -> dict[str, Any]:
    task = dict(zip(("dag_id", "task_id"), pod.task, strict=True)) if pod.task else {}
    return {
        "metadata": {
            "namespace": pod.namespace,
            "name": pod.name,
            "uid": pod.uid,
            "annotations": task,
        },
        "spec": {"containers": [{"name": e.name, "image": e.image} for e in pod.containers]},
        "status": {
            "containerStatuses": [
                {"name": each.name, "containerID": f"containerd://{each.id}"}
                for each in pod.containers
            ]
        },
    }
