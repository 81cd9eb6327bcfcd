"""Settings of Airflow that its version does not know any more, or knows by another name."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Final

from exporter.insight.performance.findings import Finding
from exporter.insight.performance.kind import Kind

Name = tuple[str, str]
"""Section and key."""

RENAMED: Final[Mapping[Name, tuple[int, str]]] = {
    # By the major version that ignores the old name or warns of it, as `airflow config lint` has
    # them; those alone that performance depends on.
    ("core", "dag_concurrency"): (2, "[core] max_active_tasks_per_dag"),
    ("core", "non_pooled_task_slot_count"): (2, "[core] default_pool_task_slot_count"),
    ("core", "sql_alchemy_pool_size"): (2, "[database] sql_alchemy_pool_size"),
    ("core", "sql_alchemy_max_overflow"): (2, "[database] sql_alchemy_max_overflow"),
    ("core", "sql_alchemy_pool_recycle"): (2, "[database] sql_alchemy_pool_recycle"),
    ("scheduler", "max_threads"): (
        2, "[scheduler] parsing_processes, since Airflow 3 [dag_processor] parsing_processes,",
    ),
    ("scheduler", "processor_poll_interval"): (2, "[scheduler] scheduler_idle_sleep_time"),
    ("celery", "celeryd_concurrency"): (2, "[celery] worker_concurrency"),
    ("core", "dag_file_processor_timeout"): (3, "[dag_processor] dag_file_processor_timeout"),
    ("scheduler", "parsing_processes"): (3, "[dag_processor] parsing_processes"),
    ("scheduler", "min_file_process_interval"): (3, "[dag_processor] min_file_process_interval"),
    ("scheduler", "dag_dir_list_interval"): (3, "[dag_processor] refresh_interval"),
    ("scheduler", "scheduler_zombie_task_threshold"): (
        3, "[scheduler] task_instance_heartbeat_timeout",
    ),
    ("scheduler", "zombie_detection_interval"): (
        3, "[scheduler] task_instance_heartbeat_timeout_detection_interval",
    ),
    ("webserver", "workers"): (3, "[api] workers"),
}  # fmt: skip


def of_settings(given: Collection[Name], version: str | None) -> Iterator[Finding]:
    """Tell which of the given settings this version does not go by; none of an unknown one."""
    major = int(version.partition(".")[0]) if version else 0
    for (section, key), (since, new) in RENAMED.items():
        if major >= since and (section, key) in given:
            yield Finding(
                Kind.SETTINGS,
                f"[{section}] {key} is not a setting of Airflow {version}",
                f"Set {new} instead; `airflow config lint`, since 2.11, lists all renamed "
                "settings.",
                detail="its value may not be in force",
            )
