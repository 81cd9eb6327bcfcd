"""Which task a process works on: the first of several sources that tells.

In this order: the pod, which serves one task; the title (Airflow 2.x); the log file that is held
open (3.x); the environment of what the task has started; the database. A descendant of a task
process needs no name of its own: it belongs to the tree.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, replace

from exporter.collectors.tasks.logfile import DEFAULT_TEMPLATE, task_of_logs
from exporter.collectors.tasks.own_cgroup import WorkingSet
from exporter.collectors.tasks.processes import Process
from exporter.collectors.tasks.procfs import Procfs
from exporter.identity.pod import id_text
from exporter.model import Task

_MAX_ENVIRON_BYTES = 128 * 1024
_MAX_ENVIRONS = 8
"""Processes of one tree whose environment is looked into."""
_DAG_KEY = b"AIRFLOW_CTX_DAG_ID"
_TASK_KEY = b"AIRFLOW_CTX_TASK_ID"


@dataclass(frozen=True, slots=True)
class Sources:
    """What may be asked; every source is optional but the process itself."""

    users: Collection[int] = ()
    """Whose titles are believed, by user id; everybody's where none is given."""

    pod: Callable[[], Task | None] = lambda: None
    """The one task that this pod serves, if so."""
    log_template: re.Pattern[str] = DEFAULT_TEMPLATE
    read_environ: bool = False
    """Whether to look into environments, which may hold secrets; two keys are used."""
    container: Callable[[int], WorkingSet | None] = lambda _pid: None
    """The memory of a process's container, asked where the pod serves one task."""
    identity: Callable[[str], Task | None] = lambda _identity: None
    """The database's answer for a `task_instance.id` (3.x) or `job.id` (2.x)."""


def named(
    procfs: Procfs,
    sources: Sources,
    process: Process,
    supervisor: Process | None,
    descendants: Iterable[int],
) -> Task | None:
    """Return the task of a task process, or None when nobody tells."""
    told = sources.pod() or _by_title(process)
    if told is not None:
        return _completed(told, procfs, sources, process, supervisor)
    return (
        _by_log(procfs, sources, process, supervisor)
        or (_by_environ(procfs, descendants) if sources.read_environ else None)
        or _by_identity(sources, process)
    )


def task_of_environ(environ: bytes) -> Task | None:
    """Read the two keys that Airflow sets for programs that a task starts."""
    found = {}
    for entry in environ.split(b"\0"):
        key, _, value = entry.partition(b"=")
        if key in {_DAG_KEY, _TASK_KEY} and value:
            found[key] = value.decode(errors="replace")
    if len(found) < 2:  # noqa: PLR2004 - both keys
        return None
    return Task(found[_DAG_KEY], found[_TASK_KEY])


def _credible(task: Task | None) -> Task | None:
    """Leave out what is no id of Airflow's: who may start a process may title it as he likes."""
    if task is None or not (id_text(task.dag_id) and id_text(task.task_id)):
        return None
    return replace(task, run_id=id_text(task.run_id))


def _by_title(process: Process | None) -> Task | None:
    return _credible(process.title.task) if process and process.title else None


def _completed(
    told: Task, procfs: Procfs, sources: Sources, process: Process, supervisor: Process | None
) -> Task:
    """Add which try it is, where a pod's labels or a title do not tell."""
    if told.names_try:
        return told
    # A title has no try number, and only the supervisor's has the map index.
    for other in (_by_log(procfs, sources, process, supervisor), _by_title(supervisor)):
        if other is not None:
            told = told.completed(other)
    return told


def _by_log(
    procfs: Procfs, sources: Sources, process: Process, supervisor: Process | None
) -> Task | None:
    # An idle worker still holds the log of its last try, so a supervisor is asked only while it
    # is titled with the try that this process works on.
    candidates = [process]
    key = process.title.key if process.title else None
    if supervisor and supervisor.title and supervisor.title.key == key:
        candidates.append(supervisor)
    for each in candidates:
        task = _credible(task_of_logs(procfs.open_files(each.id.pid), sources.log_template))
        if task is not None:
            return task
    return None


def _by_environ(procfs: Procfs, descendants: Iterable[int]) -> Task | None:
    for pid in list(descendants)[:_MAX_ENVIRONS]:
        task = _credible(task_of_environ(procfs.environ(pid, _MAX_ENVIRON_BYTES) or b""))
        if task is not None:
            return task
    return None


def _by_identity(sources: Sources, process: Process) -> Task | None:
    identity = process.title.identity if process.title else None
    return sources.identity(identity) if identity else None
