"""A big database in which PostgreSQL, left alone, would choose to read whole tables."""

from __future__ import annotations

from typing import Any

import psycopg
from sqlalchemy import create_engine

from exporter.demo import schema

DAGS, TASKS, RUNS = 50, 10, 120
"""60,000 task instances, each a minute apart from the next run's."""
MAPPED = 3_000
"""Mapped instances of one task in one running run, each with an earlier try."""

Connection = psycopg.Connection[tuple[Any, ...]]

_ONLY = {
    "3.3": {
        "beat": ", id, last_heartbeat_at",
        "beat_value": ", gen_random_uuid(), now() - run * interval '1 minute' - interval '1 s'",
        "recent_value": ", gen_random_uuid(), now() - n * interval '10 ms'",
        "idle_value": ", gen_random_uuid(), NULL::timestamptz",
        "archive": ", task_instance_id",
        "archive_value": ", gen_random_uuid()",
        "dag": ", is_stale, bundle_name, timetable_type, partition_mapper_info",
        "dag_value": ", false, 'dags-folder', 'cron', '{}'",
        "run": "logical_date, run_after",
        "told": '{"rows": 1}',
    },
    "2.11": {
        "beat": ", job_id",
        "beat_value": ", (run * 500 + dag * 10 + task)::int",
        "recent_value": ", (200500 + n)::int",
        "idle_value": ", NULL::int",
        "archive": "",
        "archive_value": "",
        "dag": ", is_active",
        "dag_value": ", true",
        "run": "execution_date, data_interval_end",
        "told": '{"rows": 1}',
    },
}

_JOBS = (
    "INSERT INTO job (id, job_type, state, latest_heartbeat) SELECT run * 500 + dag * 10 + task,"
    " 'LocalTaskJob', 'success', now() - run * interval '1 minute' - interval '1 s'"
    " FROM generate_series(1, {RUNS}) AS run, generate_series(0, {DAGS} - 1) AS dag,"
    " generate_series(0, {TASKS} - 1) AS task",
    "INSERT INTO job (id, job_type, state, latest_heartbeat)"
    " SELECT 200500 + n, 'LocalTaskJob', 'running', now() - n * interval '10 ms'"
    " FROM generate_series(1, {MAPPED}) AS n",
)

# What is active: loaded and analyzed first, so that old statistics take it for all there is.
_ACTIVE = (
    "INSERT INTO dag (dag_id, is_paused, max_active_tasks, max_consecutive_failed_dag_runs,"
    " has_task_concurrency_limits{dag}) SELECT 'dag_' || dag, false, 16, 0, false{dag_value}"
    " FROM generate_series(0, {DAGS} - 1) AS dag",
    "INSERT INTO dag_run (dag_id, run_id, run_type, state, start_date, {run})"
    " SELECT 'dag_' || dag, 'now', 'scheduled', 'running', now(), now(), now()"
    " FROM generate_series(0, {DAGS} - 1) AS dag",
    "INSERT INTO task_instance (dag_id, task_id, run_id, map_index, state, try_number, pool,"
    " pool_slots, queue, operator, start_date, pid{beat})"
    " SELECT 'dag_1', 'mapped', 'now', n, CASE WHEN n % 2 = 0 THEN 'running' ELSE 'deferred' END,"
    " 2, 'default_pool', 1, 'default', 'PythonOperator', now() - interval '10 minutes', 7"
    "{recent_value} FROM generate_series(1, {MAPPED}) AS n",
    "INSERT INTO task_instance_history (dag_id, task_id, run_id, map_index, state, try_number,"
    " pool, pool_slots, start_date, end_date, pid{archive}) SELECT 'dag_1', 'mapped', 'now', n,"
    " 'failed', 1, 'default_pool', 1, now() - interval '2 hours', now() - interval '1 hour', 7"
    "{archive_value} FROM generate_series(1, {MAPPED}) AS n",
    "INSERT INTO slot_pool (pool, slots, include_deferred) VALUES ('default_pool', 128, false)",
    "INSERT INTO job (job_type, state, hostname, latest_heartbeat) VALUES"
    " ('SchedulerJob', 'running', 'one', now())",
)
_HISTORY = (
    "INSERT INTO dag_run (dag_id, run_id, run_type, state, start_date, end_date, {run})"
    " SELECT 'dag_' || dag, 'run_' || run, 'scheduled', 'success', t, t, t, t"
    " FROM generate_series(1, {RUNS}) AS run, generate_series(0, {DAGS} - 1) AS dag,"
    " LATERAL (SELECT now() - run * interval '1 minute' AS t) AS at",
    "INSERT INTO task_instance (dag_id, task_id, run_id, map_index, state, try_number, pool,"
    " pool_slots, queue, operator, start_date, end_date, pid{beat})"
    " SELECT 'dag_' || dag, 'task_' || task, 'run_' || run, -1, 'success', 1, 'default_pool', 1,"
    " 'default', 'PythonOperator', now() - run * interval '1 minute' - interval '30 s',"
    " now() - run * interval '1 minute', 7{beat_value}"
    " FROM generate_series(1, {RUNS}) AS run, generate_series(0, {DAGS} - 1) AS dag,"
    " generate_series(0, {TASKS} - 1) AS task",
    "INSERT INTO task_instance_history (dag_id, task_id, run_id, map_index, state, try_number,"
    " pool, pool_slots, start_date, end_date, pid{archive})"
    " SELECT dag_id, task_id, run_id, map_index, 'failed', 0, pool, 1,"
    " start_date - interval '1 hour', start_date - interval '30 minutes', 7{archive_value}"
    " FROM task_instance WHERE run_id LIKE 'run_%7'",
    "INSERT INTO xcom (dag_run_id, dag_id, task_id, run_id, map_index, key, value, timestamp)"
    " SELECT run.id, dag_id, task_id, run_id, map_index, key, '{told}', now()"
    " FROM task_instance JOIN dag_run AS run USING (dag_id, run_id),"
    " unnest(ARRAY['return_value', 'rows', 'else']) AS key"
    " WHERE task_id = 'mapped' OR run_id LIKE 'run_%7'",
)
_AFRESH = {
    "3.3": (
        "UPDATE task_instance SET last_heartbeat_at = now() - map_index * interval '10 ms'"
        " WHERE task_id = 'mapped'",
    ),
    "2.11": (
        "UPDATE job SET latest_heartbeat = now() - (id - 200500) * interval '10 ms'"
        " WHERE id > 200500",
    ),
    "both": (
        "UPDATE task_instance SET end_date = NULL,"
        " state = CASE WHEN map_index % 2 = 0 THEN 'running' ELSE 'deferred' END"
        " WHERE task_id = 'mapped'",
        "UPDATE dag_run SET state = 'running', end_date = NULL WHERE run_id = 'now'",
        "DELETE FROM task_instance WHERE task_id = 'waiting'",
    ),
}
_READ = ("dag", "dag_run", "job", "task_instance", "task_instance_history", "xcom")


def load(dsn: str, version: str) -> None:
    """Fill an empty database; its statistics are from before it grew."""
    engine = create_engine(dsn.replace("postgresql:", "postgresql+psycopg:", 1))
    schema.create(engine, version)
    engine.dispose()
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute("SET session_replication_role = replica")
        connection.execute("SET synchronous_commit = off")
        for table in _READ:
            connection.execute(f"ALTER TABLE {table} SET (autovacuum_enabled = false)".encode())
        _run(connection, version, _ACTIVE)
        analyze(connection)
        _run(connection, version, _HISTORY + (_JOBS if version == "2.11" else ()))


def refresh(connection: Connection, version: str) -> None:
    """Undo what tests have done: the mapped task's instances run and heartbeat now."""
    connection.execute("SET session_replication_role = replica")
    _run(connection, version, _AFRESH["both"] + _AFRESH[version])


def schedule(connection: Connection, version: str, rows: int) -> None:
    """Add a mapped task with so many scheduled instances."""
    statement = (
        "INSERT INTO task_instance (dag_id, task_id, run_id, map_index, state, try_number, pool,"
        " pool_slots, queue, operator{beat}) SELECT 'dag_2', 'waiting', 'now', n, 'scheduled', 1,"
        " 'default_pool', 1, 'default', 'PythonOperator'{idle_value}"
        f" FROM generate_series(1, {rows}) AS n"
    )
    connection.execute("SET session_replication_role = replica")
    _run(connection, version, (statement,))


def _run(connection: Connection, version: str, statements: tuple[str, ...]) -> None:
    sizes = {"DAGS": DAGS, "TASKS": TASKS, "RUNS": RUNS, "MAPPED": MAPPED}
    for statement in statements:
        connection.execute(statement.format(**_ONLY[version], **sizes).encode())


def analyze(connection: Connection) -> None:
    """Let the planner know what the tables hold."""
    for table in _READ:
        connection.execute(f"ANALYZE {table}".encode())
