"""What the exporter tells about itself."""

from __future__ import annotations

from exporter.catalogue.family import SELF, Family, Kind


def _own(name: str, kind: Kind, meaning: str, labels: tuple[str, ...] = ("collector",)) -> Family:
    return Family(f"airflow_perf_exporter_{name}", kind, meaning, labels, SELF)


BUILD_INFO = _own(
    "build_info", Kind.GAUGE, "Always 1; version of the exporter and of Python.",
    ("version", "pythonversion"),
)  # fmt: skip
COLLECTOR_SUCCESS = _own(
    "collector_success", Kind.GAUGE, "1 if the collector's last sample was good and in time."
)
COLLECTOR_DURATION = _own(
    "collector_duration_seconds", Kind.GAUGE, "How long the collector's last sample took."
)
COLLECTOR_LAST_SUCCESS = _own(
    "collector_last_success_timestamp_seconds",
    Kind.GAUGE,
    "When the collector last made a good sample; 0 before the first.",
)
COLLECTOR_ERRORS = _own(
    "collector_errors_total",
    Kind.MIRRORED,
    "Failed samples of the collector, by reason.",
    ("collector", "reason"),
)
COLLECTOR_FEATURE = _own(
    "collector_feature_available",
    Kind.GAUGE,
    "1 if what the feature reads is there and granted, else 0.",
    ("collector", "feature"),
)
SERIES = _own("series", Kind.GAUGE, "Children of the family in the store.", ("family",))
SERIES_DROPPED = _own(
    "series_dropped_total",
    Kind.MIRRORED,
    "Samples of label sets above a cap: gauges dropped, counters and histograms folded into "
    "__other__.",
    ("family",),
)
STATE_PERSISTENT = _own(
    "state_persistent", Kind.GAUGE, "1 if totals and cursors are written to the ledger.", ()
)
CONFIG_RELOAD_SUCCESSFUL = _own(
    "config_last_reload_successful", Kind.GAUGE, "1 if the last configuration load was good.", ()
)
CONFIG_RELOAD_TIMESTAMP = _own(
    "config_last_reload_success_timestamp_seconds",
    Kind.GAUGE,
    "When the configuration was last loaded with success.",
    (),
)
INGEST_REQUESTS = _own(
    "ingest_requests_total",
    Kind.MIRRORED,
    "Pushes answered by outcome: accepted, invalid, unauthorized, too_large, or overloaded "
    "(nothing more could be kept: to be sent again).",
    ("endpoint", "outcome"),
)
DBT_FILES = _own(
    "dbt_files_total",
    Kind.MIRRORED,
    "Files below --dbt.path: counted, old (made before the exporter first looked), or refused "
    "because they make no sense.",
    ("outcome",),
)
HTTP_REQUESTS = _own(
    "http_requests_total", Kind.MIRRORED, "HTTP requests answered.", ("path", "code")
)
XCOM_SKIPPED = _own(
    "xcom_skipped_total",
    Kind.COUNTER,
    "XCom values of finished tries that were not looked into, by reason: pickled, too_large, "
    "unreadable.",
    ("reason",),
)
HTTP_CONNECTIONS = _own("http_connections", Kind.GAUGE, "HTTP connections open.", ())
