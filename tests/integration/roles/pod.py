"""A pod of one task: a proc file system of its processes alone, and its downward API files."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from time import monotonic, sleep

import psutil

from tests.integration.collectors.tasks import supervisor

REPOSITORY = Path(__file__).parents[3]
ANNOTATIONS = {
    "dag_id": "sales",
    "task_id": "load.orders",
    "run_id": "manual__2026-01-01",
    "try_number": "2",
}


class Pod:
    """Real processes with Airflow's titles, which nobody else's exporter has to see."""

    def __init__(self, directory):
        self.procfs, self.podinfo = directory / "proc", directory / "podinfo"
        for path in (self.procfs, self.podinfo):
            path.mkdir()
        self.show("self")
        self.annotate(ANNOTATIONS)
        self._log = directory / "dag_id=sales/run_id=by log/task_id=load.orders/attempt=7.log"
        self._log.parent.mkdir(parents=True)
        self._supervisor = None

    def show(self, pid):
        """Let the proc file system have a process."""
        (self.procfs / str(pid)).symlink_to(f"/proc/{pid}")

    def run(self, workload, amount):
        """Start the one task and return when both of its processes are to be seen."""
        self._supervisor = subprocess.Popen(
            [
                *(sys.executable, "-S", supervisor.__file__),
                *("3", str(self._log), workload, str(amount), "x" * 200),
            ],
            stdout=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": str(REPOSITORY), "POLLS": "1"},
        )
        self.show(self._supervisor.pid)
        deadline = monotonic() + 10
        while not (children := psutil.Process(self._supervisor.pid).children()):
            assert monotonic() < deadline
            sleep(0.01)
        self.show(children[0].pid)

    def close(self):
        """End what still runs."""
        if self._supervisor is not None:
            for each in psutil.Process(self._supervisor.pid).children():
                each.kill()
            self._supervisor.kill()
            self._supervisor.wait()
            self._supervisor.stdout.close()

    def annotate(self, annotations):
        """Write what the downward API tells."""
        text = "".join(f'{key}="{value}"\n' for key, value in annotations.items())
        (self.podinfo / "annotations").write_text(text)
