"""Alerts of data: baselines that are missed, and stages that stand still."""

from __future__ import annotations

from typing import Final

from exporter import catalogue
from exporter.bundle.alert import Alert, Runbook, Severity
from exporter.bundle.baselines import ACTUAL, HEADROOM
from exporter.bundle.promql import grown, selector
from exporter.bundle.recording import STAGE_ROWS

_DATA: Final = "airflow-exporter-data"
_BREACH: Final = "< $baseline_headroom"
# Stages are the `name` of their baselines.
_DATA_TOLD: Final = (
    f"label_replace({grown(catalogue.PROCESSING_SECONDS.name, '15m')} > 0, "
    '"name", "$$1", "stage", "(.+)")'
)
_SUCCEEDED: Final = grown(selector(catalogue.TASK_FINISHED, state="success"), "1h")
_RATES, _USES = (
    selector(HEADROOM, scope="stage", direction=direction) for direction in ("min", "max")
)
_OF_COMPONENTS: Final = selector(HEADROOM, scope="component")

ALERTS: Final = (
    Alert(
        "DataProcessingRateBelowBaseline",
        f"{_RATES} {_BREACH}\nand on (airflow, name) {_DATA_TOLD}",
        "15m",
        Severity.WARNING,
        "A stage is slower than its baseline.",
        "The stage {{ $labels.name }} of {{ $labels.airflow }} misses its baseline of "
        "{{ $labels.metric }}: headroom {{ $value | humanizePercentage }}.",
        _DATA,
        ("airflow",),
        Runbook(
            "Tries of the stage finish, and handle fewer bytes or rows a second than the baseline "
            "less its tolerance.",
            "Data come late, and later the more there are.",
            "What the rate is, beside its target.",
            selector(ACTUAL, scope="stage"),
            "Find the task of the stage that became slower, and what it waits for: the source, the "
            "target, CPU, memory. If the data have changed for good, so must the baseline.",
        ),
    ),
    Alert(
        "DataStageAboveBaseline",
        f"{_USES} {_BREACH}\nand on (airflow, name) {_DATA_TOLD}",
        "15m",
        Severity.WARNING,
        "A stage uses more than its baseline.",
        "The stage {{ $labels.name }} of {{ $labels.airflow }} exceeds its baseline of "
        "{{ $labels.metric }}: headroom {{ $value | humanizePercentage }}.",
        _DATA,
        ("airflow",),
        Runbook(
            "Tries of the stage finish, and one of its tasks uses more memory or CPU than the "
            "baseline and its tolerance.",
            "Workers hold fewer tasks than was planned.",
            "How much it is.",
            selector(ACTUAL, scope="stage"),
            "Look at the tasks of the stage: what changed in them or in their data. If it is to "
            "stay, raise the baseline and the workers' memory.",
        ),
    ),
    Alert(
        "AirflowComponentAboveBaseline",
        f"{_OF_COMPONENTS} {_BREACH}",
        "15m",
        Severity.WARNING,
        "A component uses more than its baseline.",
        "The {{ $labels.name }} of {{ $labels.airflow }} exceeds its baseline of "
        "{{ $labels.metric }}: headroom {{ $value | humanizePercentage }}.",
        _DATA,
        ("airflow",),
        Runbook(
            "A container of the component uses more memory or CPU than the baseline and its "
            "tolerance.",
            "It will reach its limits, or the host's.",
            "How much it is.",
            selector(ACTUAL, scope="component"),
            "Look at the container: more DAGs, more tasks at a time, a leak. Give it more, and "
            "raise the baseline, if the work has grown.",
        ),
    ),
    Alert(
        "DataPipelineStalled",
        f"{STAGE_ROWS} == 0\n"
        f"and on (airflow, pipeline, stage) max_over_time({STAGE_ROWS}[1d]) > 0\n"
        f"and on (airflow, pipeline, stage) ({catalogue.TASK_INFO.name}\n"
        f"  and on (airflow, dag_id, task_id) {_SUCCEEDED} > 0)",
        "30m",
        Severity.WARNING,
        "A stage finishes tries that write no rows.",
        "Tries of the stage {{ $labels.stage }} of {{ $labels.pipeline }} of "
        "{{ $labels.airflow }} have succeeded in the last hour and told no rows; a day ago they "
        "did.",
        _DATA,
        ("airflow", "pipeline", "stage"),
        Runbook(
            "Tasks of the stage succeed and write nothing, or no longer tell what they write.",
            "What comes after works on old data, and nothing has failed.",
            "Which tasks tell nothing any more.",
            f"sum by (airflow, stage, task_id) (increase({catalogue.TRIES_ROWS_UNKNOWN.name}[1h]))",
            "Rows unknown: look at how the task tells its rows. Else look whether the source has "
            "anything new.",
        ),
    ),
)
