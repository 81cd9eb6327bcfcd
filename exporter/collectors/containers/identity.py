"""Whose a container is: what it is called, and which task it serves, if one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from exporter.collectors.containers.engine_messages import EngineContainer
from exporter.filters import DagFilter
from exporter.identity.labels import LabelKeys, names_a_task, task_of_pod
from exporter.identity.pod import ContainerInfo, PodInfo, id_text
from exporter.identity.safe_names import SafeNames
from exporter.kernel.layout import Place
from exporter.model import Task
from exporter.samples import Labels

_SHORT_ID = 12
# What the kubelet has Docker and cri-dockerd write on every container of a pod.
_NAMESPACE = "io.kubernetes.pod.namespace"
_POD = "io.kubernetes.pod.name"
_CONTAINER = "io.kubernetes.container.name"


@dataclass(frozen=True, slots=True)
class Identity:
    """The names of one container; None where there is none, or none is known."""

    container_id: str
    container: str
    namespace: str | None = None
    pod: str | None = None
    dag_id: str | None = None
    task_id: str | None = None
    name: str | None = None
    image: str | None = None
    is_settled: bool = True
    """False while its task is named in a short form that is not understood yet."""

    @property
    def labels(self) -> Labels:
        """The labels of every `container_*` family."""
        return (self.namespace, self.pod, self.container, self.dag_id, self.task_id)

    @property
    def info(self) -> Labels:
        """The labels of the info series."""
        return (
            self.namespace, self.pod, self.container, self.container_id, self.name, self.image,
            self.dag_id, self.task_id,
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Naming:
    """By what containers are named."""

    keys: LabelKeys
    names: SafeNames
    dags: Callable[[], DagFilter]

    def of_engine(self, place: Place, told: EngineContainer) -> Identity:
        """Name a container by what the engine tells of it."""
        labels = told.labels
        task = task_of_pod({}, labels, self.names, self.keys)
        return Identity(
            place.container_id,
            id_text(labels.get(_CONTAINER)) or told.name or place.container_id[:_SHORT_ID],
            id_text(labels.get(_NAMESPACE)),
            id_text(labels.get(_POD)),
            *self._wanted(task),
            name=told.name,
            image=told.image,
            is_settled=task is not None or not names_a_task({}, labels, self.keys),
        )

    def of_pod(self, place: Place, pod: PodInfo, told: ContainerInfo | None) -> Identity:
        """Name a container by its pod, which serves one task or many."""
        labels = (pod.annotations, pod.labels)
        task = task_of_pod(*labels, self.names, self.keys)
        short = place.container_id[:_SHORT_ID]
        return Identity(
            place.container_id,
            told.name if told else short,
            pod.namespace,
            pod.name or place.pod_uid,
            *self._wanted(task),
            image=told.image if told else None,
            is_settled=task is not None or not names_a_task(*labels, self.keys),
        )

    def unknown(self, place: Place) -> Identity:
        """Name a container that nobody tells of: by its pod's uid and its own short id."""
        return Identity(place.container_id, place.container_id[:_SHORT_ID], pod=place.pod_uid)

    def _wanted(self, task: Task | None) -> tuple[str | None, str | None]:
        if task is None or not self.dags().wants(task.dag_id):
            return (None, None)
        return (task.dag_id, task.task_id)
