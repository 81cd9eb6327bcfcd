"""What the test DAGs are made of, under one name on Airflow 2 and 3."""

from __future__ import annotations

import asyncio
import os
import time
from datetime import datetime, timedelta, timezone
from pathlib import Path

try:
    from airflow.providers.standard.operators.bash import BashOperator
    from airflow.providers.standard.operators.empty import EmptyOperator
    from airflow.providers.standard.operators.python import PythonOperator
    from airflow.providers.standard.sensors.python import PythonSensor
    from airflow.providers.standard.triggers.temporal import TimeDeltaTrigger
    from airflow.sdk import DAG, BaseOperator, task
    from airflow.sdk.exceptions import AirflowSkipException
except ImportError:  # Airflow 2
    from airflow import DAG
    from airflow.decorators import task
    from airflow.exceptions import AirflowSkipException
    from airflow.models import BaseOperator
    from airflow.operators.bash import BashOperator
    from airflow.operators.empty import EmptyOperator
    from airflow.operators.python import PythonOperator
    from airflow.sensors.python import PythonSensor
    from airflow.triggers.temporal import TimeDeltaTrigger

from airflow.timetables.interval import DeltaDataIntervalTimetable
from airflow.triggers.base import BaseTrigger, TriggerEvent

__all__ = [
    "DAG",
    "START",
    "AirflowSkipException",
    "BashOperator",
    "DeferringOperator",
    "DeltaDataIntervalTimetable",
    "EmptyOperator",
    "PythonOperator",
    "PythonSensor",
    "ReleaseTrigger",
    "hold",
    "released",
    "rest",
    "task",
]

START = datetime(2024, 1, 1, tzinfo=timezone.utc)


class ReleaseTrigger(BaseTrigger):
    """Fire once the test releases every held task."""

    def serialize(self):
        """Return how the triggerer makes this trigger: this folder is in its PYTHONPATH."""
        return "parts.ReleaseTrigger", {}

    async def run(self):
        """Look for the file from time to time."""
        while not released():
            await asyncio.sleep(0.2)
        yield TriggerEvent(None)


class DeferringOperator(BaseOperator):
    """Give its worker slot back until a trigger fires, then end."""

    def __init__(self, *, seconds=None, **kwargs):
        super().__init__(**kwargs)
        self.seconds = seconds

    def execute(self, context):
        """Wait in the triggerer: for some seconds, or else until the release."""
        seconds = self.seconds
        trigger = TimeDeltaTrigger(timedelta(seconds=seconds)) if seconds else ReleaseTrigger()
        self.defer(trigger=trigger, method_name="resume")

    def resume(self, context, event=None):
        """Go on where the trigger fired."""
        time.sleep(0.2)


def released():
    """Tell whether the test has made the file that releases every held task."""
    return Path(os.environ["TEST_RELEASE_FILE"]).exists()


def hold(most_seconds=300):
    """Run until the release."""
    deadline = time.monotonic() + most_seconds
    while not released() and time.monotonic() < deadline:
        time.sleep(0.2)


def rest(seconds):
    """Run for some seconds; `time.sleep` itself has no signature that Airflow could read."""
    time.sleep(seconds)
