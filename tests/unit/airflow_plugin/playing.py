"""The plugin's module, and tasks that run with it."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

FILE = Path(__file__).parents[3] / "deploy/airflow/plugins/airflow_perf_exporter_plugin.py"
LINEAGE = "airflow.providers.common.sql.hooks.lineage"


def loaded() -> Any:
    """Return the plugin's module as Airflow makes it, which may be several times in a process."""
    spec = importlib.util.spec_from_file_location(FILE.stem, FILE)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules[FILE.stem] = module
    spec.loader.exec_module(module)
    return module


def task_instance(**changes: Any) -> Any:
    """Return what Airflow hands to a listener."""
    facts = {"dag_id": "d", "task_id": "t", "run_id": "r", "map_index": -1, "try_number": 2}
    return SimpleNamespace(**{**facts, "task": SimpleNamespace(), **changes})


def play(plugin: Any, work: Callable[[], object], **changes: Any) -> None:
    """Let a task run from its start to its good end."""
    listener = plugin._Listener()
    instance = task_instance(**changes)
    listener.on_task_instance_running(instance)
    work()
    listener.on_task_instance_success(instance)
