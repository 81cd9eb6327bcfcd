"""Options that say how processes of tasks are read and named, and who is told of them."""

from __future__ import annotations

import pwd
import re
from dataclasses import dataclass
from pathlib import Path

from exporter.config.option import duration, on_or_off, option
from exporter.values import log_pattern

_MOST_DIGITS = 10


def user_id(text: str) -> int:
    """Read a user's name on this host, or an id."""
    if text.isascii() and text.isdecimal() and len(text) <= _MOST_DIGITS:
        return int(text)
    try:
        return pwd.getpwnam(text).pw_uid
    except (KeyError, ValueError):
        message = "the name or id of a user"
        raise ValueError(message) from None


@dataclass(frozen=True)
class TaskSettings:
    """How the processes of tasks are read, who names them, who takes over what they used."""

    tasks: bool = on_or_off(
        "--collector.tasks", True, "Read CPU and memory of the processes of running tasks."
    )
    tasks_interval: float = duration(
        "--collector.tasks.interval", 1.0, "How often CPU and resident memory are read."
    )
    tasks_timeout: float = duration(
        "--collector.tasks.timeout", 5.0, "How long one sample of the tasks may take."
    )
    tasks_details_interval: float = duration(
        "--collector.tasks.details-interval", 15.0,
        "How often proportional memory is read, and storage I/O of what shows no sign of work.",
    )  # fmt: skip
    log_pattern: re.Pattern[str] | None = option(
        "--tasks.log-pattern", None,
        "Finds the task in the path of its log file, by groups named dag_id, task_id and, where "
        "there are any, run_id, map_index, try_number; for another log_filename_template than "
        "Airflow's.",
        log_pattern, "REGEX",
    )  # fmt: skip
    read_environ: bool = on_or_off(
        "--tasks.read-environ",
        False,
        "Read AIRFLOW_CTX_DAG_ID and AIRFLOW_CTX_TASK_ID from the environment of processes that "
        "nothing else names.",
    )
    task_users: tuple[int, ...] = option(
        "--tasks.user", (),
        "User whose processes are taken for tasks, by name or id; may be given several times. "
        "Without it everybody's are.",
        user_id, "USER", repeatable=True,
    )  # fmt: skip
    pod_info: Path | None = option(
        "--kubernetes.pod-info", None,
        "Directory where the downward API puts the pod's annotations, labels, name and namespace.",
        Path, "DIRECTORY",
    )  # fmt: skip
    pods_url: str | None = option(
        "--kubernetes.pods-url", None,
        "Pod list of the kubelet or the API server, for names of pods on this node.", str, "URL",
    )  # fmt: skip
    pods_token_file: Path | None = option(
        "--kubernetes.token-file", None, "Bearer token for the pod list; read on each call.",
        Path, "FILE",
    )  # fmt: skip
    pods_ca_file: Path | None = option(
        "--kubernetes.ca-file", None, "Certificates that the pod list's server is verified with.",
        Path, "FILE",
    )  # fmt: skip
    pods_node: str | None = option(
        "--kubernetes.node", None, "This node's name, for the API server's pod list.", str, "NAME"
    )
    forward_url: str | None = option(
        "--forward.url", None,
        "Exporter that takes over what a try used: for a sidecar in a pod of one task.",
        str, "URL",
    )  # fmt: skip
    forward_token_file: Path | None = option(
        "--forward.token-file", None, "Bearer token for that exporter.", Path, "FILE"
    )
    forward_ca_file: Path | None = option(
        "--forward.ca-file", None, "Certificates that it is verified with.", Path, "FILE"
    )
