"""Which try a log file belongs to, by its path: Airflow's `log_filename_template`."""

from __future__ import annotations

import re
from collections.abc import Iterable

from exporter.model import Task

DEFAULT_TEMPLATE = re.compile(
    r"/dag_id=(?P<dag_id>[^/]+)/run_id=(?P<run_id>[^/]+)/task_id=(?P<task_id>[^/]+)"
    r"/(?:map_index=(?P<map_index>[^/]+)/)?attempt=(?P<try_number>[^/.]+)\.log$"
)
"""Airflow's default; another needs the groups `dag_id` and `task_id`, the others may be missing."""
MAX_PATH_BYTES = 4096
"""What is longer is no path: the kernel itself does not take it."""
_NUMBER = re.compile("-?[0-9]{1,18}")
_DELETED = b" (deleted)"
"""What the kernel puts behind the name of a file that has been removed."""


def task_of_log(path: bytes, template: re.Pattern[str] = DEFAULT_TEMPLATE) -> Task | None:
    """Return the try whose log a path is, or None; `path` is as /proc/PID/fd shows it."""
    if len(path) > MAX_PATH_BYTES:
        return None
    found = template.search(path.removesuffix(_DELETED).decode(errors="replace"))
    if found is None:
        return None
    groups = found.groupdict()
    dag_id, task_id = groups.get("dag_id"), groups.get("task_id")
    if not (dag_id and task_id):
        return None
    map_index = _number(groups.get("map_index"))
    if map_index is None and "map_index" in groups:
        map_index = -1
    return Task(dag_id, task_id, groups.get("run_id"), map_index, _number(groups.get("try_number")))


def task_of_logs(
    paths: Iterable[bytes], template: re.Pattern[str] = DEFAULT_TEMPLATE
) -> Task | None:
    """Return the first try that a path names; open files come with the highest descriptor first.

    A worker may still hold the log of the try before, which it opened earlier.
    """
    return next((task for path in paths if (task := task_of_log(path, template))), None)


def _number(text: str | None) -> int | None:
    return int(text) if text and _NUMBER.fullmatch(text) else None
