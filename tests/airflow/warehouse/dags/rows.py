"""Tasks that write a known number of rows into a warehouse, in every way that hooks offer."""

from __future__ import annotations

import json
import os
import socket
import tempfile
import time
from pathlib import Path

from airflow.providers.common.sql.operators.sql import SQLExecuteQueryOperator
from airflow.providers.postgres.hooks.postgres import PostgresHook
from parts import DAG, START, AirflowSkipException, PythonOperator, task

try:
    from airflow_perf_exporter_plugin import report_rows
except ImportError:  # the same DAGs run without the plugin
    report_rows = None

CONNECTION = "warehouse"


def sql(task_id, *statements, rows=None):
    """Return a task that runs statements one by one."""
    return SQLExecuteQueryOperator(
        task_id=task_id,
        conn_id=CONNECTION,
        sql=list(statements),
        do_xcom_push=False,
        post_execute=lambda context, _: push(context["ti"], rows),
    )


def push(ti, rows):
    """Push an XCom with rows, as authors do where there is no plugin."""
    if report_rows is None and rows is not None:
        ti.xcom_push(key="rows", value=rows)


def told(rows, **more):
    """Return what a task returns, as authors do where there is no plugin."""
    return {"rows": rows, **more} if report_rows is None else None


def run(*statements):
    """Run statements, each in a transaction of its own."""
    for statement in statements:
        PostgresHook(CONNECTION).run(statement)


def insert_rows():
    """Insert in three batches."""
    rows = [(number, "text") for number in range(2500)]
    PostgresHook(CONNECTION).insert_rows("gd_rows", rows, commit_every=1000)
    return told(2500)


def copy():
    """Load a file, and save a query into another: only the first writes rows."""
    with tempfile.NamedTemporaryFile("w+") as file:
        file.write("".join(f"{number}\ttext\n" for number in range(300)))
        file.flush()
        PostgresHook(CONNECTION).copy_expert("COPY gd_rows FROM STDIN", file.name)
        PostgresHook(CONNECTION).copy_expert("COPY gd_rows TO STDOUT", file.name)
    return told(300)


def retried():
    """Write, then fail on the first try: its rows stay."""
    tried = Path(os.environ["TEST_TRUTHS"], "tried-1")
    rows = 60 if tried.exists() else 50
    run(f"INSERT INTO sl_log SELECT generate_series(1, {rows})")
    if not tried.exists():
        tried.write_text("true")
        raise RuntimeError("the first try fails")
    return told(60)


def skipped():
    """Write, then skip."""
    run("INSERT INTO sl_log VALUES (1), (2), (3)")
    raise AirflowSkipException


def reported():
    """Say more than hooks can know."""
    run("INSERT INTO sl_log VALUES (1), (2)")
    for rows in (40, 2):
        report_rows(rows, bytes=1000 * rows, seconds=0.5, pipeline="sales", stage="silver")
    report_rows(7, stage="gold")


def secret():
    """Write with what must not leave the process."""
    run("/* s3cret */ INSERT INTO sl_log SELECT 1 WHERE 's3cret' <> 'x'")
    PostgresHook(CONNECTION).run(
        "INSERT INTO sl_log SELECT 1 WHERE %s = 's3cret'", parameters=("s3cret",)
    )
    return told(2)


def stalled(name):
    """Write, and have an exporter that is away in the way of that name."""
    os.environ["AIRFLOW_PERF_EXPORTER_URL"] = json.loads(os.environ["TEST_STALLS"])[name]
    if name == "unresolved":
        socket.getaddrinfo = lambda *_, **__: time.sleep(30)
    run("INSERT INTO sl_log VALUES (1)")


@task
def mapped(rows):
    """Write in several instances."""
    run(f"INSERT INTO sl_log SELECT generate_series(1, {rows})")
    return told(rows, stage="bronze")


with DAG("warehouse", schedule=None, start_date=START, default_args={"retry_delay": 0}):
    (
        sql(
            "br_created",
            "DROP TABLE IF EXISTS br_orders",
            "CREATE TABLE br_orders AS SELECT id, 'new' AS state FROM generate_series(1, 1000) id",
            "CREATE TABLE sl_orders (LIKE br_orders)",
            rows=1000,
        )
        >> sql(
            "sl_inserted",
            "WITH old AS (SELECT 10 AS id)\n"
            "INSERT INTO sl_orders SELECT o.* FROM br_orders o, old WHERE o.id > old.id",
            rows=990,
        )
        >> sql("sl_updated", "UPDATE sl_orders SET state = 'old' WHERE id < 100", rows=89)
        >> sql("only_read", "SELECT count(*) FROM sl_orders")
    )
    (
        PythonOperator(task_id="gd_inserted", python_callable=insert_rows)
        >> sql("gd_deleted", "DELETE FROM gd_rows WHERE id < 7", "SELECT * FROM gd_rows", rows=7)
        >> PythonOperator(task_id="gd_copied", python_callable=copy)
    )
    mapped.expand(rows=[10, 20, 30])
    PythonOperator(task_id="retried", python_callable=retried, retries=1)
    PythonOperator(task_id="skipped", python_callable=skipped)
    PythonOperator(task_id="secret", python_callable=secret)

with DAG("reports", schedule=None, start_date=START):
    PythonOperator(task_id="reported", python_callable=reported)

with DAG("stalls", schedule=None, start_date=START, max_active_tasks=1):
    for stall in json.loads(os.environ["TEST_STALLS"]):
        PythonOperator(task_id=stall, python_callable=stalled, op_args=[stall])
