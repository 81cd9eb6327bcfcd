"""A small Airflow 3.3 world in SQLite: two DAGs, one of each thing that a family tells about."""

from __future__ import annotations

import uuid
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from exporter.demo import schema

RUN = "scheduled__2026-11-22T00:00:00+00:00"


class World:
    """Rows as Airflow 3.3 writes them; times are seconds before now."""

    def __init__(self, path: Path) -> None:
        """Create the database and what does not change."""
        self.dsn = f"sqlite:///{path}"
        self._engine = sa.create_engine(self.dsn)
        self._tables = schema.create(self._engine, "3.3").tables
        self._now = datetime.now(timezone.utc)
        self._facts()

    def close(self) -> None:
        """Close the database."""
        self._engine.dispose()

    def begin(self) -> None:
        """Let one task run, and others wait in every live state."""
        self._add("dag_run", id=1, dag_id="sales", run_id=RUN, run_type="scheduled",
                  state="running", run_after=self.ago(100), start_date=self.ago(90))  # fmt: skip
        self._task("extract", "running", start_date=self.ago(30), pid=100, queue="etl",
                   last_heartbeat_at=self.ago(1))  # fmt: skip
        self._task("load", "queued", queued_dttm=self.ago(20), queue="etl")
        self._task("report", "scheduled")
        self._task("wait", "deferred", start_date=self.ago(40), pid=101)
        self._task("train", "running", start_date=self.ago(50), pid=102,
                   last_heartbeat_at=self.ago(1))  # fmt: skip
        self._add("dag_run", id=2, dag_id="sales", run_id="manual", run_type="manual",
                  state="running", run_after=self.ago(60), start_date=self.ago(60))  # fmt: skip
        self._task("extract", "scheduled", run_id="manual", queue="etl")

    def finish(self) -> None:
        """Let the running task fail once and then succeed, and the run end."""
        self._now = datetime.now(timezone.utc)
        ti, history = self._tables["task_instance"], self._tables["task_instance_history"]
        with self._engine.begin() as connection:
            extract = (ti.c.task_id == "extract") & (ti.c.run_id == RUN)
            row = dict(connection.execute(sa.select(ti).where(extract)).mappings().one())
            row["task_instance_id"] = row.pop("id")
            failed = {"state": "failed", "end_date": self.ago(2), "duration": 5.0}
            kept = {name: value for name, value in row.items() if name in history.c}
            connection.execute(sa.insert(history).values(**{**kept, **failed}))
            again = {"id": uuid.uuid4(), "state": "success", "start_date": self.ago(20),
                     "queued_dttm": self.ago(22), "scheduled_dttm": self.ago(24),
                     "end_date": self.ago(0), "duration": 12.0, "try_number": 2,
                     "last_heartbeat_at": self.ago(0)}  # fmt: skip
            connection.execute(sa.update(ti).where(extract).values(**again))
            told = {"rows": 1200, "bytes": 36_000_000, "stage": "bronze"}
            for key, value in (("return_value", told), ("rows", "much" * 20_000)):
                xcom = sa.insert(self._tables["xcom"]).values(
                    dag_run_id=1, dag_id="sales", task_id="extract", run_id=RUN, map_index=-1,
                    key=key, value=value, timestamp=self.ago(0),
                )  # fmt: skip
                connection.execute(xcom)
            run = self._tables["dag_run"]
            ended = {"state": "success", "start_date": self.ago(85), "end_date": self.ago(0),
                     "run_after": self.ago(90)}  # fmt: skip
            connection.execute(sa.update(run).where(run.c.id == 1).values(**ended))

    def ago(self, seconds: float) -> datetime:
        """Return a moment before the world was made."""
        return self._now - timedelta(seconds=seconds)

    def _facts(self) -> None:
        self._add("dag_bundle", name="dags")
        for dag_id, paused in (("sales", False), ("old", True)):
            self._add("dag", dag_id=dag_id, is_paused=paused, bundle_name="dags", owners="data,ops",
                      max_active_runs=16, next_dagrun_create_after=self.ago(-3600),
                      next_dagrun_data_interval_start=self.ago(0), last_parsed_time=self.ago(3),
                      next_dagrun_data_interval_end=self.ago(-3600), last_parse_duration=0.25,
                      is_stale=False)  # fmt: skip
        for name in ("b", "a"):
            self._add("dag_tag", dag_id="sales", name=name)
        self._add("slot_pool", id=1, pool="default_pool", slots=128, include_deferred=False)
        self._add("slot_pool", id=2, pool="endless", slots=-1, include_deferred=True)
        self._add("import_error", id=1, filename="broken.py")
        for number, triggerer in ((1, 7), (2, None)):
            self._add("trigger", id=number, classpath="x", kwargs="{}", triggerer_id=triggerer)
        for number, kind in enumerate(("SchedulerJob", "TriggererJob", "DagProcessorJob")):
            beat = {"state": "running", "hostname": f"host-{number}"}
            self._add("job", id=number, job_type=kind, latest_heartbeat=self.ago(1), **beat)
        self._add("deadline", missed=True)

    def _task(self, task_id: str, state: str, **values: Any) -> None:
        common = {"dag_id": "sales", "run_id": RUN, "map_index": -1, "operator": "PythonOperator",
                  "pool": "default_pool", "pool_slots": 1, "queue": "default"}  # fmt: skip
        row = {**common, "task_id": task_id, "state": state, "id": uuid.uuid4(), **values}
        self._add("task_instance", **row)

    def _add(self, name: str, /, **values: Any) -> None:
        """Insert a row; columns that must not be null and do not matter here get something."""
        table = self._tables[name]
        for column in table.columns:
            if not column.nullable and column.name not in values and column.server_default is None:
                values[column.name] = self._something(column)
        with self._engine.begin() as connection:
            connection.execute(sa.insert(table).values(**values))

    def _something(self, column: sa.Column[Any]) -> Any:
        if isinstance(column.type, sa.JSON):
            return {}
        if isinstance(column.type, schema.UtcTimestamp):
            return self._now
        made = {bool: False, int: 1, str: "x", uuid.UUID: uuid.uuid4()}
        return made[column.type.python_type]
