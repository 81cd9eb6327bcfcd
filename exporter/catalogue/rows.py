"""How much data tries wrote: what tasks, containers and the plugin tell, and XCom holds."""

from __future__ import annotations

from functools import partial

from exporter.catalogue.family import Family, Kind, Stability, gauge

_COLLECTOR = "rows"
_TASK = ("pipeline", "stage", "dag_id", "task_id")
_STAGE = ("pipeline", "stage")

_gauge = partial(gauge, collector=_COLLECTOR)
_counter = partial(Family, kind=Kind.COUNTER, labels=_TASK, collector=_COLLECTOR)

ROWS_PROCESSED = _counter(
    "data_rows_processed_total",
    help="Rows written by successful tries, as the best source of each try told.",
    stability=Stability.DOCUMENTED,
)
BYTES_PROCESSED = _counter(
    "data_bytes_processed_total",
    help="Bytes written by successful tries, as the best source of each try told.",
)
PROCESSING_SECONDS = _counter(
    "data_processing_seconds_total",
    help="Seconds that these data took; where the source told none, those of the whole try.",
)
TIMED_ROWS = _counter(
    "data_timed_rows_total",
    labels=_STAGE,
    help="Those of the processed rows whose seconds are known: over data_timed_rows_seconds_total "
    "they are a rate.",
)
TIMED_ROWS_SECONDS = _counter(
    "data_timed_rows_seconds_total",
    labels=_STAGE,
    help="Seconds that the rows in data_timed_rows_total took.",
)
TIMED_BYTES = _counter(
    "data_timed_bytes_total",
    labels=_STAGE,
    help="Those of the processed bytes whose seconds are known: over "
    "data_timed_bytes_seconds_total they are a rate.",
)
TIMED_BYTES_SECONDS = _counter(
    "data_timed_bytes_seconds_total",
    labels=_STAGE,
    help="Seconds that the bytes in data_timed_bytes_total took.",
)
ROWS_FAILED_TRY = _counter(
    "data_rows_failed_try_total",
    help="Rows that tries committed and then did not succeed: another try may write them again.",
)
TRIES_ROWS_UNKNOWN = _counter(
    "data_tries_rows_unknown_total",
    help="Finished tries whose rows no source told, of tasks that the rows file names or that "
    "have told before.",
)
TASK_INFO = _gauge(
    "data_task_info",
    "Always 1; the pipeline and the stage of a task, one of each: the last that it told.",
    ("dag_id", "task_id", "pipeline", "stage"),
)
PROCESSING_RATE_MBPS = _gauge(
    "data_processing_rate_mbps",
    "Megabytes (10^6) per second: bytes over seconds of the successful tries of the last 15 "
    "minutes that told both; absent when there were none.",
    _STAGE,
    stability=Stability.DOCUMENTED,
)
PROCESSING_ROWS_PER_SECOND = _gauge(
    "data_processing_rows_per_second",
    "Rows over seconds of the successful tries of the last 15 minutes that told both; absent when "
    "there were none.",
    _STAGE,
)
