"""What the containers collector tells, from cgroups; names and definitions are cAdvisor's.

Definitions: docs/containers.md. `--containers.metric-prefix` changes the first word of the names.
"""

from __future__ import annotations

from functools import partial
from typing import Final

from exporter.catalogue.family import Family, Kind, Stability, gauge

_COLLECTOR = "containers"
CONTAINER: Final = ("namespace", "pod", "container", "dag_id", "task_id")
CONTAINER_PREFIX: Final = "container"
"""The first word of the names, as documented."""
RESOURCES: Final = ("cpu", "memory", "io")

_gauge = partial(gauge, labels=CONTAINER, collector=_COLLECTOR)


def _counter(name: str, meaning: str, stability: Stability = Stability.EXPERIMENTAL) -> Family:
    return Family(
        name, Kind.MIRRORED, meaning, CONTAINER, collector=_COLLECTOR, stability=stability
    )


CONTAINER_CPU = _counter(
    "container_cpu_usage_seconds_total",
    "CPU that the container used. `dag_id` and `task_id` only where it serves one task.",
    Stability.DOCUMENTED,
)
CONTAINER_WORKING_SET = _gauge(
    "container_memory_working_set_bytes",
    "Memory in use without the inactive part of the page cache.",
    stability=Stability.DOCUMENTED,
)
CONTAINER_USAGE = _gauge("container_memory_usage_bytes", "Memory in use, page cache included.")
CONTAINER_RSS = _gauge("container_memory_rss", "Anonymous memory, in bytes.")
CONTAINER_CACHE = _gauge("container_memory_cache", "Page cache, tmpfs included, in bytes.")
CONTAINER_PEAK = _gauge(
    "container_memory_max_usage_bytes", "Highest memory in use since the container started."
)
CONTAINER_OOM = _counter(
    "container_oom_events_total", "Processes of the container that the kernel killed for memory."
)
CONTAINER_PROCESSES = _gauge("container_processes", "Processes in the container.")
CONTAINER_START_TIME = _gauge("container_start_time_seconds", "When the container started.")
CONTAINER_MEMORY_LIMIT = _gauge(
    "container_spec_memory_limit_bytes", "Memory limit; absent when there is none."
)
CONTAINER_CPU_QUOTA = _gauge(
    "container_spec_cpu_quota", "Microseconds of CPU a period; absent when unlimited."
)
CONTAINER_CPU_PERIOD = _gauge(
    "container_spec_cpu_period", "Length of the CPU quota's period in microseconds."
)
CONTAINER_CFS_PERIODS = _counter(
    "container_cpu_cfs_periods_total", "Periods of the CPU quota that have passed."
)
CONTAINER_CFS_THROTTLED_PERIODS = _counter(
    "container_cpu_cfs_throttled_periods_total", "Periods in which the container was throttled."
)
CONTAINER_CFS_THROTTLED = _counter(
    "container_cpu_cfs_throttled_seconds_total", "Time for which the container was throttled."
)
CONTAINER_CPU_WAITING = _counter(
    "container_pressure_cpu_waiting_seconds_total", "Time in which a task waited for CPU."
)
CONTAINER_CPU_STALLED = _counter(
    "container_pressure_cpu_stalled_seconds_total", "Time in which all tasks waited for CPU."
)
CONTAINER_MEMORY_WAITING = _counter(
    "container_pressure_memory_waiting_seconds_total", "Time in which a task waited for memory."
)
CONTAINER_MEMORY_STALLED = _counter(
    "container_pressure_memory_stalled_seconds_total", "Time in which all tasks waited for memory."
)
CONTAINER_IO_WAITING = _counter(
    "container_pressure_io_waiting_seconds_total", "Time in which a task waited for I/O."
)
CONTAINER_IO_STALLED = _counter(
    "container_pressure_io_stalled_seconds_total", "Time in which all tasks waited for I/O."
)
CONTAINER_UNATTRIBUTED_CPU = Family(
    "container_unattributed_cpu_seconds_total",
    Kind.MIRRORED,
    "CPU that ended containers used and that no reading caught, by what holds the containers.",
    ("parent",),
    _COLLECTOR,
)
TASK_CONTAINER_INFO = gauge(
    "airflow_task_container_info",
    "Always 1; the container's id, name and image, to be joined.",
    ("namespace", "pod", "container", "id", "name", "image", "dag_id", "task_id"),
    collector=_COLLECTOR,
)
