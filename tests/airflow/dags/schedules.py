"""DAGs with a schedule: one that comes often, one that is at its maximum, one that is paused."""

from __future__ import annotations

from datetime import timedelta

from parts import DAG, START, DeltaDataIntervalTimetable, PythonOperator, hold, rest


def every(**interval):
    """Return the arguments of a DAG with a fixed data interval that never catches up."""
    timetable = DeltaDataIntervalTimetable(timedelta(**interval))
    return {"schedule": timetable, "start_date": START, "catchup": False}


with DAG("often", **every(seconds=20), tags=["scheduled"]):
    PythonOperator(task_id="tick", python_callable=rest, op_args=[0.3])

with DAG("daily", **every(days=1)):
    PythonOperator(task_id="once", python_callable=rest, op_args=[0])

# Its next run's time is empty while the only run that it may have is held.
with DAG("full", **every(hours=1), max_active_runs=1):
    PythonOperator(task_id="holding", python_callable=hold)

with DAG("sleeping", **every(hours=1), is_paused_upon_creation=True):
    PythonOperator(task_id="never", python_callable=rest, op_args=[0])
