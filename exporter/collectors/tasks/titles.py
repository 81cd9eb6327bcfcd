"""What the title of a process says about its part in Airflow; anybody can write anything there.

Sources of the titles: Airflow 2.10 standard_task_runner.py and task_command.py, task SDK 1.x
task_runner.py and supervisor.py, local_executor.py of both.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from exporter.model import Task

MAX_TITLE_BYTES = 4096
"""What is read of a title."""
_AIRFLOW = b"airflow "
_UUID = "[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
_TASK = re.compile(f"airflow worker -- ({_UUID})")
_SUPERVISOR = re.compile(f"airflow (?:worker -- LocalExecutor|supervisor): ({_UUID})")
_RUNNER_2 = "airflow task runner: "
_SUPERVISOR_2 = "airflow task supervisor: ["
_QUOTED = re.compile(r"""'([^']*)'|"([^"]*)\"""")
_RUN_2 = ["airflow", "tasks", "run"]
_MOST_DIGITS = 18


class Title(NamedTuple):
    """A process that works on a try, or that watches over one who does."""

    at_work: bool
    """False for a supervisor, and for a child of it that has not changed its title yet."""
    key: str
    """What supervisor and task process of a try have in common."""
    identity: str | None
    """`task_instance.id` (3.x) or `job.id` (2.x), where the title has it."""
    task: Task | None
    """2.x titles name the task."""


def titled(cmdline: bytes) -> Title | None:
    """Read /proc/PID/cmdline; None for everything that has nothing to do with a try."""
    if not cmdline.startswith(_AIRFLOW):
        return None
    # A title is shorter than the arguments that it stands in place of: the rest is NULs or blanks.
    text = cmdline[:MAX_TITLE_BYTES].rstrip(b"\0 ").decode(errors="replace")
    if found := _TASK.fullmatch(text):
        return Title(True, found[1], found[1], None)
    if found := _SUPERVISOR.fullmatch(text):
        return Title(False, found[1], found[1], None)
    if text.startswith(_RUNNER_2):
        return _runner(text.removeprefix(_RUNNER_2))
    if text.startswith(_SUPERVISOR_2):
        return _supervisor(text.removeprefix(_SUPERVISOR_2))
    return None


def _runner(text: str) -> Title | None:
    """Read `DAG TASK RUN JOB`; of these only the run may hold blanks."""
    try:
        dag_id, task_id, rest = text.split(" ", 2)
    except ValueError:
        return None  # cut, and the task's name may have been cut with it
    run_id, _, job = rest.rpartition(" ")
    known = bool(run_id) and _is_number(job)
    if not (dag_id and task_id and rest):
        return None
    task = Task(dag_id, task_id, run_id if known else None)
    return Title(True, f"{dag_id} {task_id}", job if known else None, task)


def _supervisor(text: str) -> Title | None:
    """Read the rest of `['airflow', 'tasks', 'run', DAG, TASK, RUN, '--local', ...]`."""
    words = [single or double for single, double in _QUOTED.findall(text)]
    command, names, options = words[:3], words[3:6], words[6:]
    if command != _RUN_2 or len(names) < 3 or not all(names):  # noqa: PLR2004 - see the format
        return None
    dag_id, task_id, run_id = names
    map_index = -1
    if "--map-index" in options[:-1]:
        value = options[options.index("--map-index") + 1]
        map_index = int(value) if _is_number(value) else -1
    task = Task(dag_id, task_id, run_id, map_index)
    return Title(False, f"{dag_id} {task_id}", None, task)


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdecimal() and len(text) <= _MOST_DIGITS
