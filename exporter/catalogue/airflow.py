"""What the Airflow collector tells, from the metadata database."""

from __future__ import annotations

from exporter.catalogue.family import DAG, TASK, TRY, Family, Kind, Stability, gauge

WAITS = (0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1800.0, 3600.0)

# Finished tries.

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

# The active task instances.

TASK_OLDEST_RUNNING = gauge(
    "airflow_task_oldest_running_seconds",
    "Age of the oldest running try of the task; only while one runs.",
    TASK,
)
TASK_HEARTBEAT_STALE = gauge(
    "airflow_task_instances_heartbeat_stale",
    "Running tries without a heartbeat for longer than Airflow tolerates.",
)
TASK_INSTANCE_STATE = gauge(
    "airflow_task_instance_state",
    "Live task instances by state; every live state is always present.",
    ("state",),
    stability=Stability.DOCUMENTED,
)
DAG_TASK_INSTANCES = gauge(
    "airflow_dag_task_instances",
    "Live task instances by DAG and state; only where there are any.",
    ("dag_id", "state"),
)
TASK_QUEUE_SIZE = gauge(
    "airflow_task_queue_size",
    "Task instances queued; every known queue is always present.",
    ("queue",),
    stability=Stability.DOCUMENTED,
)
QUEUE_OLDEST_WAIT = gauge(
    "airflow_queue_oldest_wait_seconds",
    "Age of the oldest queued task instance, 0 when none is queued.",
    ("queue",),
)
POOL_SLOTS = gauge(
    "airflow_pool_slots",
    "Slots of the pool by what they are used for; open is +Inf for an unlimited pool.",
    ("pool", "state"),
)
POOL_SIZE = gauge("airflow_pool_size_slots", "Size of the pool, +Inf for unlimited.", ("pool",))

# DAG runs.

DAG_RUNS = gauge("airflow_dag_runs", "DAG runs queued and running.", ("state",))
DAG_ACTIVE_RUNS = gauge(
    "airflow_dag_active_runs",
    "Queued and running DAG runs of the DAG: what the scheduler compares with the maximum.",
    DAG,
)
DAG_MAX_ACTIVE_RUNS = gauge(
    "airflow_dag_max_active_runs",
    "Most runs of the DAG that Airflow lets run at a time.",
    DAG,
)
DAG_RUN_OLDEST_RUNNING = gauge(
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
DAG_LAST_SUCCESS = gauge(
    "airflow_dag_last_success_timestamp_seconds",
    "When the DAG last finished a run with success.",
    DAG,
)
DAG_LAST_FINISH = gauge(
    "airflow_dag_last_finish_timestamp_seconds",
    "When the DAG last finished a run, whatever its outcome.",
    DAG,
)

# DAGs.

DAG_INFO = gauge(
    "airflow_dag_info",
    "Always 1; owners, tags (as ',a,b,') and team of a DAG, for joins and alert routing.",
    ("dag_id", "owners", "tags", "team"),
)
DAG_PAUSED = gauge("airflow_dag_paused", "1 if the DAG is paused, else 0.", DAG)
DAG_NEXT_RUN = gauge(
    "airflow_dag_next_run_timestamp_seconds",
    "When the scheduler should create the next run; absent while the DAG is at its maximum of "
    "active runs or has no schedule.",
    DAG,
)
DAG_SCHEDULE_INTERVAL = gauge(
    "airflow_dag_schedule_interval_seconds",
    "Length of the next data interval, where there is one.",
    DAG,
)
DAG_LAST_PARSED = gauge(
    "airflow_dag_last_parsed_timestamp_seconds", "When the DAG's file was last parsed.", DAG
)
DAG_PARSE_DURATION = gauge(
    "airflow_dag_parse_duration_seconds", "How long the last parse of the DAG's file took.", DAG
)
DAGS = gauge("airflow_dags", "DAGs that are not stale, by whether they are paused.", ("state",))
DAG_IMPORT_ERRORS = gauge("airflow_dag_import_errors", "DAG files that fail to import.")

# Components and the database itself.

TRIGGERS = gauge("airflow_triggers", "Triggers that deferred tasks wait for.")
TRIGGERS_UNASSIGNED = gauge(
    "airflow_triggers_unassigned", "Triggers that no triggerer has taken up."
)
DEADLINES_MISSED = gauge(
    "airflow_deadlines_missed", "Missed deadlines that the database holds (Airflow 3.2 and later)."
)
COMPONENT_HEARTBEAT = gauge(
    "airflow_component_heartbeat_timestamp_seconds",
    "Last heartbeat of a component; the newest of each component stays when it stopped.",
    ("component", "hostname"),
)
COMPONENT_INSTANCES = gauge(
    "airflow_component_instances", "Instances of the component that are alive.", ("component",)
)
METADATA_INFO = gauge(
    "airflow_metadata_info",
    "Always 1; kind of the metadata database, Airflow version and schema revision.",
    ("backend", "version", "revision"),
)
METADATA_CLOCK_SKEW = gauge(
    "airflow_metadata_clock_skew_seconds",
    "The component's clock minus the database's, as far as heartbeats tell; 0 when not seen.",
    ("component",),
)

# Scaling.

WORKERS_DESIRED = gauge(
    "airflow_workers_desired",
    "Workers that the queue needs for what runs, waits and is due; absent while the database "
    "cannot be read.",
    ("queue",),
)
WORKERS_DESIRED_SLOTS = gauge(
    "airflow_workers_desired_slots",
    "Task slots that the queue needs, by what needs them: running, queued (as many as start what "
    "waits within the drain target), due (usual first waves of runs that the schedule promises).",
    ("queue", "component"),
)
WORKER_SLOTS_CONFIGURED = gauge(
    "airflow_worker_slots_configured",
    "Task slots of one worker of the queue, as --scaling.concurrency says.",
    ("queue",),
)
