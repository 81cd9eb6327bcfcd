"""What the tasks collector tells, from the processes of running tries."""

from __future__ import annotations

from functools import partial

from exporter.catalogue.family import TASK, Family, Kind, Stability, gauge

_COLLECTOR = "tasks"
_MIB = 1024.0 * 1024.0

_gauge = partial(gauge, collector=_COLLECTOR)

TASK_MEMORY = _gauge(
    "task_memory_usage_bytes",
    "Memory of the running tries on this host, summed: of their own cgroup where a container "
    "serves one try, else the proportional set size of their process trees.",
    TASK,
    stability=Stability.DOCUMENTED,
)
TASK_CPU_PERCENT = _gauge(
    "task_cpu_usage_percent",
    "CPU that the task's running tries on this host used over the last interval, summed; 100 is "
    "one core.",
    TASK,
    stability=Stability.DOCUMENTED,
)
TASK_CPU = Family(
    "task_cpu_seconds_total",
    Kind.COUNTER,
    "CPU that the task's tries used on this host, with what their ended children used.",
    TASK,
    _COLLECTOR,
)
TASK_PEAK_MEMORY = Family(
    "task_peak_memory_bytes",
    Kind.HISTOGRAM,
    "Highest memory of every try that ended on this host.",
    TASK,
    _COLLECTOR,
    buckets=tuple(_MIB * 2.0**power for power in range(6, 16)),
)
TASK_READ = Family(
    "task_read_bytes_total",
    Kind.COUNTER,
    "Bytes that the task's tries had read from storage, where the kernel lets us see it.",
    TASK,
    _COLLECTOR,
)
TASK_WRITTEN = Family(
    "task_written_bytes_total",
    Kind.COUNTER,
    "Bytes that the task's tries had written to storage, where the kernel lets us see it.",
    TASK,
    _COLLECTOR,
)
TASK_RUNNING = _gauge("task_running_instances", "Tries of the task that run on this host.", TASK)
TASK_PROCESSES = _gauge(
    "task_processes", "Processes of the task's running tries on this host.", TASK
)
TASK_UNATTRIBUTED = _gauge(
    "task_unattributed_processes", "Airflow task processes on this host that no rule could name."
)
