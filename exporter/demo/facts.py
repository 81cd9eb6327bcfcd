"""What Airflow 3.3 writes about DAGs, pools and components: rows that change slowly."""

from __future__ import annotations

import random
from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from exporter.demo.dags import DAGS, IMPORT_ERROR_FILE, POOLS, Dag
from exporter.demo.database import Tables, inserted_id, new_id

BUNDLE = "dags-folder"
COMPONENTS = ("SchedulerJob", "TriggererJob", "DagProcessorJob")


class FactRows:
    """Writes the rows of DAGs and components; each method is one event."""

    def __init__(self, tables: Tables, chance: random.Random) -> None:
        """Take the tables, and where the random part of new ids comes from."""
        self._tables = tables
        self._chance = chance

    def installed(self, connection: sa.Connection, now: datetime) -> None:
        """Add pools, a DAG bundle, the DAGs, and a file that does not import."""
        tables = self._tables
        connection.execute(
            tables.slot_pool.insert(),
            [
                {"pool": pool.name, "slots": pool.slots, "description": pool.description,
                 "include_deferred": pool.include_deferred}
                for pool in POOLS
            ],
        )  # fmt: skip
        connection.execute(tables.dag_bundle.insert().values(name=BUNDLE, active=True))
        connection.execute(
            tables.import_error.insert().values(
                timestamp=now, filename=IMPORT_ERROR_FILE, bundle_name=BUNDLE,
                stacktrace="ModuleNotFoundError: No module named 'no_such_library'",
            )
        )  # fmt: skip
        for dag in DAGS:
            self._found(connection, dag, now)

    def _found(self, connection: sa.Connection, dag: Dag, now: datetime) -> None:
        tables = self._tables
        file = f"{dag.dag_id}.py"
        periodic = dag.interval_seconds is not None
        connection.execute(
            tables.dag.insert().values(
                dag_id=dag.dag_id, is_paused=dag.paused, is_stale=False, last_parsed_time=now,
                last_parse_duration=dag.parse_seconds, fileloc=f"/opt/airflow/dags/{file}",
                relative_fileloc=file, bundle_name=BUNDLE, owners=dag.owners,
                timetable_type="DeltaDataIntervalTimetable" if periodic else "NullTimetable",
                timetable_periodic=periodic, timetable_partitioned=False,
                partition_mapper_info={}, max_active_tasks=16,
                max_active_runs=dag.max_active_runs, max_consecutive_failed_dag_runs=0,
                has_task_concurrency_limits=False, has_import_errors=False, fail_fast=False,
                exceeds_max_non_backfill=False,
            )
        )  # fmt: skip
        version = new_id(now, self._chance)
        connection.execute(
            tables.dag_version.insert().values(
                id=version, version_number=1, dag_id=dag.dag_id,
                bundle_name=BUNDLE, created_at=now, last_updated=now,
            )
        )  # fmt: skip
        connection.execute(
            tables.serialized_dag.insert().values(
                id=new_id(now, self._chance), dag_id=dag.dag_id, dag_version_id=version,
                data=_serialized(dag), dag_hash=version.hex, created_at=now, last_updated=now,
            )
        )  # fmt: skip
        for tag in dag.tags:
            connection.execute(tables.dag_tag.insert().values(name=tag, dag_id=dag.dag_id))
        for owner in dag.owners.split(","):
            link = f"mailto:{owner}@example.org"
            connection.execute(
                tables.dag_owner_attributes.insert().values(
                    dag_id=dag.dag_id, owner=owner, link=link
                )
            )

    def parsed(self, connection: sa.Connection, now: datetime) -> None:
        """Stamp the DAGs: the DAG processor has been through all files."""
        table = self._tables.dag
        for dag in DAGS:
            took = dag.parse_seconds * self._chance.uniform(0.8, 1.5)
            statement = table.update().where(table.c.dag_id == dag.dag_id)
            connection.execute(statement.values(last_parsed_time=now, last_parse_duration=took))

    def versions(self, connection: sa.Connection) -> dict[str, UUID]:
        """Return the version of each DAG."""
        table = self._tables.dag_version
        rows = connection.execute(sa.select(table.c.dag_id, table.c.id))
        return {dag_id: version for dag_id, version in rows}  # noqa: C416 - dict(rows) has no types

    def started(self, connection: sa.Connection, hostname: str, now: datetime) -> dict[str, int]:
        """Start the components and return the ids of their jobs; earlier ones have failed."""
        job = self._tables.job
        gone = job.update().where(job.c.state == "running")
        connection.execute(gone.values(state="failed", end_date=now))
        ids = {}
        for job_type in COMPONENTS:
            executor = "LocalExecutor" if job_type == "SchedulerJob" else None
            found = connection.execute(
                job.insert().values(
                    state="running",
                    job_type=job_type,
                    start_date=now,
                    latest_heartbeat=now,
                    executor_class=executor,
                    hostname=hostname,
                    unixname="airflow",
                )
            )
            ids[job_type] = inserted_id(found)
        return ids

    def alive(self, connection: sa.Connection, ids: dict[str, int], now: datetime) -> None:
        """Send the components' heartbeats."""
        job = self._tables.job
        statement = job.update().where(job.c.id.in_(ids.values()))
        connection.execute(statement.values(latest_heartbeat=now))

    def stopped(self, connection: sa.Connection, ids: dict[str, int], now: datetime) -> None:
        """End the components in order."""
        job = self._tables.job
        statement = job.update().where(job.c.id.in_(ids.values()))
        connection.execute(statement.values(state="success", end_date=now))


def _serialized(dag: Dag) -> dict[str, Any]:
    """Return of Airflow's document of a DAG which tasks follow which."""
    tasks = [
        {
            "task_id": task.task_id,
            "task_type": task.operator,
            "downstream_task_ids": [
                other.task_id for other in dag.tasks if task.task_id in other.upstream
            ],
        }
        for task in dag.tasks
    ]
    wrapped = [{"__type": "operator", "__var": task} for task in tasks]
    return {"__version": 3, "dag": {"dag_id": dag.dag_id, "tasks": wrapped}}
