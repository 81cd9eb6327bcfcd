"""Alerts of DAGs: late, without success, failing. Paused DAGs are left alone."""

from __future__ import annotations

from typing import Final

from exporter import catalogue
from exporter.bundle.alert import Alert, Runbook, Severity
from exporter.bundle.promql import once, selector, unpaused
from exporter.bundle.recording import DAG_FINISHED

_DAG: Final = "airflow-exporter-dag"
_OF_FAILED: Final = 'state=~"failed|up_for_retry"'
_FAILED, _RAN = (
    f"sum without (state) ({selector(DAG_FINISHED, states)})"
    for states in (_OF_FAILED, 'state!="skipped"')
)

ALERTS: Final = (
    Alert(
        "AirflowDagOverdue",
        unpaused(f"time() - {once(catalogue.DAG_NEXT_RUN.name)} > $dag_overdue_seconds"),
        "5m",
        Severity.WARNING,
        "The next run of a DAG is overdue.",
        "The scheduler of {{ $labels.airflow }} should have created a run of {{ $labels.dag_id }} "
        "{{ $value | humanizeDuration }} ago.",
        _DAG,
        ("airflow", "dag_id"),
        Runbook(
            "The time of the next run has passed, the DAG is not paused and not at its maximum of "
            "active runs, and there is no run.",
            "The DAG's data are late.",
            "Whether it is one DAG or all.",
            f"time() - {catalogue.DAG_NEXT_RUN.name} > 0",
            "All DAGs: the scheduler is slow or gone, see its alerts. One DAG: look for import "
            "errors of its file, and at when it was last parsed.",
        ),
    ),
    Alert(
        "AirflowDagNoRecentSuccess",
        unpaused(
            f"time() - {once(catalogue.DAG_LAST_SUCCESS.name)}\n"
            f"> $dag_success_intervals * {once(catalogue.DAG_SCHEDULE_INTERVAL.name)}"
        ),
        "10m",
        Severity.WARNING,
        "A DAG has had no successful run for more than its interval.",
        "The last successful run of {{ $labels.dag_id }} of {{ $labels.airflow }} ended "
        "{{ $value | humanizeDuration }} ago.",
        _DAG,
        ("airflow", "dag_id"),
        Runbook(
            "Runs fail, take longer than the schedule allows, or are not created. A DAG that never "
            "succeeded has no time of a success, and is not told here: "
            f"`{catalogue.DAG_LAST_FINISH.name} unless {catalogue.DAG_LAST_SUCCESS.name}` lists "
            "those that finished runs.",
            "The DAG's data are old.",
            "How its runs have ended.",
            f"sum by (airflow, dag_id, state) (increase({catalogue.DAG_RUN_FINISHED.name}[1d]))",
            "Read the log of the first task that failed. If none failed, look at what runs longest "
            "and at the queue.",
        ),
    ),
    Alert(
        "AirflowTaskFailureRatioHigh",
        f"{_FAILED} / ({_RAN} > 0) > $failure_ratio\nand {_FAILED} >= $failures",
        "10m",
        Severity.WARNING,
        "Many tries of a DAG's tasks fail.",
        "{{ $value | humanizePercentage }} of the tries of {{ $labels.dag_id }} of "
        "{{ $labels.airflow }} that finished in the last hour have failed.",
        _DAG,
        ("airflow", "dag_id"),
        Runbook(
            "Of the tries of the DAG's tasks that ran, too many failed, those that were tried "
            "again included.",
            "Runs fail or end late, and retries use up workers.",
            "Which task it is.",
            "topk(10, sum by (airflow, dag_id, task_id) (increase("
            f"{selector(catalogue.TASK_FINISHED, _OF_FAILED)}[1h])))",
            "Read the log of a failed try of that task. Many tasks at once: look at what they "
            "share, a connection, a worker's memory, a deployment.",
        ),
    ),
)
