"""What the collectors of containers and of tasks have in common."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import KW_ONLY, dataclass, field

from exporter.clock import Clock
from exporter.config import Settings
from exporter.filters import DagFilter
from exporter.identity.downward import DownwardVolume
from exporter.identity.labels import LabelKeys
from exporter.kernel.kept import Descriptors, descriptor_cap
from exporter.model import Task


def dag_filter(settings: Settings) -> DagFilter:
    """Return which DAGs are exposed."""
    return DagFilter(settings.dag_include, settings.dag_exclude)


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What the collectors of containers and of tasks have in common."""

    settings: Settings
    environ: Mapping[str, str]
    clock: Clock
    _: KW_ONLY
    dags: Callable[[], DagFilter]
    """The filters as they are set now."""
    known_tasks: Callable[[], Collection[tuple[str, str]]]
    """DAG and task ids that the database knows; the same object while nothing changed."""
    identities: Callable[[], Mapping[str, Task]]
    """Tries by what the titles of their processes hold, as the database tells."""
    descriptors: Descriptors = field(default_factory=lambda: Descriptors(descriptor_cap()))
    """What all collectors may keep open together: the rest is for sockets and databases."""

    @property
    def label_keys(self) -> LabelKeys:
        """The labels that name the DAG and the task."""
        return LabelKeys(self.settings.dag_label, self.settings.task_label)

    def own_pod(self) -> DownwardVolume | None:
        """Return what tells of the pod that we run in."""
        directory = self.settings.pod_info
        return DownwardVolume(directory, self.environ) if directory else None
