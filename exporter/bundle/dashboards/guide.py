"""The five queries of the performance guide, each as written and beside it as meant."""

from __future__ import annotations

from exporter import catalogue as c
from exporter.bundle.dashboards.panel import Lines, Panel
from exporter.bundle.dashboards.query import (
    BYTES,
    RATE,
    Query,
    Range,
    of_team,
    quantile,
    series,
    total,
)
from exporter.bundle.dashboards.steps import Steps, up_to
from exporter.bundle.promql import once, once_each

_CORES = Range(0, 1e4)
_ROWS = Range(0, 1e9)


def panels() -> tuple[Panel, ...]:
    """Return the pairs."""
    return (*_durations(), *_cpu(), *_memory(), *_queue(), *_rows())


def _as_written(title: str, description: str, unit: str, query: Query) -> Lines:
    return Lines(
        title=f"{title}, as written",
        description=description,
        unit=unit,
        queries=(query,),
        width=12,
        guide=True,
    )


def _as_meant(
    title: str, description: str, unit: str, query: Query,
    steps: Steps = (),
) -> Lines:  # fmt: skip
    return Lines(
        title=f"{title}, as meant",
        description=description,
        unit=unit,
        queries=(query,),
        width=12,
        steps=steps,
    )


def _durations() -> tuple[Panel, ...]:
    return (
        _as_written(
            "Task duration p95",
            "No number while no task finishes within 5 minutes; one figure for quick and slow "
            "tasks of a DAG.",
            "s",
            Query(
                "histogram_quantile(0.95, "
                "sum(rate(airflow_task_duration_seconds_bucket[5m])) by (le, dag_id))",
                ("dag_id",),
                Range(0, 3600),
            ),
        ),
        _as_meant(
            "Task duration p95",
            "Over the window, by installation, without what is no number; 1 hour means an hour or "
            "more.",
            "s",
            Query(
                quantile(0.95, c.TASK_DURATION, "dag_id"),
                ("airflow", "dag_id"),
                Range(0, 3600),
            ),
            up_to("task_p95_seconds", early=1 / 3),
        ),
    )


def _cpu() -> tuple[Panel, ...]:
    used = series(c.CONTAINER_CPU, 'namespace=~"$namespace"', 'container!=""')
    pod = ("namespace", "pod")
    return (
        _as_written(
            "Worker CPU",
            "The average of a pod's containers: a sidecar at rest halves the figure.",
            "short",
            Query(
                'avg(rate(container_cpu_usage_seconds_total{namespace="airflow", '
                'pod=~"airflow-worker-.*"}[5m])) by (pod)',
                ("pod",),
                _CORES,
            ),
        ),
        _as_meant(
            "Worker CPU",
            "Cores that all containers of a pod use together; containers without a pod, as on "
            "plain Docker, are one line.",
            "short",
            Query(total(once_each(f"rate({used}[{RATE}])"), *pod), ("airflow", *pod), _CORES),
        ),
    )


def _memory() -> tuple[Panel, ...]:
    return (
        _as_written(
            "Memory by DAG",
            "The largest container of a pod, in GiB; dag_id is known only where the pod serves "
            "one task.",
            "short",
            Query(
                'max(container_memory_working_set_bytes{namespace="airflow", '
                'pod=~"airflow-worker-.*"}) by (pod, dag_id) / 1024 / 1024 / 1024',
                ("pod",),
                Range(0, 1024),
            ),
        ),
        _as_meant(
            "Memory by DAG",
            "Memory of the running tries of the DAG's tasks, measured in their processes: right "
            "for every executor.",
            "bytes",
            Query(
                of_team(total(once_each(series(c.TASK_MEMORY)), "dag_id")),
                ("airflow", "dag_id"),
                BYTES,
            ),
        ),
    )


def _queue() -> tuple[Panel, ...]:
    return (
        _as_written(
            "Queue",
            "Counts twice what two exporters tell, and adds installations up.",
            "short",
            Query('sum(airflow_task_instance_state{state="queued"})'),
        ),
        _as_meant(
            "Queue",
            "By installation, each counted once.",
            "short",
            Query(total(once(series(c.TASK_INSTANCE_STATE, 'state="queued"'))), ("airflow",)),
            up_to("queued_tasks"),
        ),
    )


def _rows() -> tuple[Panel, ...]:
    labels = ("pipeline", "stage")
    return (
        _as_written(
            "Data processing rate",
            "A line for every task of every exporter.",
            "rowsps",
            Query("rate(data_rows_processed_total[5m])", c.ROWS_PROCESSED.labels, _ROWS),
        ),
        _as_meant(
            "Data processing rate",
            "By pipeline and stage.",
            "rowsps",
            Query(
                total(of_team(once(f"rate({series(c.ROWS_PROCESSED)}[{RATE}])")), *labels),
                ("airflow", *labels),
                _ROWS,
            ),
        ),
    )
