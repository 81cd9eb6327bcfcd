"""What is recorded: what alerts ask of a week, and what panels ask again and again.

Names are `level:metric:operation`; the level is the labels that are left besides those of targets.
"""

from __future__ import annotations

from typing import Final

from exporter import catalogue
from exporter.bundle.alert import Group, Record
from exporter.bundle.promql import grown, once, once_each, selector

STATE: Final = "state:airflow_task_instance_state:max"
QUEUE: Final = "queue:airflow_task_queue_size:max"
DAG_FINISHED: Final = "dag_state:airflow_task_finished:increase1h"
DURATION_BUCKETS: Final = "dag_task_le:airflow_task_duration_seconds_bucket:increase1h"
DURATION_SUM: Final = "dag_task:airflow_task_duration_seconds_sum:increase1h"
DURATION_COUNT: Final = "dag_task:airflow_task_duration_seconds_count:increase1h"
DURATION_P50: Final = "dag_task:airflow_task_duration_seconds:p50_1h"
DURATION_P95: Final = "dag_task:airflow_task_duration_seconds:p95_1h"
DURATION_MEAN: Final = "dag_task:airflow_task_duration_seconds:mean1h"
USUAL_P95: Final = "dag_task:airflow_task_duration_seconds:p95_7d"
USUAL_MEAN: Final = "dag_task:airflow_task_duration_seconds:mean7d"
USUAL_COUNT: Final = "dag_task:airflow_task_duration_seconds_count:increase7d"
CONTAINER_CORES: Final = "namespace_pod_container:container_cpu_usage_seconds:rate5m"
POD_MEMORY: Final = "namespace_pod:container_memory_working_set_bytes:sum"
STAGE_ROWS: Final = "pipeline_stage:data_rows_processed:increase1h"

CONTAINERS: Final = 'container!~"|POD"'
"""Pods themselves and what holds their network are no containers of anybody; cAdvisor has them."""
_CPU: Final = selector(catalogue.CONTAINER_CPU, CONTAINERS)
_MEMORY: Final = selector(catalogue.CONTAINER_WORKING_SET, CONTAINERS)
_HOURS: Final = "[7d:1h]"


def _hourly(sample: str) -> str:
    """Return how much a part of the durations' histogram grew in an hour, by task."""
    series = f"{catalogue.TASK_DURATION.name}_{sample}"
    return f"sum without (operator_type) ({grown(series, '1h')})"


def _quantile(share: float, buckets: str) -> str:
    # What is not a number, as where nothing has finished, is neither below nor above 0.
    return f"histogram_quantile({share}, {buckets} >= 0) >= 0"


GROUPS: Final = (
    Group(
        "airflow-records",
        (
            Record(STATE, once(catalogue.TASK_INSTANCE_STATE.name)),
            Record(QUEUE, once(catalogue.TASK_QUEUE_SIZE.name)),
            Record(
                DAG_FINISHED,
                f"sum without (task_id, operator_type) ({grown(catalogue.TASK_FINISHED.name, '1h')})",  # noqa: E501
            ),
            Record(DURATION_BUCKETS, _hourly("bucket")),
            Record(DURATION_SUM, _hourly("sum")),
            Record(DURATION_COUNT, _hourly("count")),
            Record(DURATION_P50, _quantile(0.5, DURATION_BUCKETS)),
            Record(DURATION_P95, _quantile(0.95, DURATION_BUCKETS)),
            Record(DURATION_MEAN, f"{DURATION_SUM} / ({DURATION_COUNT} > 0)"),
            Record(CONTAINER_CORES, once_each(f"rate({_CPU}[5m])")),
            Record(POD_MEMORY, f"sum without (container, dag_id, task_id) ({once_each(_MEMORY)})"),
            Record(
                STAGE_ROWS,
                f"sum without (dag_id, task_id) ({grown(catalogue.ROWS_PROCESSED.name, '1h')})",
            ),
        ),
    ),
    # A week of hours: each is recorded by the group above, so that no week of samples is read.
    Group(
        "airflow-usual",
        (
            Record(USUAL_COUNT, f"sum_over_time({DURATION_COUNT}{_HOURS})"),
            Record(USUAL_P95, _quantile(0.95, f"sum_over_time({DURATION_BUCKETS}{_HOURS})")),
            Record(USUAL_MEAN, f"sum_over_time({DURATION_SUM}{_HOURS}) / ({USUAL_COUNT} > 0)"),
        ),
        interval="5m",
    ),
)
