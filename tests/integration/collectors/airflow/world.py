"""A small Airflow of any version in which one thing of every kind happens."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any
from uuid import uuid4

import sqlalchemy as sa

from exporter.demo import schema

DAGS = ("hourly", "paused", "stale")
_ALWAYS = {
    "task_instance": {
        "map_index": -1,
        "pool": "default_pool",
        "pool_slots": 1,
        "queue": "default",
        "operator": "BashOperator",
        "try_number": 1,
        "max_tries": 1,
        "span_status": "not_started",
    },
    "task_instance_history": {
        "map_index": -1,
        "pool": "default_pool",
        "pool_slots": 1,
        "queue": "default",
        "operator": "BashOperator",
        "try_number": 1,
        "span_status": "not_started",
    },
    "dag_run": {"run_type": "scheduled", "clear_number": 0, "span_status": "not_started"},
    "dag": {
        "owners": "data",
        "bundle_name": "dags-folder",
        "timetable_type": "cron",
        "timetable_partitioned": False,
        "timetable_periodic": False,
        "partition_mapper_info": {},
        "exceeds_max_non_backfill": False,
        "fail_fast": False,
        "max_active_tasks": 16,
        "max_active_runs": 3,
        "max_consecutive_failed_dag_runs": 0,
        "has_task_concurrency_limits": False,
    },
    "serialized_dag": {"fileloc": "dags/d.py", "fileloc_hash": 1, "dag_hash": "0" * 32},
}


class World:
    """Rows of one Airflow; `now` is the database's clock when the world was made."""

    def __init__(self, engine: sa.Engine, metadata: sa.MetaData, version: str) -> None:
        """Take over tables that `exporter.demo.schema` made; they are empty."""
        self.engine = engine
        self.version = version
        self._tables = {table.name: table for table in metadata.tables.values()}
        self._job = 100
        if engine.dialect.name == "sqlite":
            self.now = datetime.now(timezone.utc)
        else:
            with engine.connect() as connection:
                self.now = connection.execute(sa.text("SELECT now()")).scalar_one()

    @property
    def three(self) -> bool:
        """Tell whether this is an Airflow 3."""
        return self.version.startswith("3")

    def at(self, seconds: float) -> datetime:
        """Return a moment so many seconds after (or, negative, before) the world was made."""
        return self.now + timedelta(seconds=seconds)

    def table(self, name: str) -> sa.Table:
        """Return a table of this version."""
        return self._tables[name]

    def has(self, name: str, *columns: str) -> bool:
        """Tell whether this version has the table and its columns."""
        return name in self._tables and all(each in self._tables[name].c for each in columns)

    def add(self, name: str, /, **values: Any) -> None:
        """Insert one row; columns that this version lacks are left out."""
        with self.engine.begin() as connection:
            connection.execute(self._row(name, values))

    def change(self, name: str, where: dict[str, Any], /, **values: Any) -> None:
        """Update the rows with these values; columns that this version lacks are left out."""
        table = self._tables[name]
        there = {key: value for key, value in values.items() if key in table.c}
        matching = [table.c[key] == value for key, value in where.items()]
        with self.engine.begin() as connection:
            connection.execute(table.update().where(*matching).values(**there))

    def execute(self, statement: str) -> None:
        """Run a statement of DDL or the like."""
        with self.engine.begin() as connection:
            connection.exec_driver_sql(statement)

    def dag(self, dag_id: str, *, paused: bool = False, stale: bool = False, **more: Any) -> None:
        """Add a DAG."""
        flags = {"is_paused": paused, "is_stale": stale, "is_active": not stale}
        self.add("dag", dag_id=dag_id, **flags, **more)

    def run(self, dag_id: str, run_id: str, state: str, **more: Any) -> None:
        """Add a DAG run that was due when the world was made, unless `due` says otherwise."""
        due = more.pop("due", self.now)
        moments = dict.fromkeys(("logical_date", "execution_date", "data_interval_end"), due)
        started = {"start_date": self.now, "run_after": due, "updated_at": self.now}
        self.add("dag_run", dag_id=dag_id, run_id=run_id, state=state, **moments, **started | more)

    def task(self, task_id: str, state: str | None, **more: Any) -> None:
        """Add a task instance of DAG `hourly`, run `now`; `beat` is its last heartbeat."""
        values = {"dag_id": "hourly", "run_id": "now", "task_id": task_id, "state": state, **more}
        beat = values.pop("beat", None)
        if beat is not None:
            values |= self._heartbeat(beat)
        self.add("task_instance", **values)

    def beat(self, task_id: str, moment: datetime, **values: Any) -> None:
        """Let a task instance of DAG `hourly` heartbeat and change, as a worker does."""
        self.change("task_instance", {"task_id": task_id}, **values, **self._heartbeat(moment))

    def archive(self, task_id: str, **more: Any) -> None:
        """Add an earlier try of a task instance of DAG `hourly`, run `now`."""
        identity = {"dag_id": "hourly", "run_id": "now", "task_id": task_id}
        self.add("task_instance_history", **identity, **{"state": "failed", **more})

    def fill(self) -> None:
        """Make the world that `test_collector` knows by heart."""
        if self.has("dag_bundle"):
            self.add("dag_bundle", name="dags-folder", active=True)
        self.dag(
            "hourly", next_dagrun_create_after=self.at(3600), last_parsed_time=self.at(-30),
            next_dagrun_data_interval_start=self.now, next_dagrun_data_interval_end=self.at(3600),
            last_parse_duration=0.5,
        )  # fmt: skip
        self.dag("paused", paused=True, owners="team_ops", max_active_runs=1)
        self.dag("stale", stale=True)
        for tag in ("b", "a"):
            self.add("dag_tag", dag_id="hourly", name=tag)
        self.run("hourly", "before", "success", due=self.at(-7300), end_date=self.at(-3600))
        self.run("paused", "before", "failed", due=self.at(-7200), end_date=self.at(-1800))
        self.run("hourly", "now", "running", start_date=self.at(-600), due=self.at(-610))
        self.run("paused", "next", "queued", start_date=None)
        for pool, slots, deferred in (("default_pool", 8, True), ("wide", -1, False)):
            self.add("slot_pool", pool=pool, slots=slots, include_deferred=deferred)
        for kind, state, host, age in (
            ("SchedulerJob", "running", "one", 1),
            ("SchedulerJob", "running", "two", 2),
            ("SchedulerJob", "success", "old", 9000),
            ("TriggererJob", "success", "three", 500),
        ):
            beat = {"latest_heartbeat": self.at(-age)}
            self.add("job", job_type=kind, state=state, hostname=host, **beat)
        self.add("import_error", filename="broken.py", stacktrace="SyntaxError")
        for triggerer in (None, 1):
            self.add(
                "trigger", classpath="t", kwargs="{}", created_date=self.now, triggerer_id=triggerer
            )
        self._deadline()
        self._task_instances()

    def _task_instances(self) -> None:
        began = {"start_date": self.at(-300), "pid": 7, "beat": self.at(-1)}
        self.task("runs", "running", **began, queued_dttm=self.at(-310))
        self.task(
            "silent", "running", **began | {"start_date": self.at(-900), "beat": self.at(-800)}
        )
        self.task(
            "queued", "queued", queued_dttm=self.at(-60), scheduled_dttm=self.at(-61), pool_slots=2
        )
        self.task("heavy", "queued", queued_dttm=self.at(-20), queue="gpu", pool="wide")
        self.task("waits", "scheduled", scheduled_dttm=self.at(-5))
        self.task("defers", "deferred", **began)
        self.task("pokes", "up_for_reschedule", **began)
        self.task("none", None)
        ended = {"start_date": self.at(-90), "end_date": self.at(-60), "duration": 30.0, "pid": 7}
        self.task("before", "success", **ended, beat=self.at(-61))

    def _deadline(self) -> None:
        if not self.has("deadline", "missed"):
            return
        callback = {"id": uuid4(), "type": "x", "fetch_method": "x", "data": {}}
        self.add("callback", **callback, priority_weight=1, created_at=self.now)
        self.add(
            "deadline", id=uuid4(), created_at=self.now, last_updated_at=self.now, missed=True,
            deadline_time=self.at(-10), callback_id=callback["id"],
        )  # fmt: skip

    def _heartbeat(self, moment: datetime) -> dict[str, Any]:
        if self.has("task_instance", "last_heartbeat_at"):
            return {"last_heartbeat_at": moment}
        self._job += 1
        self.add("job", id=self._job, job_type="LocalTaskJob", latest_heartbeat=moment)
        return {"job_id": self._job}

    def _row(self, name: str, values: dict[str, Any]) -> sa.Insert:
        table = self._tables[name]
        whole = {**_ALWAYS.get(name, {}), **values}
        for key in ("id", "task_instance_id"):
            if key in table.c and isinstance(table.c[key].type, sa.Uuid):
                whole.setdefault(key, uuid4())
        return table.insert().values(**{key: v for key, v in whole.items() if key in table.c})


def made(dsn: str, version: str, name: str | None = None) -> World:
    """Return an empty world in a database, in a schema of that name."""
    url = dsn.replace("postgresql:", "postgresql+psycopg:", 1)
    engine = sa.create_engine(url, poolclass=sa.NullPool)
    return World(engine, schema.create(engine, version, name), version)
