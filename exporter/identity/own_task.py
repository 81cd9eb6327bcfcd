"""The one task that our own pod works for, where it works for one."""

from __future__ import annotations

from exporter.errors import SourceUnavailableError
from exporter.identity.downward import DownwardVolume
from exporter.identity.labels import LabelKeys, task_of_pod
from exporter.identity.safe_names import SafeNames
from exporter.model import Task


class OwnTask:
    """Asks the downward API again until it tells: a pod's labels may come after its start."""

    def __init__(self, volume: DownwardVolume, names: SafeNames, keys: LabelKeys) -> None:
        """Take the volume; nothing is read yet."""
        self._volume = volume
        self._names = names
        self._keys = keys
        self._task: Task | None = None

    def task(self) -> Task | None:
        """Return the task, None in a pod that serves many or that cannot be read."""
        if self._task is None:
            try:
                pod = self._volume.pod()
            except SourceUnavailableError:
                return None
            self._task = task_of_pod(pod.annotations, pod.labels, self._names, self._keys)
        return self._task
