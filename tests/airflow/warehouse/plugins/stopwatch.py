"""A plugin that writes down how long other listeners hold a task up at its end."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path

from airflow.listeners import hookimpl
from airflow.plugins_manager import AirflowPlugin


class Stopwatch:
    """Runs around all other listeners."""

    @hookimpl(hookwrapper=True)
    def on_task_instance_success(self, task_instance):
        """Write the seconds into a file."""
        start = time.monotonic()
        yield
        seconds = time.monotonic() - start
        name = f"seconds-{task_instance.dag_id}-{task_instance.task_id}-{os.getpid()}"
        (Path(os.environ["TEST_TRUTHS"]) / name).write_text(json.dumps(seconds))


class StopwatchPlugin(AirflowPlugin):
    """The stopwatch."""

    name = "stopwatch"
    listeners = [Stopwatch()]  # noqa: RUF012 - as Airflow declares it
