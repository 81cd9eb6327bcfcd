"""A big Airflow 3.3 metadata database, and the life that goes on in it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql
from sqlalchemy import create_engine

from exporter.demo import schema

DAGS = 500
TASKS = 20
"""Tasks a DAG: 10,000 in all, whatever the number of rows."""
_TABLES = ("dag", "dag_run", "task_instance", "task_instance_history", "job", "slot_pool")
_RECENT = "20 minutes"

Connection = psycopg.Connection[tuple[Any, ...]]


def load(dsn: str, rows: int) -> None:
    """Create the tables in an empty database and fill them; the last rows end now."""
    engine = create_engine(dsn.replace("postgresql:", "postgresql+psycopg:", 1))
    schema.create(engine, "3.3")
    engine.dispose()
    with psycopg.connect(dsn, autocommit=True) as connection:
        asof = _scalar(connection, "SELECT now()")
        settings = {"rows": rows, "dags": DAGS, "tasks": TASKS, "asof": asof}
        for name, value in settings.items():
            connection.execute("SELECT set_config(%s, %s, false)", (f"bench.{name}", str(value)))
        # Statement by statement: REINDEX and the rest must not wait for one transaction's end.
        for statement in _statements():
            connection.execute(statement.encode())
        for table in _TABLES:
            connection.execute(sql.SQL("VACUUM ANALYZE {}").format(sql.Identifier(table)))
        _freshen(connection, asof)


def live(connection: Connection, tries: int = TASKS * 11 // 10) -> None:
    """Let five seconds pass: a run appears, tries finish, start and queue, all others heartbeat."""
    number = _scalar(connection, "SELECT max(id) FROM dag_run")
    dag = number % DAGS
    arguments = {
        "tries": tries,
        "dag_id": f"pipe_{dag:04d}",
        "number": dag,
        "run_id": f"manual__{number}",
        "tasks": TASKS,
    }
    for statement in _LIFE:
        connection.execute(statement, arguments)


def schedule(connection: Connection, rows: int) -> None:
    """Add a mapped task with so many scheduled instances."""
    connection.execute(
        "INSERT INTO task_instance (id, dag_id, task_id, run_id, map_index, state, try_number,"
        " pool, pool_slots, queue, operator, scheduled_dttm)"
        " SELECT gen_random_uuid(), dag_id, 'mapped', run_id, n, 'scheduled', 1, 'default_pool', 1,"
        " 'default', 'PythonOperator', now() FROM generate_series(0, %s - 1) AS n,"
        " (SELECT dag_id, run_id FROM dag_run WHERE state = 'running' LIMIT 1) AS run",
        (rows,),
    )


def count_active(connection: Connection) -> int:
    """Return how many task instances are in a live state."""
    live_states = "('scheduled', 'queued', 'running', 'deferred', 'up_for_retry')"
    return int(
        _scalar(connection, f"SELECT count(*) FROM task_instance WHERE state IN {live_states}")
    )


def run_all_tasks(connection: Connection, first: int, dags: int) -> None:
    """Schedule one more run of so many DAGs, so that each of their tasks is in the active set."""
    arguments = {"first": first, "dags": dags, "tasks": TASKS, "run_id": f"manual__all_{first}"}
    connection.execute(
        "INSERT INTO dag_run (dag_id, run_id, run_type, state, start_date, run_after, updated_at)"
        " SELECT dag_id, %(run_id)s, 'manual', 'running', now(), now(), now() FROM dag"
        " ORDER BY dag_id LIMIT %(dags)s OFFSET %(first)s",
        arguments,
    )
    connection.execute(
        "INSERT INTO task_instance (id, dag_id, task_id, run_id, map_index, state, try_number,"
        " pool, pool_slots, queue, operator, scheduled_dttm, queued_dttm)"
        " SELECT gen_random_uuid(), dag_id, 'step_' || lpad(t::text, 2, '0'), run_id, -1,"
        " 'scheduled', 1, 'default_pool', 1, 'default',"
        f" {_OPERATOR.format(number='substr(dag_id, 6)::int')}, now(), now()"
        " FROM dag_run, generate_series(0, %(tasks)s - 1) AS t WHERE run_id = %(run_id)s",
        arguments,
    )


def finish_all_tasks(connection: Connection, first: int) -> None:
    """End what `run_all_tasks` scheduled: tries of all lengths."""
    arguments = {"run_id": f"manual__all_{first}"}
    connection.execute(
        "UPDATE task_instance SET state = 'success', start_date = now() - interval '1 s',"
        " end_date = now(), duration = 1 + abs(hashtext(dag_id || task_id)) %% 4000, pid = 7,"
        " last_heartbeat_at = now() WHERE run_id = %(run_id)s",
        arguments,
    )
    connection.execute(
        "UPDATE dag_run SET state = 'success', end_date = now(), updated_at = now()"
        " WHERE run_id = %(run_id)s",
        arguments,
    )


def _scalar(connection: Connection, statement: str) -> Any:  # noqa: ANN401 - whatever is selected
    row = connection.execute(statement.encode()).fetchone()
    return row[0] if row else None


def _statements() -> list[str]:
    text = Path(__file__).with_name("dataset.sql").read_text(encoding="utf-8")
    code = "\n".join(line for line in text.splitlines() if not line.startswith("--"))
    return [part for part in code.split(";\n") if part.strip(" ;\n")]


def _freshen(connection: Connection, asof: object) -> None:
    """Move what was recent when loading began to the present: loading took its time."""
    moved = {"asof": asof, "recent": _RECENT}
    connection.execute(
        "UPDATE task_instance SET start_date = start_date + age, end_date = end_date + age,"
        " queued_dttm = queued_dttm + age, scheduled_dttm = scheduled_dttm + age,"
        " last_heartbeat_at = last_heartbeat_at + age"
        " FROM (SELECT now() - %(asof)s AS age) AS passed"
        " WHERE last_heartbeat_at > %(asof)s - %(recent)s::interval"
        " OR state IN ('scheduled', 'queued', 'running', 'deferred', 'up_for_retry')",
        moved,
    )
    connection.execute(
        "UPDATE dag_run SET start_date = start_date + age, end_date = end_date + age,"
        " run_after = run_after + age, updated_at = updated_at + age"
        " FROM (SELECT now() - %(asof)s AS age) AS passed"
        " WHERE state = 'running' OR end_date > %(asof)s - %(recent)s::interval",
        moved,
    )
    connection.execute("UPDATE job SET latest_heartbeat = now() WHERE state = 'running'")


_OPERATOR = (
    "(ARRAY['BashOperator', 'PythonOperator', '_PythonDecoratedOperator', 'DockerOperator',"
    " 'KubernetesPodOperator', 'SQLExecuteQueryOperator', 'S3KeySensor', 'SnowflakeOperator'])"
    "[({number} + t) %% 8 + 1]"
)
"""The operator of task `t`, as dataset.sql has it."""
_LIFE = (
    "INSERT INTO dag_run (dag_id, run_id, run_type, state, start_date, run_after, updated_at)"
    " VALUES (%(dag_id)s, %(run_id)s, 'manual', 'running', now(), now(), now())",
    "INSERT INTO task_instance (id, dag_id, task_id, run_id, map_index, state, try_number,"
    " pool, pool_slots, queue, operator)"
    " SELECT gen_random_uuid(), %(dag_id)s, 'step_' || lpad(t::text, 2, '0'), %(run_id)s, -1, NULL,"
    f" 0, 'default_pool', 1, 'default', {_OPERATOR.format(number='%(number)s::int')}"
    " FROM generate_series(0, %(tasks)s - 1) AS t",
    # Half of what failed is tried again: its try moves to the history.
    "WITH ended AS (SELECT id FROM task_instance WHERE state = 'running'"
    "  ORDER BY start_date LIMIT %(tries)s),"
    " retried AS (SELECT id FROM ended LIMIT %(tries)s / 10),"
    " moved AS (INSERT INTO task_instance_history (task_instance_id, dag_id, task_id, run_id,"
    "  map_index, try_number, start_date, end_date, duration, state, pid, pool, pool_slots, queue,"
    "  operator) SELECT id, dag_id, task_id, run_id, map_index, try_number, start_date, now(),"
    "  extract(epoch FROM now() - start_date), 'failed', pid, pool, 1, queue, operator"
    "  FROM task_instance WHERE id IN (SELECT id FROM retried))"
    " UPDATE task_instance AS ti SET end_date = now(), last_heartbeat_at = now(),"
    "  duration = extract(epoch FROM now() - start_date),"
    "  state = CASE WHEN ti.id IN (SELECT id FROM retried) THEN 'up_for_retry' ELSE 'success' END,"
    "  id = CASE WHEN ti.id IN (SELECT id FROM retried) THEN gen_random_uuid() ELSE ti.id END"
    " FROM ended WHERE ti.id = ended.id",
    "UPDATE task_instance SET state = 'running', start_date = now(), end_date = NULL, pid = 9,"
    "  last_heartbeat_at = now() WHERE id IN (SELECT id FROM task_instance"
    "  WHERE state = 'queued' ORDER BY queued_dttm LIMIT %(tries)s)",
    "UPDATE task_instance SET state = 'queued', queued_dttm = now(), try_number = try_number + 1"
    " WHERE id IN (SELECT id FROM task_instance WHERE state = 'scheduled' LIMIT %(tries)s)",
    "UPDATE task_instance SET state = 'scheduled', scheduled_dttm = now() WHERE id IN"
    " (SELECT id FROM task_instance WHERE run_id = %(run_id)s AND dag_id = %(dag_id)s"
    "  UNION ALL (SELECT id FROM task_instance WHERE state = 'up_for_retry' LIMIT %(tries)s / 10))",
    "UPDATE task_instance SET last_heartbeat_at = now(), updated_at = now()"
    " WHERE state = 'running'",
    "UPDATE dag_run SET state = 'success', end_date = now(), updated_at = now() WHERE id IN"
    " (SELECT id FROM dag_run AS run WHERE state = 'running' AND run_type = 'manual' AND NOT EXISTS"
    "  (SELECT FROM task_instance AS ti WHERE ti.dag_id = run.dag_id AND ti.run_id = run.run_id"
    "   AND ti.state IN ('scheduled', 'queued', 'running', 'up_for_retry', 'deferred')))",
    "UPDATE job SET latest_heartbeat = now() WHERE state = 'running'",
)
