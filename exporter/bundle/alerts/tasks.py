"""Alerts of tasks: slow, slower than they were, stuck."""

from __future__ import annotations

from typing import Final

from exporter import catalogue
from exporter.bundle.alert import Alert, Runbook, Severity
from exporter.bundle.promql import once
from exporter.bundle.recording import DURATION_P95, USUAL_COUNT, USUAL_MEAN, USUAL_P95

_DAG: Final = "airflow-exporter-dag"
_TASK: Final = ("airflow", "dag_id", "task_id")
# Before the hour that is judged, and the half hour that it must last.
_BEFORE: Final = "offset 2h"

ALERTS: Final = (
    Alert(
        "AirflowTaskDurationP95High",
        f"{DURATION_P95} > $task_p95_seconds",
        "15m",
        Severity.WARNING,
        "A task is a bottleneck.",
        "95 % of the tries of {{ $labels.dag_id }}.{{ $labels.task_id }} of "
        "{{ $labels.airflow }} in the last hour took up to {{ $value | humanizeDuration }}.",
        _DAG,
        _TASK,
        Runbook(
            "The 95th percentile of the task's durations is above what the performance guide calls "
            "a bottleneck. An hour means an hour or more: the histogram ends there.",
            "What depends on the task waits, and its worker slots are taken for long.",
            "Whether it waits or works: CPU of the running tries.",
            catalogue.TASK_CPU_PERCENT.name,
            "Little CPU: it waits for a database or a service, so make it deferrable or its "
            "queries faster. Much CPU: split it into mapped tasks, or give it more.",
        ),
    ),
    Alert(
        "AirflowTaskDurationRegression",
        f"{DURATION_P95} > $regression_seconds\n"
        f"and {DURATION_P95} > $regression_factor * {USUAL_P95} {_BEFORE}\n"
        f"and {USUAL_COUNT} {_BEFORE} >= $usual_tries",
        "30m",
        Severity.INFO,
        "A task takes much longer than it did.",
        "95 % of the tries of {{ $labels.dag_id }}.{{ $labels.task_id }} of "
        "{{ $labels.airflow }} in the last hour took up to {{ $value | humanizeDuration }}, a "
        "multiple of last week's.",
        _DAG,
        _TASK,
        Runbook(
            "The 95th percentile of the last hour is a multiple of that of the week before it.",
            "None yet; the task is on its way to be late.",
            "Since when.",
            f"{DURATION_P95} / {USUAL_P95}",
            "Compare with the last deployment, with the amount of data that the task handles, and "
            "with the load of the workers and of the databases it uses.",
        ),
    ),
    Alert(
        "AirflowTaskRunningLong",
        f"{once(catalogue.TASK_OLDEST_RUNNING.name)} > $long_running_seconds\n"
        f"and {once(catalogue.TASK_OLDEST_RUNNING.name)} > $long_running_factor *\n"
        # The histogram ends at an hour; what takes longer shows in the mean.
        f"  ({USUAL_MEAN} > {USUAL_P95} or {USUAL_P95})\n"
        f"and {USUAL_COUNT} >= $usual_tries",
        "5m",
        Severity.WARNING,
        "A try runs much longer than tries of this task do.",
        "A try of {{ $labels.dag_id }}.{{ $labels.task_id }} of {{ $labels.airflow }} has run for "
        "{{ $value | humanizeDuration }}, a multiple of what is usual.",
        _DAG,
        _TASK,
        Runbook(
            "The oldest running try is a multiple of the task's 95th percentile of a week, or of "
            "its mean where that is higher.",
            "The run waits for a try that likely hangs.",
            "Whether it still uses CPU.",
            catalogue.TASK_CPU_PERCENT.name,
            "Read the try's log. If it does nothing, clear the task instance, and give the task an "
            "execution time-out.",
        ),
    ),
)
