"""Alerts of workers and every other container: memory, CPU, and what the kernel killed."""

from __future__ import annotations

from typing import Final

from exporter import catalogue
from exporter.bundle.alert import Alert, Runbook, Severity
from exporter.bundle.promql import once_each, selector
from exporter.bundle.recording import CONTAINER_CORES, CONTAINERS
from exporter.catalogue import Family

_WORKERS: Final = "airflow-exporter-workers"
_POD: Final = ("airflow", "namespace", "pod")
_NAME: Final = "{{ $labels.namespace }}/{{ $labels.pod }}/{{ $labels.container }}"


def _each(family: Family) -> str:
    return once_each(selector(family, CONTAINERS))


def _grown(family: Family, window: str) -> str:
    return once_each(f"increase({selector(family, CONTAINERS)}[{window}])")


_MEMORY: Final = (
    f"{_each(catalogue.CONTAINER_WORKING_SET)}\n/ ({_each(catalogue.CONTAINER_MEMORY_LIMIT)} > 0)"
)
_LIMIT_CORES: Final = (
    f"{_each(catalogue.CONTAINER_CPU_QUOTA)} / {_each(catalogue.CONTAINER_CPU_PERIOD)}"
)
_CFS_THROTTLED: Final = _grown(catalogue.CONTAINER_CFS_THROTTLED_PERIODS, "5m")
_CFS_PERIODS: Final = _grown(catalogue.CONTAINER_CFS_PERIODS, "5m")

ALERTS: Final = (
    Alert(
        "AirflowContainerMemoryPressure",
        f"{_MEMORY} > $memory_ratio",
        "10m",
        Severity.WARNING,
        "A container is near its memory limit.",
        f"{_NAME} of {{{{ $labels.airflow }}}} uses {{{{ $value | humanizePercentage }}}} of its "
        "memory limit.",
        _WORKERS,
        _POD,
        Runbook(
            "The working set, which the kernel cannot give back, is near the limit.",
            "A little more, and the kernel kills a process: a task, or the component itself.",
            "Which tasks use it.",
            f"topk(10, {catalogue.TASK_MEMORY.name})",
            "Give the container more memory, or fewer tasks at a time; let the largest task read "
            "in chunks.",
        ),
    ),
    Alert(
        "AirflowContainerMemoryCritical",
        f"{_MEMORY} > $memory_critical_ratio",
        "5m",
        Severity.CRITICAL,
        "A container is about to be killed for its memory.",
        f"{_NAME} of {{{{ $labels.airflow }}}} uses {{{{ $value | humanizePercentage }}}} of its "
        "memory limit.",
        _WORKERS,
        _POD,
        Runbook(
            "The working set has all but reached the limit.",
            "The kernel will kill a process: a task fails without a log, or a component stops.",
            "Which tasks use it.",
            f"topk(10, {catalogue.TASK_MEMORY.name})",
            "Raise the limit now, or stop the largest task before the kernel chooses one.",
        ),
    ),
    Alert(
        "AirflowContainerCPUSaturated",
        f"{CONTAINER_CORES}\n/ ({_LIMIT_CORES} > 0) > $cpu_ratio",
        "15m",
        Severity.WARNING,
        "A container uses all the CPU it may.",
        f"{_NAME} of {{{{ $labels.airflow }}}} has used {{{{ $value | humanizePercentage }}}} of "
        "its CPU limit for 15 minutes.",
        _WORKERS,
        _POD,
        Runbook(
            "The container wants at least as much CPU as its limit.",
            "Its tasks take longer; a scheduler falls behind.",
            "Which tasks use it.",
            f"topk(10, {catalogue.TASK_CPU_PERCENT.name})",
            "Raise the limit, or let fewer tasks run at a time and add workers.",
        ),
    ),
    Alert(
        "AirflowContainerCPUThrottled",
        f"{_CFS_THROTTLED}\n/ ({_CFS_PERIODS} > 0) > $throttled_ratio",
        "15m",
        Severity.INFO,
        "A container is throttled often.",
        f"{_NAME} of {{{{ $labels.airflow }}}} was throttled in "
        "{{ $value | humanizePercentage }} of its periods.",
        _WORKERS,
        _POD,
        Runbook(
            "In many periods of its quota the container had used it up early, also where the mean "
            "is below the limit.",
            "Short stalls: heartbeats and answers come late.",
            "For how long it stood still.",
            f"rate({catalogue.CONTAINER_CFS_THROTTLED.name}[5m])",
            "Raise the limit, or lower how many threads and processes work at a time.",
        ),
    ),
    Alert(
        "AirflowContainerOOMKilled",
        f"{_grown(catalogue.CONTAINER_OOM, '10m')} > $oom_kills",
        "0m",
        Severity.WARNING,
        "The kernel has killed processes of a container for memory.",
        f"{{{{ $value | humanize }}}} processes of {_NAME} of {{{{ $labels.airflow }}}} were "
        "killed for memory in the last 10 minutes.",
        _WORKERS,
        _POD,
        Runbook(
            "The container reached its memory limit, and the kernel killed a process in it.",
            "A task has failed, often without a word in its log.",
            "The highest memory of tries of each task.",
            "histogram_quantile(0.95, sum by (airflow, dag_id, task_id, le) "
            f"(increase({catalogue.TASK_PEAK_MEMORY.name}_bucket[1d])))",
            "Find the task that failed at that time; give it memory or a worker of its own, or let "
            "it read in chunks.",
        ),
    ),
)
