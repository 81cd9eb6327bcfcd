"""Every public metric, declared once: name, kind, help, labels, buckets, collector, stability.

The reference page, the golden scrape and the dashboards' checks derive from this module.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Final


class Kind(Enum):
    """What a family's values mean and who accumulates them."""

    GAUGE = "gauge"
    """Replaced as a set by its collector."""
    COUNTER = "counter"
    """Accumulated here from increments and kept in the ledger."""
    HISTOGRAM = "histogram"
    """Accumulated here from observations and kept in the ledger."""
    MIRRORED = "mirrored counter"
    """An absolute value that something else accumulates: replaced as a set, never added up."""


class Stability(Enum):
    """How much a name may still change."""

    DOCUMENTED = "documented"
    """Fixed for good, labels included."""
    EXPERIMENTAL = "experimental"
    """May change between releases, with a note in the changelog."""


@dataclass(frozen=True, eq=False)
class Family:
    """One metric family; `labels` is the order of every label tuple of it."""

    name: str
    kind: Kind
    help: str
    labels: tuple[str, ...] = ()
    collector: str = "airflow"
    buckets: tuple[float, ...] = ()
    stability: Stability = Stability.EXPERIMENTAL

    @property
    def accumulated(self) -> bool:
        """Tell whether the store adds values up and the ledger keeps them."""
        return self.kind in (Kind.COUNTER, Kind.HISTOGRAM)

    @property
    def exposed_type(self) -> str:
        """The word of the `# TYPE` line."""
        return "counter" if self.kind is Kind.MIRRORED else self.kind.value


SELF: Final = "exporter"
"""The collector name of the families about ourselves."""

TASK: Final = ("dag_id", "task_id")
TRY: Final = ("dag_id", "task_id", "operator_type")
DAG: Final = ("dag_id",)
SAMPLED: Final = " As of the last sample."
WAITS: Final = (0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1800.0, 3600.0)

OTHER: Final = "__other__"
"""The label value that label sets above a cap are folded into."""
BOUNDED_LABELS: Final = frozenset({"state", "run_type"})
"""Labels with a few fixed values: kept when a label set is folded."""


def _gauge(name: str, meaning: str, labels: tuple[str, ...] = (), **more: object) -> Family:
    return Family(name, Kind.GAUGE, meaning + SAMPLED, labels, **more)  # type: ignore[arg-type]


# Airflow: finished tries.

TASK_DURATION = Family(
    "airflow_task_duration_seconds",
    Kind.HISTOGRAM,
    "Duration of every finished try that ran (success, failed, skipped), as Airflow stores it: "
    "deferral included, a rescheduled sensor's last poke only, failures mixed in.",
    TRY,
    buckets=(1.0, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1800.0, 3600.0),
    stability=Stability.DOCUMENTED,
)
TASK_FINISHED = Family(
    "airflow_task_finished_total",
    Kind.COUNTER,
    "Finished tries that ran, by outcome: success, failed, skipped, or up_for_retry (a failed try "
    "that another try followed).",
    (*TRY, "state"),
)
TASK_WASTED = Family(
    "airflow_task_wasted_seconds_total",
    Kind.COUNTER,
    "Seconds spent in tries that failed.",
    TASK,
)
TASK_QUEUE_WAIT = Family(
    "airflow_task_queue_wait_seconds",
    Kind.HISTOGRAM,
    "Time from queued to started of every finished try, observed when the try finishes.",
    ("queue", "pool"),
    buckets=WAITS,
)
TASK_SCHEDULE_DELAY = Family(
    "airflow_task_schedule_delay_seconds",
    Kind.HISTOGRAM,
    "Time from scheduled to queued of every finished try, observed when the try finishes "
    "(Airflow 3).",
    ("queue",),
    buckets=WAITS,
)

# Airflow: the active task instances.

TASK_OLDEST_RUNNING = _gauge(
    "airflow_task_oldest_running_seconds",
    "Age of the oldest running try of the task; only while one runs.",
    TASK,
)
TASK_HEARTBEAT_STALE = _gauge(
    "airflow_task_instances_heartbeat_stale",
    "Running tries without a heartbeat for longer than Airflow tolerates.",
)
TASK_INSTANCE_STATE = _gauge(
    "airflow_task_instance_state",
    "Live task instances by state; every live state is always present.",
    ("state",),
    stability=Stability.DOCUMENTED,
)
DAG_TASK_INSTANCES = _gauge(
    "airflow_dag_task_instances",
    "Live task instances by DAG and state; only where there are any.",
    ("dag_id", "state"),
)
TASK_QUEUE_SIZE = _gauge(
    "airflow_task_queue_size",
    "Task instances queued; every known queue is always present.",
    ("queue",),
    stability=Stability.DOCUMENTED,
)
QUEUE_OLDEST_WAIT = _gauge(
    "airflow_queue_oldest_wait_seconds",
    "Age of the oldest queued task instance, 0 when none is queued.",
    ("queue",),
)
POOL_SLOTS = _gauge(
    "airflow_pool_slots",
    "Slots of the pool by what they are used for; open is +Inf for an unlimited pool.",
    ("pool", "state"),
)
POOL_SIZE = _gauge("airflow_pool_size_slots", "Size of the pool, +Inf for unlimited.", ("pool",))

# Airflow: DAG runs.

DAG_RUNS = _gauge("airflow_dag_runs", "DAG runs queued and running.", ("state",))
DAG_ACTIVE_RUNS = _gauge(
    "airflow_dag_active_runs",
    "Queued and running DAG runs of the DAG: what the scheduler compares with the maximum.",
    DAG,
)
DAG_MAX_ACTIVE_RUNS = _gauge(
    "airflow_dag_max_active_runs",
    "Most runs of the DAG that Airflow lets run at a time.",
    DAG,
)
DAG_RUN_OLDEST_RUNNING = _gauge(
    "airflow_dag_run_oldest_running_seconds",
    "Age of the oldest running run of the DAG; only while one runs.",
    DAG,
)
DAG_RUN_FINISHED = Family(
    "airflow_dag_run_finished_total",
    Kind.COUNTER,
    "Finished DAG runs; a run that was cleared and finished again counts again.",
    ("dag_id", "run_type", "state"),
)
DAG_RUN_DURATION = Family(
    "airflow_dag_run_duration_seconds",
    Kind.HISTOGRAM,
    "Time from the start to the end of every finished DAG run.",
    ("dag_id", "state"),
    buckets=(
        *(10.0, 30.0, 60.0, 300.0, 600.0, 1800.0, 3600.0),
        *(7200.0, 14400.0, 43200.0, 86400.0),
    ),
)
DAG_RUN_START_DELAY = Family(
    "airflow_dag_run_start_delay_seconds",
    Kind.HISTOGRAM,
    "Time from when a scheduled run was due to its first start, observed when the run finishes.",
    DAG,
    buckets=(1.0, 5.0, 10.0, 30.0, 60.0, 300.0, 600.0, 1800.0, 3600.0),
)
DAG_LAST_SUCCESS = _gauge(
    "airflow_dag_last_success_timestamp_seconds",
    "When the DAG last finished a run with success.",
    DAG,
)
DAG_LAST_FINISH = _gauge(
    "airflow_dag_last_finish_timestamp_seconds",
    "When the DAG last finished a run, whatever its outcome.",
    DAG,
)

# Airflow: DAGs.

DAG_INFO = _gauge(
    "airflow_dag_info",
    "Always 1; owners, tags (as ',a,b,') and team of a DAG, for joins and alert routing.",
    ("dag_id", "owners", "tags", "team"),
)
DAG_PAUSED = _gauge("airflow_dag_paused", "1 if the DAG is paused, else 0.", DAG)
DAG_NEXT_RUN = _gauge(
    "airflow_dag_next_run_timestamp_seconds",
    "When the scheduler should create the next run; absent while the DAG is at its maximum of "
    "active runs or has no schedule.",
    DAG,
)
DAG_SCHEDULE_INTERVAL = _gauge(
    "airflow_dag_schedule_interval_seconds",
    "Length of the next data interval, where there is one.",
    DAG,
)
DAG_LAST_PARSED = _gauge(
    "airflow_dag_last_parsed_timestamp_seconds", "When the DAG's file was last parsed.", DAG
)
DAG_PARSE_DURATION = _gauge(
    "airflow_dag_parse_duration_seconds", "How long the last parse of the DAG's file took.", DAG
)
DAGS = _gauge("airflow_dags", "DAGs that are not stale, by whether they are paused.", ("state",))
DAG_IMPORT_ERRORS = _gauge("airflow_dag_import_errors", "DAG files that fail to import.")

# Airflow: components and the database itself.

TRIGGERS = _gauge("airflow_triggers", "Triggers that deferred tasks wait for.")
TRIGGERS_UNASSIGNED = _gauge(
    "airflow_triggers_unassigned", "Triggers that no triggerer has taken up."
)
DEADLINES_MISSED = _gauge(
    "airflow_deadlines_missed", "Missed deadlines that the database holds (Airflow 3.2 and later)."
)
COMPONENT_HEARTBEAT = _gauge(
    "airflow_component_heartbeat_timestamp_seconds",
    "Last heartbeat of a component; the newest of each component stays when it stopped.",
    ("component", "hostname"),
)
COMPONENT_INSTANCES = _gauge(
    "airflow_component_instances", "Instances of the component that are alive.", ("component",)
)
METADATA_INFO = _gauge(
    "airflow_metadata_info",
    "Always 1; kind of the metadata database, Airflow version and schema revision.",
    ("backend", "version", "revision"),
)
METADATA_CLOCK_SKEW = _gauge(
    "airflow_metadata_clock_skew_seconds",
    "The component's clock minus the database's, as far as heartbeats tell; 0 when not seen.",
    ("component",),
)

# About ourselves.


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
    "Label sets above a cap: gauges dropped, counters and histograms folded into __other__.",
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
HTTP_REQUESTS = _own(
    "http_requests_total", Kind.MIRRORED, "HTTP requests answered.", ("path", "code")
)
HTTP_CONNECTIONS = _own("http_connections", Kind.GAUGE, "HTTP connections open.", ())

FAMILIES: Final[tuple[Family, ...]] = tuple(
    value for value in list(globals().values()) if isinstance(value, Family)
)
BY_NAME: Final = {family.name: family for family in FAMILIES}
