"""Every option declared once, with its default."""

from __future__ import annotations

import pwd
import re
from dataclasses import MISSING, Field, dataclass, fields
from pathlib import Path
from typing import Any

from exporter import catalogue
from exporter.config.option import Option, duration, on_or_off, option
from exporter.dsn import DsnFile
from exporter.logs import FORMATS, LEVELS
from exporter.values import (
    Given,
    count,
    free_path,
    log_pattern,
    metric_prefix,
    one_of,
    pattern,
    positive_count,
    seconds,
)  # fmt: skip

_MOST_DIGITS = 10


def container_prefix(text: str) -> str:
    """Read the first word of the names of containers' families; no two families may share one."""
    names = catalogue.renamed(metric_prefix(text))
    if taken := (catalogue.BY_NAME.keys() - names.keys()) & {*names.values()}:
        message = f"a word that leaves other families their names, such as {min(taken)}"
        raise ValueError(message)
    return text


def existing_family(text: str) -> str:
    """Read the name of a metric family that the catalogue declares."""
    if text not in catalogue.BY_NAME:
        message = "the name of an exported metric family"
        raise ValueError(message)
    return text


def user_id(text: str) -> int:
    """Read a user's name on this host, or an id."""
    if text.isascii() and text.isdecimal() and len(text) <= _MOST_DIGITS:
        return int(text)
    try:
        return pwd.getpwnam(text).pw_uid
    except (KeyError, ValueError):
        message = "the name or id of a user"
        raise ValueError(message) from None


@dataclass(frozen=True, slots=True)
class Settings:
    """Every setting of the daemon, with its default."""

    config_file: Path | None = option(
        "--config.file", None, "YAML file with the same keys as the flags, nested.", Path, "FILE"
    )
    state_path: Path | None = option(
        "--state.path",
        None,
        "Directory of the ledger: with it, totals survive a restart and downtime is caught up. "
        "Without it, counters start at zero from now.",
        Path,
        "DIRECTORY",
    )
    log_level: str = option(
        "--log.level", "info", f"Least severe level that is logged ({', '.join(LEVELS)}).",
        one_of(*LEVELS), "LEVEL",
    )  # fmt: skip
    log_format: str | None = option(
        "--log.format", None,
        f"Form of the log ({', '.join(FORMATS)}); console on a terminal, else json.",
        one_of(*FORMATS), "FORMAT",
    )  # fmt: skip
    listen_address: tuple[str, ...] = option(
        "--web.listen-address", (":10112",), "Address to serve on; may be given several times.",
        Given, "ADDRESS", repeatable=True, keeps_origin=True,
    )  # fmt: skip
    telemetry_path: str = option(
        "--web.telemetry-path", "/metrics", "Path under which metrics are served.", free_path,
        "PATH",
    )  # fmt: skip
    max_requests: int = option(
        "--web.max-requests", 40, "Most requests answered at a time; above, 503. 0 is no limit.",
        count, "NUMBER",
    )  # fmt: skip
    enable_intake: bool = on_or_off(
        "--web.enable-intake", False,
        "Take what tasks, containers, the Airflow plugin and sidecars tell of tries.",
    )  # fmt: skip
    intake_address: tuple[str, ...] = option(
        "--web.intake-address", ("127.0.0.1:10113",),
        "Address where it is taken; may be given several times.",
        Given, "ADDRESS", repeatable=True, keeps_origin=True,
    )  # fmt: skip
    intake_token_file: Path | None = option(
        "--web.intake-token-file", None,
        "Bearer token that senders must show; read again when the file changes.", Path, "FILE",
    )  # fmt: skip
    airflow: bool = on_or_off("--collector.airflow", True, "Sample the Airflow metadata database.")
    airflow_interval: float = duration(
        "--collector.airflow.interval", 5.0, "How often the database is sampled."
    )
    airflow_timeout: float = duration(
        "--collector.airflow.timeout", 5.0, "How long one sample of the database may take."
    )
    airflow_facts_interval: float = duration(
        "--collector.airflow.facts-interval", 60.0,
        "How often facts that change slowly are read (DAGs, tags, pools, components).",
    )  # fmt: skip
    dsn_file: DsnFile | None = option(
        "--airflow.dsn-file", None,
        "File with the database's address; read again on each reconnect.", DsnFile, "FILE",
        keeps_origin=True,
    )  # fmt: skip
    allow_dsn_command: bool = on_or_off(
        "--airflow.allow-dsn-command", False,
        "Run the program that AIRFLOW__DATABASE__SQL_ALCHEMY_CONN_CMD, or sql_alchemy_conn_cmd in "
        "airflow.cfg, names.",
    )  # fmt: skip
    airflow_schema: Given | None = option(
        "--airflow.schema", None, "PostgreSQL schema of Airflow's tables.", Given, "NAME",
        keeps_origin=True,
    )  # fmt: skip
    airflow_home: Path | None = option(
        "--airflow.home", None, "Airflow's home, to find airflow.cfg and airflow.db.", Path,
        "DIRECTORY",
    )  # fmt: skip
    overlap: float = duration(
        "--airflow.overlap", 120.0,
        "How much of the past each sample reads again: commits and clocks may be this late.",
    )  # fmt: skip
    heartbeat_timeout: float = duration(
        "--airflow.heartbeat-timeout", 300.0,
        "Age from which a running try's heartbeat is stale, as Airflow is configured.",
    )  # fmt: skip
    default_queue: str = option(
        "--airflow.default-queue", "default", "Queue that is always exposed.", str, "NAME"
    )
    dag_include: re.Pattern[str] | None = option(
        "--airflow.dag-include", None, "Only DAGs whose whole id matches are exposed by DAG.",
        pattern, "REGEX",
    )  # fmt: skip
    dag_exclude: re.Pattern[str] | None = option(
        "--airflow.dag-exclude", None, "DAGs whose whole id matches are not exposed by DAG.",
        pattern, "REGEX",
    )  # fmt: skip
    team: re.Pattern[str] | None = option(
        "--airflow.team-regex", None,
        "Finds the team in a DAG's owners, then its tags: the first group, or the whole match.",
        pattern, "REGEX",
    )  # fmt: skip
    rows_file: Path | None = option(
        "--rows.file", None,
        "YAML file of the pipelines and stages that tasks belong to, and of what fields of their "
        "XCom are called.",
        Path, "FILE",
    )  # fmt: skip
    rows_grace: float = duration(
        "--rows.grace", 10.0,
        "How long a finished try waits for somebody to tell how much data it wrote.", seconds,
    )  # fmt: skip
    rows_xcom: bool = on_or_off(
        "--rows.xcom", True, "Read from XCom how much data tries wrote, where that is granted."
    )
    dbt_path: Path | None = option(
        "--dbt.path", None,
        "Directory below which dbt leaves its run_results.json: each is read once, for the rows "
        "that it tells.",
        Path, "DIRECTORY",
    )  # fmt: skip
    dbt_interval: float = duration(
        "--dbt.interval", 10.0, "How often that directory is looked through."
    )
    scaling: bool = on_or_off(
        "--scaling", True, "Tell by queue how many workers are desired (docs/scaling.md)."
    )
    scaling_concurrency: int = option(
        "--scaling.concurrency", 16, "Task slots of one worker (Airflow's worker_concurrency).",
        positive_count, "NUMBER",
    )  # fmt: skip
    scaling_min_workers: int = option(
        "--scaling.min-workers", 1, "Fewest workers of a queue.", count, "NUMBER"
    )
    scaling_max_workers: int | None = option(
        "--scaling.max-workers", None, "Most workers of a queue; never more are asked for.", count,
        "NUMBER",
    )  # fmt: skip
    scaling_drain_target: float = duration(
        "--scaling.drain-target", 120.0, "Within which time what is queued should have started."
    )
    scaling_boot_time: float = duration(
        "--scaling.boot-time", 90.0,
        "How long a worker takes from being asked for to taking tasks: so far the schedule is "
        "looked ahead.",
    )  # fmt: skip
    scaling_parallelism: int | None = option(
        "--scaling.parallelism", None,
        "Airflow's [core] parallelism: more workers than the schedulers keep busy are not asked "
        "for.",
        positive_count, "NUMBER",
    )  # fmt: skip
    containers: bool = on_or_off(
        "--collector.containers", True, "Read CPU and memory of containers from their cgroups."
    )
    containers_interval: float = duration(
        "--collector.containers.interval", 5.0,
        "How often CPU, memory in use, its peak and OOM kills are read.",
    )  # fmt: skip
    containers_timeout: float = duration(
        "--collector.containers.timeout", 5.0, "How long one sample of the containers may take."
    )
    containers_details_interval: float = duration(
        "--collector.containers.details-interval", 15.0,
        "How often the parts of memory, limits, throttling and pressure are read.",
    )  # fmt: skip
    metric_prefix: str = option(
        "--containers.metric-prefix", catalogue.CONTAINER_PREFIX,
        "First word of the container_* names; airflow_container where cAdvisor or a kubelet is "
        "scraped as well.",
        container_prefix, "PREFIX",
    )  # fmt: skip
    dag_label: tuple[str, ...] = option(
        "--containers.dag-label", ("dag_id",),
        "Container label that names the DAG; may be given several times, the first found counts.",
        repeatable=True, metavar="LABEL",
    )  # fmt: skip
    task_label: tuple[str, ...] = option(
        "--containers.task-label", ("task_id",), "Likewise for the task.", repeatable=True,
        metavar="LABEL",
    )  # fmt: skip
    docker_host: str | None = option(
        "--docker.host", None,
        "Address of the Docker engine, or none; else DOCKER_HOST, else the usual socket, if there.",
        str, "URL",
    )  # fmt: skip
    docker_stats: bool = on_or_off(
        "--docker.stats-api",
        False,
        "Ask the engine for what no cgroup file tells. Slow: one to two seconds a container.",
    )
    procfs: Path = option(
        "--path.procfs", Path("/proc"), "Where the processes are found.", Path, "DIRECTORY"
    )
    cgroupfs: Path = option(
        "--path.cgroupfs", Path("/sys/fs/cgroup"), "Where the cgroups are found.", Path,
        "DIRECTORY",
    )  # fmt: skip
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
    baselines_file: Path | None = option(
        "--baselines.file", None,
        "YAML file of what stages and components should reach; without it, the shipped one.",
        Path, "FILE",
    )  # fmt: skip
    disabled: tuple[str, ...] = option(
        "--metrics.disable", (), "Metric family that is not exposed; may be given several times.",
        existing_family, "FAMILY", repeatable=True,
    )  # fmt: skip
    hold: float = duration(
        "--series.hold", 60.0,
        "How long a new series is published at 0 before it counts, so that increase() sees it.",
        seconds,
    )  # fmt: skip
    idle_expiry: float = duration(
        "--series.idle-expiry", 7 * 86400.0, "How long an idle counter or histogram stays."
    )
    max_histogram_children: int = option(
        "--series.max-histogram-children", 10_000, "Most label sets of one histogram.", count,
        "NUMBER",
    )  # fmt: skip
    max_per_family: int = option(
        "--series.max-per-family", 50_000, "Most label sets of any other family.", count, "NUMBER"
    )


def options() -> dict[str, Option]:
    """Return every option by the name of its field."""
    return {each.name: each.metadata["option"] for each in fields(Settings)}


def default(name: str) -> Any:  # noqa: ANN401 - each field has its own type
    """Return the default of a field."""
    found: Field[Any] = next(each for each in fields(Settings) if each.name == name)
    return None if found.default is MISSING else found.default


def shown(value: object) -> str:
    """Return a default as a user would write it; empty for nothing."""
    if value is None or value == ():
        return ""
    if isinstance(value, tuple):
        return ", ".join(value)
    if isinstance(value, bool):
        return "on" if value else "off"
    return f"{value:g}s" if isinstance(value, float) else str(value)
