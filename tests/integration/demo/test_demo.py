"""`demo` as a user starts it: its real task processes are told by DAG and task."""

from __future__ import annotations

import re
from pathlib import Path
from time import monotonic, sleep

from tests.support.exporter import ExporterProcess

PATIENCE_SECONDS = 60
_TASK = re.compile(r'^(task_\w+)\{dag_id="([^"]+)",task_id="([^"]+)"\} (\S+)$', re.MULTILINE)


def test_every_family_of_tasks_moves_for_tasks_of_the_demo(tmp_path: Path) -> None:
    wanted = {
        "task_memory_usage_bytes", "task_cpu_usage_percent", "task_cpu_seconds_total",
        "task_running_instances", "task_processes", "task_peak_memory_bytes_count",
    }  # fmt: skip
    highest: dict[str, float] = {}
    with ExporterProcess(tmp_path, "--docker.host", "none", command="demo") as daemon:
        daemon.wait_ready(30)
        deadline = monotonic() + PATIENCE_SECONDS
        while not wanted <= {name for name, value in highest.items() if value > 0}:
            assert monotonic() < deadline, highest
            sleep(0.5)
            for name, dag_id, task_id, value in _TASK.findall(daemon.scrape()):
                assert dag_id
                assert task_id
                highest[name] = max(highest.get(name, 0.0), float(value))
        daemon.terminate()
    # Nothing but what a few small Python processes can have.
    assert 1e6 < highest["task_memory_usage_bytes"] < 1e9
    assert highest["task_cpu_usage_percent"] <= 500
