"""The demo's DAGs, pools and queues, as data; times in seconds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Final

MIB: Final = 1 << 20


class Rule(Enum):
    """When a task may run, given how its upstream tasks ended."""

    ALL_SUCCESS = "all_success"
    ALL_DONE = "all_done"


class Wait(Enum):
    """What a task does before its own work, without a worker slot."""

    NONE = "none"
    TRIGGER = "trigger"
    """Deferred until its trigger fires."""
    INPUT = "input"
    """Parked until somebody answers (Airflow 3.3)."""
    RESCHEDULE = "reschedule"
    """A sensor that gives its slot back between two pokes."""


class Way(Enum):
    """How a task tells how much data it has written."""

    RETURN = "xcom"
    """Returns it, as XCom."""
    PUSH = "explicit"
    """Pushes it to the intake itself."""
    PLUGIN = "plugin"
    """The Airflow plugin pushes it, also of tries that fail after they have written."""
    DBT = "dbt"
    """Runs dbt, which leaves a run_results.json."""


@dataclass(frozen=True, slots=True)
class Writes:
    """What a try writes, more or less, and how that is told."""

    rows: int
    row_bytes: int = 220
    way: Way = Way.RETURN
    silent: float = 0.0
    """Share of the tries that tell nothing."""


@dataclass(frozen=True, slots=True)
class Load:
    """What a task's process does to the machine."""

    busy: float = 0.0
    """Share of one core."""
    memory_bytes: int = 0
    child: bool = False
    """Do the work in a child process, as BashOperator does."""


@dataclass(frozen=True, slots=True)
class Task:
    """One task: what Airflow knows of it, and how its tries go."""

    task_id: str
    operator: str = "PythonOperator"
    seconds: float = 1.0
    upstream: tuple[str, ...] = ()
    rule: Rule = Rule.ALL_SUCCESS
    mapped: int = 0
    """Map indexes; 0 for a task that is not mapped."""
    pool: str = "default_pool"
    queue: str = "default"
    priority_weight: int = 1
    retries: int = 0
    retry_delay_seconds: float = 3.0
    fails: float = 0.0
    """Share of the tries that fail."""
    skips: float = 0.0
    """Share of the tries that raise AirflowSkipException."""
    wait: Wait = Wait.NONE
    wait_seconds: float = 0.0
    """How long the trigger, the person or the time between two pokes takes."""
    pokes: int = 0
    timeout_seconds: float | None = None
    """How long it stays deferred at most."""
    trigger_queue: str | None = None
    """Only a triggerer that is started for this queue takes the trigger; the demo has none."""
    writes: Writes | None = None
    load: Load = Load()

    @property
    def empty(self) -> bool:
        """Tell whether the scheduler ends it without running it."""
        return self.operator == "EmptyOperator"

    @property
    def map_indexes(self) -> tuple[int, ...]:
        """The map indexes of its instances."""
        return tuple(range(self.mapped)) if self.mapped else (-1,)


@dataclass(frozen=True, slots=True)
class Dag:
    """One DAG; without an interval it runs only when a user triggers it."""

    dag_id: str
    tasks: tuple[Task, ...]
    interval_seconds: float | None
    owners: str
    tags: tuple[str, ...]
    max_active_runs: int = 16
    paused: bool = False
    parse_seconds: float = 0.2
    deadline_seconds: float | None = None
    """A run should have ended so long after it was queued."""

    def task(self, task_id: str) -> Task:
        """Return the task with this id."""
        return next(task for task in self.tasks if task.task_id == task_id)


@dataclass(frozen=True, slots=True)
class Pool:
    """One pool; -1 slots mean unlimited."""

    name: str
    slots: int
    description: str
    include_deferred: bool = False


POOLS: Final = (
    Pool("default_pool", 32, "Default pool"),
    Pool("warehouse", 2, "Connections to the warehouse"),
    Pool("checks", 2, "Quality checks", include_deferred=True),
    Pool("sensors", -1, "Waiting costs nothing"),
)

QUEUE_SLOTS: Final[Mapping[str, int]] = {"default": 4, "heavy": 1}
"""Worker slots by queue: at times fewer than there is work for, so that tasks really wait."""

IMPORT_ERROR_FILE: Final = "dags/broken.py"

_SALES = Dag(
    "sales_ingest",
    (
        Task("start", "EmptyOperator"),
        Task(
            "extract_orders", seconds=2.0, upstream=("start",), mapped=3, pool="warehouse",
            writes=Writes(12_000), load=Load(memory_bytes=4 * MIB),
        ),
        Task(
            "load_orders", "SQLExecuteQueryOperator", 2.0, ("extract_orders",), pool="warehouse",
            priority_weight=10, retries=2, fails=0.3, writes=Writes(36_000, way=Way.PLUGIN),
        ),
        Task("publish", "BashOperator", 2.0, ("load_orders",), load=Load(busy=0.05, child=True)),
        Task("done", "EmptyOperator", upstream=("publish",), rule=Rule.ALL_DONE),
    ),
    15.0, "data-team", ("finance", "ingest", "team:data"), deadline_seconds=120.0,
)  # fmt: skip
_FEATURES = Dag(
    "customer_features",
    (
        Task(
            "train", seconds=6.0, queue="heavy", priority_weight=5,
            load=Load(busy=0.1, memory_bytes=48 * MIB),
        ),
        Task(
            "score", seconds=1.5, upstream=("train",), mapped=3, queue="heavy",
            writes=Writes(5_000),
        ),
    ),
    30.0, "ml-team,data-team", ("ml", "team:ml"), parse_seconds=1.4,
)  # fmt: skip
_PARTNER = Dag(
    "partner_files",
    (
        Task(
            "wait_for_file", "PythonSensor", 0.3, pool="sensors",
            wait=Wait.RESCHEDULE, wait_seconds=4.0, pokes=2,
        ),
        Task(
            "wait_for_quota", "DeferringOperator", 0.4, ("wait_for_file",),
            wait=Wait.TRIGGER, wait_seconds=5.0,
        ),
        Task(
            "import_file", "SQLExecuteQueryOperator", 1.0, ("wait_for_quota",), pool="warehouse",
            skips=0.4, writes=Writes(800),
        ),
        Task("archive", seconds=0.5, upstream=("import_file",)),
    ),
    20.0, "partners", ("partners", "team:data"),
)  # fmt: skip
_RATES = Dag(
    "currency_rates",
    (
        Task(
            "call_api", "HttpOperator", retries=1, retry_delay_seconds=2.0, fails=0.5,
            writes=Writes(170, silent=0.3),
        ),
        Task(
            "convert", seconds=0.5, upstream=("call_api",), writes=Writes(340, way=Way.PUSH),
        ),
    ),
    10.0, "data-team", ("finance", "team:data"),
)  # fmt: skip
_LAKE = Dag(
    "sales_lake",
    # Near the baselines that are shipped, now above and now below.
    (
        Task("extract_bronze", seconds=1.5, writes=Writes(260_000, 700)),
        Task(
            "merge_silver", "SQLExecuteQueryOperator", 1.5, ("extract_bronze",), retries=2,
            retry_delay_seconds=1.0, fails=0.3, writes=Writes(90_000, 900, Way.PLUGIN),
        ),
        Task(
            "build_gold", "BashOperator", 1.5, ("merge_silver",), load=Load(child=True),
            writes=Writes(40_000, 1_100, Way.DBT),
        ),
    ),
    10.0, "data-team", ("lake", "pipeline:sales", "team:data"),
)  # fmt: skip
_CHECKS = Dag(
    "quality_checks",
    (
        *(
            Task(f"check_{name}", "SQLColumnCheckOperator", 0.8, pool="checks")
            for name in ("orders", "customers")
        ),
        Task("check_prices", "SQLColumnCheckOperator", 0.8, pool="checks", skips=0.25),
        Task("check_freshness", "SQLCheckOperator", 0.6, pool="checks", fails=0.2),
    ),
    8.0, "platform", ("quality", "team:platform"), parse_seconds=0.05,
)  # fmt: skip
_SYNC = Dag(
    "warehouse_sync",
    (Task("sync", "BashOperator", 12.0, retries=1),),
    10.0, "platform", ("team:platform",), max_active_runs=1,
)  # fmt: skip
_REPROCESS = Dag(
    "reprocess_orders",
    (Task("reprocess", seconds=12.0, writes=Writes(90_000)),),
    None, "data-team", ("backfill", "team:data"), max_active_runs=1,
)  # fmt: skip
_VENDOR = Dag(
    "vendor_feed",
    (
        Task("approve", "ApprovalOperator", 0.3, wait=Wait.INPUT, wait_seconds=10.0),
        Task(
            "wait_for_vendor", "DeferringOperator", 0.3, wait=Wait.TRIGGER, wait_seconds=90.0,
            timeout_seconds=35.0, trigger_queue="lake",
        ),
        Task("import_feed", upstream=("approve", "wait_for_vendor")),
    ),
    50.0, "partners", ("partners", "team:data"), deadline_seconds=15.0,
)  # fmt: skip
_NIGHTLY = Dag(
    "nightly_report",
    (Task("report", "SQLExecuteQueryOperator", 5.0),),
    86_400.0, "finance", ("nightly",), paused=True,
)  # fmt: skip

DAGS: Final = (
    _SALES, _FEATURES, _PARTNER, _RATES, _LAKE, _CHECKS, _SYNC, _REPROCESS, _VENDOR, _NIGHTLY,
)  # fmt: skip
BY_ID: Final[Mapping[str, Dag]] = {dag.dag_id: dag for dag in DAGS}
