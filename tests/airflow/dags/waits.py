"""Tasks that wait without running (`waits`), and tasks held in every live state (`held`)."""

from __future__ import annotations

from datetime import timedelta

from parts import DAG, START, DeferringOperator, PythonOperator, PythonSensor, hold, released, rest


def fail_first(ti):
    """Fail the first try only."""
    if ti.try_number == 1:
        raise RuntimeError("the first try fails")


with DAG("waits", schedule=None, start_date=START, tags=["slow"]):
    DeferringOperator(task_id="deferred", seconds=4)
    # Below 12 s the executor of 3.3 sees the next poke before the end of the last.
    PythonSensor(
        task_id="rescheduled", python_callable=released, mode="reschedule", poke_interval=12
    )

with DAG("held", schedule=None, start_date=START, max_active_runs=2):
    # A pool of three that counts the deferred: the last of the crowd stays scheduled.
    DeferringOperator(task_id="parked", pool="crowd", priority_weight=10)
    PythonOperator.partial(task_id="crowded", python_callable=hold, pool="crowd").expand(
        op_args=[[300], [301], [302]]
    )
    PythonOperator(task_id="marked", python_callable=hold)
    PythonOperator(
        task_id="resting",
        python_callable=fail_first,
        retries=1,
        retry_delay=timedelta(seconds=25),
    )
    PythonOperator(task_id="stepping", python_callable=rest, op_args=[0])
