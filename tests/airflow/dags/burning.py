"""Tasks that use a known amount of CPU and memory, and write down what it really was."""

from __future__ import annotations

import json
import os
import re
import resource
import time
from pathlib import Path

from parts import DAG, START, BashOperator, PythonOperator, task

MIB = 1024 * 1024
_BURN = "import time; exec('while time.process_time() < {seconds}: pass')"


def burn(seconds, mebibytes=0):
    """Use so many seconds of CPU, holding so much memory, and write down the truth."""
    held = bytearray(os.urandom(MIB)) * mebibytes
    until = time.process_time() + seconds
    while time.process_time() < until:
        pass
    rollup = Path("/proc/self/smaps_rollup").read_text()
    peak = int(re.search(r"^Pss:\s+(\d+) kB", rollup, re.MULTILINE)[1]) * 1024
    del held
    write_down(peak)


def write_down(peak=None):
    """Write what this process and its ended children have used since it was forked."""
    use = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    cpu = sum(each.ru_utime + each.ru_stime for each in use)
    task_id, run_id = (os.environ[f"AIRFLOW_CTX_{name}"] for name in ("TASK_ID", "DAG_RUN_ID"))
    path = Path(os.environ["TEST_TRUTHS"]) / f"{task_id}-{os.getpid()}.json"
    path.write_text(json.dumps({"task_id": task_id, "run_id": run_id, "cpu": cpu, "peak": peak}))


class Shell(BashOperator):
    """Write down what the shell's children have used once they have ended."""

    def execute(self, context):
        """Run the command."""
        super().execute(context)
        write_down()


@task
def mapped(seconds):
    """Burn in several instances at a time."""
    burn(seconds)


with DAG("burning", schedule=None, start_date=START):
    PythonOperator(task_id="heavy", python_callable=burn, op_args=[5, 150])
    PythonOperator(task_id="half", python_callable=burn, op_args=[0.5])
    children = " & ".join([f'python3 -c "{_BURN.format(seconds=2.5)}"'] * 2)
    Shell(task_id="shell", bash_command=f"({children} & wait)")
    mapped.expand(seconds=[2.5, 2.5, 2.5])
