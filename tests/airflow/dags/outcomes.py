"""Every way in which a try ends: one run of `outcomes` fails, one run of `good` succeeds."""

from __future__ import annotations

import os
import signal
import time
from datetime import timedelta

from parts import (
    DAG,
    START,
    AirflowSkipException,
    BashOperator,
    EmptyOperator,
    PythonOperator,
    rest,
    task,
)


def pass_on_retry(ti):
    """Fail the first try only."""
    if ti.try_number == 1:
        raise RuntimeError("the first try fails")


def fail():
    """Fail every try."""
    raise RuntimeError("every try fails")


def skip():
    """End as skipped, having run."""
    raise AirflowSkipException


def die():
    """End as the kernel's OOM killer ends a task: no state is ever reported."""
    os.kill(os.getpid(), signal.SIGKILL)


@task(pool="narrow")
def mapped(number):
    """Run three at a time in a pool of two."""
    time.sleep(number / 2)


with DAG(
    "outcomes",
    schedule=None,
    start_date=START,
    tags=["finance", "nightly"],
    default_args={"owner": "data-team", "retry_delay": timedelta(seconds=1)},
):
    succeeding = PythonOperator(
        task_id="succeeding", python_callable=rest, op_args=[2], owner="platform"
    )
    succeeding >> EmptyOperator(task_id="nothing")
    PythonOperator(task_id="retried", python_callable=pass_on_retry, retries=1)
    failing = PythonOperator(task_id="failing", python_callable=fail, retries=1)
    failing >> PythonOperator(task_id="blocked", python_callable=rest, op_args=[0])
    PythonOperator(task_id="skipped", python_callable=skip)
    PythonOperator(task_id="killed", python_callable=die)
    PythonOperator(
        task_id="timed_out",
        python_callable=rest,
        op_args=[30],
        execution_timeout=timedelta(seconds=2),
    )
    BashOperator(task_id="shell", bash_command="sleep 1.5 & wait")
    PythonOperator(task_id="heavy", python_callable=rest, op_args=[1], queue="heavy")
    mapped.expand(number=[1, 2, 3])

with DAG("good", schedule=None, start_date=START, default_args={"owner": "platform"}):
    PythonOperator(task_id="quick", python_callable=rest, op_args=[0])
